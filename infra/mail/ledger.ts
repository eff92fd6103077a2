import { WRITE_SUPPRESSIONS } from '../customers/suppression-lock.ts';
import { statement, type Sql, type Statement } from '../db/sql.ts';

/** States of a message; the numbers stand in the table. */
export const messageStates = { pending: 0, sending: 1, sent: 2, failed: 3, skipped: 4, in_doubt: 5 } as const;

/** An attempt's hold on a lane: without it no row is granted. */
export interface Hold {
  readonly mailNo: number;
  readonly laneId: number;
  readonly epoch: number;
  /** Row of the counters this lane writes. */
  readonly shard: number;
  readonly connectionNo: number;
  /** Variant of those who have none yet. */
  readonly variant: number | null;
  /** Mails one customer gets in so many days at most, journeys and other campaigns included. */
  readonly cap: FrequencyCap | null;
  /** Whether who has left the journey's step by now is skipped. */
  readonly isJourney: boolean;
}

export interface FrequencyCap {
  readonly mails: number;
  readonly days: number;
}

/** What ended without questions: accepted, or not known. Refusals go through `settleRefusals`. */
export interface Ended {
  readonly ordinal: number;
  readonly state: 2 | 3 | 5;
  readonly reason: string | null;
  readonly reply: string;
}

export interface TickResult {
  readonly granted: readonly number[];
  readonly skipped: readonly number[];
}

/** A definite "not sent" and what it means. */
export interface Refusal {
  readonly ordinal: number;
  /** `requeue`: pending again and no attempt used. `retry`: due again at `dueInMs`. `fail`: ended. */
  readonly verdict: 'requeue' | 'retry' | 'fail';
  readonly usesAttempt: boolean;
  readonly dueInMs: number;
  readonly reason: string | null;
  readonly reply: string;
  /** Suppress the address: it is dead. */
  readonly isHardBounce: boolean;
  readonly bounceClass: 'hard' | 'soft' | 'block' | null;
}

/**
 * Writes what ended and asks for what comes next, in one statement: its commit is the intent of the granted messages,
 * and no other way leads to `sending`. Suppression, pause (`mail.open`), ownership (`lane.epoch`) and the frequency cap
 * are checked in it.
 * $1-$4 ended: ordinals, states, reasons, replies; $5 mail; $6 epoch; $7 wanted ordinals; $8 lane; $9 shard; $10 variant;
 * $11 connection; $12, $13 mails and days of the cap.
 */
function tickText(options: { readonly retries: boolean; readonly capped: boolean; readonly journey?: boolean }): string {
  const hasLeft = options.journey ? "not exists (select from enrollment e where e.id = m.enrollment_id and e.visit = m.visit and e.state = 'active')" : 'false';
  const isOver = options.capped
    ? '(select count(*) from message p where p.customer_id = c.id and (p.mail_no <> $5 or p.ordinal <> m.ordinal) and p.state in (1, 2, 5) and p.started_at > now() - make_interval(days => $13)) >= $12'
    : 'false';
  return /* sql */ `
with ended as (
  update message m set state = u.state, reason = u.reason, reply = u.reply, ended_at = clock_timestamp()
    from unnest($1::int[], $2::int2[], $3::text[], $4::text[]) u(ordinal, state, reason, reply)
   where m.mail_no = $5 and m.ordinal = u.ordinal and m.epoch = $6 and m.state = 1
  returning m.state, m.variant, m.reason),
granted as (
  update message m
     set state = case when c.mailable and not ${hasLeft} and not ${isOver} then 1 else 4 end,
         reason = case when c.mailable then case when ${hasLeft} then 'cancelled' when ${isOver} then 'frequency_cap' end when c.is_unsubscribed then 'unsubscribed' when c.is_bounced then 'bounced' else 'suppressed' end,
         connection_no = l.connection_no, variant = coalesce(m.variant, $10::int2), epoch = $6, attempt = m.attempt + 1, started_at = clock_timestamp()
    from customer c, lane l, mail
   where m.mail_no = $5 and m.ordinal = any($7::int[]) and m.state = 0 and c.id = m.customer_id
     and l.id = $8 and l.epoch = $6 and mail.no = $5 and mail.open
  returning m.ordinal, m.state, m.variant, m.reason),
${options.retries ? 'taken as (delete from retry r using granted g where r.mail_no = $5 and r.ordinal = g.ordinal),' : ''}
settled as (select state, variant, reason from ended union all select state, variant, reason from granted where state = 4),
counted as (
  insert into mail_count (mail_no, hour, connection_no, variant, shard, sent, failed, skipped, in_doubt)
  select $5, date_trunc('hour', now(), 'UTC'), $11, coalesce(variant, 0), $9, count(*) filter (where state = 2), count(*) filter (where state = 3),
         count(*) filter (where state = 4), count(*) filter (where state = 5)
    from settled group by coalesce(variant, 0)
  on conflict (mail_no, hour, connection_no, variant, shard) do update
     set sent = mail_count.sent + excluded.sent, failed = mail_count.failed + excluded.failed,
         skipped = mail_count.skipped + excluded.skipped, in_doubt = mail_count.in_doubt + excluded.in_doubt),
reasoned as (
  insert into reason_count (mail_no, state, reason, shard, count)
  select $5, state, reason, $9, count(*) from settled where state <> 2 group by state, reason
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
select ordinal, state from granted union all select count(*)::int, -1::int2 from ended`;
}
const tickStatements = {
  fresh: statement('ledger-tick', tickText({ retries: false, capped: false })),
  retries: statement('ledger-tick-retry', tickText({ retries: true, capped: false })),
  capped: statement('ledger-tick-capped', tickText({ retries: true, capped: true })),
  journey: statement('ledger-tick-journey', tickText({ retries: true, capped: false, journey: true })),
  cappedJourney: statement('ledger-tick-journey-capped', tickText({ retries: true, capped: true, journey: true })),
};

/**
 * Of two mails that ask for the same customer at the same moment, the second must see the first one's intent to count it for
 * the cap. Every message the tick will write is held before any customer, as everybody locks them.
 * $1 mail; $2 ordinals, those that ended too.
 */
const heldStatement = statement('ledger-held', /* sql */ `
with held as materialized (select customer_id, state from message where mail_no = $1 and ordinal = any($2::int[]) order by ordinal for no key update)
select 1 from customer where id in (select customer_id from held where state = 0) order by id for no key update`);

/** Outcomes of an attempt that lost its hold: the rows were put in doubt meanwhile, and this is the evidence. An erased person's words are not kept. */
const lateStatement = statement('ledger-late', /* sql */ `
with held as (
  select m.ordinal, m.reason as doubt, m.variant, u.state, u.reason, u.reply from message m join unnest($1::int[], $2::int2[], $3::text[], $4::text[]) u(ordinal, state, reason, reply) using (ordinal)
   where m.mail_no = $5 and m.epoch = $6 and m.state = 5 and u.state <> 5 order by m.ordinal for update of m),
late as (
  update message m set state = h.state, reason = h.reason, reply = case h.doubt when 'erased' then null else h.reply end, ended_at = clock_timestamp()
    from held h where m.mail_no = $5 and m.ordinal = h.ordinal),
reasoned as (
  insert into reason_count (mail_no, state, reason, shard, count)
  select $5, state, reason, $7, sum(n) from (
    select 5 as state, doubt as reason, -1 as n from held union all select state, reason, 1 from held where state <> 2) moved group by state, reason
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
insert into mail_count (mail_no, hour, connection_no, variant, shard, sent, failed, in_doubt)
select $5, date_trunc('hour', now(), 'UTC'), $8, coalesce(variant, 0), $7, count(*) filter (where state = 2), count(*) filter (where state = 3), -count(*)
  from held group by coalesce(variant, 0)
on conflict (mail_no, hour, connection_no, variant, shard) do update
   set sent = mail_count.sent + excluded.sent, failed = mail_count.failed + excluded.failed, in_doubt = mail_count.in_doubt + excluded.in_doubt`);

/**
 * Begins an attempt: takes a new epoch for the lane, and what an earlier attempt left `sending` in the range becomes in doubt.
 * @returns undefined when the lane is gone: a newer run of the campaign has made others
 */
export async function takeHold(sql: Sql, input: { readonly mailNo: number; readonly laneId: number; readonly from: number; readonly to: number; readonly ordinals?: readonly number[]; readonly variant: number | null }): Promise<Hold | undefined> {
  return sql.transaction(async (tx) => {
    const mail = await tx.first<{ epoch: number }>('update mail set epoch = epoch + 1 where no = $1 returning epoch', [input.mailNo]);
    if (mail === undefined) return undefined;
    const lane = await tx.first<{ shard: number; connectionNo: number; mails: number | null; days: number | null }>(
      'update lane set epoch = $3 from sending_setting s where id = $1 and mail_no = $2 returning shard, connection_no as "connectionNo", s.cap_mails as mails, s.cap_days as days',
      [input.laneId, input.mailNo, mail.epoch]);
    if (lane === undefined) return undefined;
    await doubt(tx, { mailNo: input.mailNo, from: input.from, to: input.to, ...(input.ordinals === undefined ? {} : { ordinals: input.ordinals }), before: mail.epoch, shard: lane.shard });
    const cap = lane.mails === null || lane.days === null ? null : { mails: lane.mails, days: lane.days };
    return { mailNo: input.mailNo, laneId: input.laneId, epoch: mail.epoch, shard: lane.shard, connectionNo: lane.connectionNo, variant: input.variant, cap, isJourney: input.ordinals !== undefined };
  });
}

/** Rows that an older epoch left `sending` become in doubt: the server may have taken them; of whom something was heard already, it has. Part of the caller's transaction. */
export async function doubt(tx: Sql, range: { readonly mailNo: number; readonly from: number; readonly to: number; readonly ordinals?: readonly number[]; readonly before: number; readonly shard: number }): Promise<void> {
  if (range.ordinals === undefined) await tx.run(DOUBT, [range.mailNo, range.from, range.to, range.before, range.shard]);
  else await tx.run(DOUBT_CHOSEN, [range.mailNo, range.ordinals, range.before, range.shard]);
}

const doubtText = (which: string, before: string, shard: string) => /* sql */ `
with left_over as (
  select ordinal, exists (select from event e where e.customer_id = m.customer_id and e.mail_no = m.mail_no and e.ordinal = m.ordinal) as is_proven
    from message m where mail_no = $1 and ${which} and state = 1 and epoch < ${before} order by ordinal for update of m),
doubted as (
  update message m set state = case when l.is_proven then 2 else 5 end, reason = case when l.is_proven then null else 'interrupted' end, ended_at = now()
    from left_over l where m.mail_no = $1 and m.ordinal = l.ordinal returning m.connection_no, m.variant, m.state),
reasoned as (
  insert into reason_count (mail_no, state, reason, shard, count) select $1, 5, 'interrupted', ${shard}, count(*) from doubted where state = 5 having count(*) > 0
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
insert into mail_count (mail_no, hour, connection_no, variant, shard, sent, in_doubt)
select $1, date_trunc('hour', now(), 'UTC'), connection_no, coalesce(variant, 0), ${shard}, count(*) filter (where state = 2), count(*) filter (where state = 5) from doubted group by 3, 4
on conflict (mail_no, hour, connection_no, variant, shard) do update set sent = mail_count.sent + excluded.sent, in_doubt = mail_count.in_doubt + excluded.in_doubt`;
const DOUBT = statement('ledger-doubt', doubtText('ordinal between $2 and $3', '$4', '$5'));
const DOUBT_CHOSEN = statement('ledger-doubt-chosen', doubtText('ordinal = any($2::int[])', '$3', '$4'));

/**
 * One tick. Outcomes that found their row in doubt are written there too.
 * @param takesRetries whether due retries are among those wanted
 */
export async function tick(sql: Sql, hold: Hold, ended: readonly Ended[], wanted: readonly number[], takesRetries: boolean): Promise<TickResult> {
  const columns = [ended.map((e) => e.ordinal), ended.map((e) => e.state), ended.map((e) => e.reason), ended.map((e) => e.reply)];
  const query: Statement = hold.isJourney ? tickStatements[hold.cap === null ? 'journey' : 'cappedJourney'] : hold.cap !== null ? tickStatements.capped : takesRetries ? tickStatements.retries : tickStatements.fresh;
  const ask = (on: Sql) => on.rows<{ ordinal: number; state: number }>(query, [
    ...columns, hold.mailNo, hold.epoch, wanted, hold.laneId, hold.shard, hold.variant, hold.connectionNo, ...(hold.cap === null ? [] : [hold.cap.mails, hold.cap.days])]);
  const rows = hold.cap === null || wanted.length === 0 ? await ask(sql) : await sql.transaction(async (tx) => {
    await tx.rows(heldStatement, [hold.mailNo, [...ended.map((e) => e.ordinal), ...wanted]]);
    return ask(tx);
  });
  const granted: number[] = [];
  const skipped: number[] = [];
  let written = 0;
  for (const row of rows) {
    if (row.state === messageStates.sending) granted.push(row.ordinal);
    else if (row.state === messageStates.skipped) skipped.push(row.ordinal);
    else written = row.ordinal;
  }
  if (written < ended.length) await sql.run(lateStatement, [...columns, hold.mailNo, hold.epoch, hold.shard, hold.connectionNo]);
  return { granted, skipped };
}

/** Gives back what this attempt may have been granted and never began: a definite "not sent". */
export async function takeBack(sql: Sql, hold: Hold, granted: readonly { readonly ordinal: number; readonly isRetry?: boolean }[]): Promise<void> {
  if (granted.length === 0) return;
  await sql.run(
    `with back as (update message set state = 0, attempt = attempt - 1 where mail_no = $1 and ordinal = any($2::int[]) and epoch = $3 and state = 1 returning ordinal)
     insert into retry (mail_no, ordinal, due_at) select $1, ordinal, now() from back where ordinal = any($4::int[]) on conflict do nothing`,
    [hold.mailNo, granted.map((each) => each.ordinal), hold.epoch, granted.filter((each) => each.isRetry).map((each) => each.ordinal)],
  );
}

/** Rows of so many ordinals at most: the outbox takes whole rows, and while a campaign sends fast it wants little at a time. */
const TOLD_AT_ONCE = 500;

/** Tells the index that these messages were sent: outbox rows of ordinals as ranges, `[from, to, from, to, …]`. */
export async function tellSent(sql: Sql, mailNo: number, ordinals: readonly number[]): Promise<void> {
  const sorted = [...ordinals].sort((a, b) => a - b);
  for (let at = 0; at < sorted.length; at += TOLD_AT_ONCE) {
    const ranges: number[] = [];
    for (const ordinal of sorted.slice(at, at + TOLD_AT_ONCE)) {
      if (ranges.at(-1) === ordinal - 1) ranges[ranges.length - 1] = ordinal;
      else ranges.push(ordinal, ordinal);
    }
    await sql.run(`insert into outbox (topic, ids, payload) values ('sent', $1, jsonb_build_object('mail', $2::int))`, [ranges, mailNo]);
  }
}

/** Why nothing was granted. */
export async function standing(sql: Sql, hold: Hold): Promise<'open' | 'closed' | 'fenced'> {
  const row = await sql.first<{ open: boolean; epoch: number }>('select mail.open, l.epoch from mail, lane l where mail.no = $1 and l.id = $2', [hold.mailNo, hold.laneId]);
  if (row === undefined || row.epoch !== hold.epoch) return 'fenced';
  return row.open ? 'open' : 'closed';
}

const refusedStatement = statement('ledger-refused', /* sql */ `
update message m
   set state = case u.verdict when 'fail' then 3 else 0 end, reason = u.reason, reply = u.reply,
       attempt = m.attempt - case when u.uses_attempt then 0 else 1 end, ended_at = case u.verdict when 'fail' then clock_timestamp() end
  from unnest($1::int[], $2::text[], $3::boolean[], $4::text[], $5::text[]) u(ordinal, verdict, uses_attempt, reason, reply)
 where m.mail_no = $6 and m.ordinal = u.ordinal and m.epoch = $7 and m.state = 1
returning m.ordinal, m.customer_id as "customerId", coalesce(m.variant, 0) as variant`);

/**
 * Settles refusals in one transaction: states, retries, and for dead addresses the suppression, the customer's flags,
 * the event and the outbox row. Rows that are no longer this attempt's are left alone.
 * @returns whether the outbox has something new
 */
export async function settleRefusals(sql: Sql, hold: Hold, refusals: readonly Refusal[]): Promise<boolean> {
  return sql.transaction(async (tx) => {
    // Before any message, as everybody does: who erases holds it and waits for messages.
    if (refusals.some((refusal) => refusal.isHardBounce)) await tx.run(WRITE_SUPPRESSIONS);
    const rows = await tx.rows<{ ordinal: number; customerId: number; variant: number }>(refusedStatement, [
      refusals.map((r) => r.ordinal), refusals.map((r) => r.verdict), refusals.map((r) => r.usesAttempt), refusals.map((r) => r.reason), refusals.map((r) => r.reply),
      hold.mailNo, hold.epoch,
    ]);
    const rowByOrdinal = new Map(rows.map((row) => [row.ordinal, row]));
    const mine = refusals.filter((refusal) => rowByOrdinal.has(refusal.ordinal));
    const retries = mine.filter((refusal) => refusal.verdict === 'retry');
    if (retries.length > 0) {
      await tx.run(
        `insert into retry (mail_no, ordinal, due_at) select $1, o, now() + make_interval(secs => d / 1000.0) from unnest($2::int[], $3::float8[]) u(o, d)
         on conflict (mail_no, ordinal) do update set due_at = excluded.due_at`,
        [hold.mailNo, retries.map((r) => r.ordinal), retries.map((r) => r.dueInMs)],
      );
    }
    const failed = mine.filter((refusal) => refusal.verdict === 'fail');
    if (failed.length === 0) return false;
    const bounced = failed.filter((refusal) => refusal.bounceClass !== null);
    await tx.run(FAILED, [
      hold.mailNo, hold.connectionNo, hold.shard, failed.map((r) => rowByOrdinal.get(r.ordinal)!.variant), failed.map((r) => r.reason ?? 'other'), failed.map((r) => r.bounceClass)]);
    if (bounced.length === 0) return false;
    const of = (refusal: Refusal) => rowByOrdinal.get(refusal.ordinal)!.customerId;
    await tx.run(
      `with bounced as (insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, detail)
         select 'bounced', c, $1, o, now(), 'smtp', jsonb_build_object('class', k, 'reply', r) from unnest($2::bigint[], $3::int[], $4::text[], $5::text[]) u(c, o, k, r) returning id)
       insert into outbox (topic, ids) select 'event', array_agg(id) from bounced`,
      [hold.mailNo, bounced.map(of), bounced.map((r) => r.ordinal), bounced.map((r) => r.bounceClass), bounced.map((r) => r.reply)],
    );
    const dead = bounced.filter((refusal) => refusal.isHardBounce);
    if (dead.length === 0) return true;
    await suppress(tx, { customerIds: dead.map(of), reason: 'hard_bounce', source: 'webhook', causes: dead.map((r) => r.reply) });
    return true;
  });
}

const FAILED = statement('ledger-failed', /* sql */ `
with asked as (select * from unnest($4::int2[], $5::text[], $6::text[]) u(variant, reason, class)),
reasoned as (
  insert into reason_count (mail_no, state, reason, shard, count) select $1, 3, reason, $3, count(*) from asked group by reason
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
insert into mail_count (mail_no, hour, connection_no, variant, shard, failed, bounced, hard_bounced, blocked)
select $1, date_trunc('hour', now(), 'UTC'), $2, variant, $3, count(*), count(class), count(*) filter (where class = 'hard'), count(*) filter (where class = 'block') from asked group by variant
on conflict (mail_no, hour, connection_no, variant, shard) do update
   set failed = mail_count.failed + excluded.failed, bounced = mail_count.bounced + excluded.bounced,
       hard_bounced = mail_count.hard_bounced + excluded.hard_bounced, blocked = mail_count.blocked + excluded.blocked`);

/**
 * Suppresses customers inside a transaction: their flags, the suppression (a first reason stays, later ones join its
 * history) and one outbox row. Doing it again changes nothing.
 */
export async function suppress(
  tx: Sql,
  input: { readonly customerIds: readonly number[]; readonly reason: 'hard_bounce' | 'unsubscribed'; readonly source: 'webhook' | 'tracking_link'; readonly causes: readonly string[] },
): Promise<void> {
  const flag = input.reason === 'hard_bounce' ? 'is_bounced' : 'is_unsubscribed';
  // Before any customer row: who adds a customer holds this table first, and one would wait for the other.
  await tx.run(WRITE_SUPPRESSIONS);
  await tx.run(
    `with asked as (select * from unnest($1::bigint[], $2::text[]) u(id, cause)),
     locked as (select c.id from customer c join asked on asked.id = c.id order by c.id for update of c),
     marked as (update customer c set ${flag} = true, is_suppressed = true, version = c.version + 1, updated_at = now()
       from locked where c.id = locked.id and not (c.${flag} and c.is_suppressed) returning c.id),
     listed as (insert into suppression (email_key, email, reason, source, cause)
       select distinct on (c.email_key) c.email_key, c.email, $3, $4, nullif(asked.cause, '') from customer c join asked on asked.id = c.id order by c.email_key
       on conflict (email_key) do update set history = suppression.history || jsonb_build_object('reason', excluded.reason, 'source', excluded.source, 'cause', excluded.cause, 'at', now())
         where suppression.reason <> excluded.reason)
     insert into outbox (topic, ids) select 'customer', array_agg(id) from marked having count(*) > 0`,
    [input.customerIds, input.causes, input.reason, input.source],
  );
}
