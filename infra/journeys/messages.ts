import { settled } from '../db/contention.ts';
import { statement, type Sql } from '../db/sql.ts';
import { doubt, messageStates } from '../mail/ledger.ts';
import type { Place, Standing } from './members.ts';

/** The mail of a send step, with what the cohort left unfinished there. */
export interface StepLedger {
  readonly mailNo: number;
  readonly open: boolean;
  readonly lane: { readonly id: number; readonly epoch: number; readonly shard: number; readonly first: number; readonly last: number } | null;
}

/** @returns undefined where the step has no mail: it was not published as it should be */
export async function readStepLedger(sql: Pick<Sql, 'first'>, place: Place, versionNo: number): Promise<StepLedger | undefined> {
  const row = await sql.first<{ mailNo: number; open: boolean; id: number | null; epoch: number; shard: number; first: number; last: number }>(STEP_LEDGER, [place.journeyId, versionNo, place.node, place.cohortId]);
  return row === undefined ? undefined : { mailNo: row.mailNo, open: row.open, lane: row.id === null ? null : { id: row.id, epoch: row.epoch, shard: row.shard, first: row.first, last: row.last } };
}

const STEP_LEDGER = statement('journey-step-ledger', /* sql */ `
select mail.no as "mailNo", mail.open, l.id, l.epoch, l.shard, l.first_ordinal as first, l.last_ordinal as last
  from mail left join lane l on l.mail_no = mail.no and l.cohort_id = $4 where mail.kind = 'journey' and mail.ref_id = $1 and mail.version_no = $2 and mail.step_id = $3`);

/** A message of somebody's visit. */
export interface Message {
  readonly enrollmentId: number;
  readonly mailNo: number;
  readonly ordinal: number;
  readonly state: number;
  readonly reason: string | null;
  readonly reply: string | null;
  /** When it is tried again, epoch ms; null: no retry is to come. */
  readonly retryAt: number | null;
}

/**
 * Gives everybody of a visit her one message, with ordinals of their own: whoever has one of this visit keeps it, also when an
 * older version of the journey made it before she was moved to this one. Who has left meanwhile gets none.
 */
export async function placeMessages(sql: Sql, place: Place, mailNo: number, members: readonly Standing[]): Promise<Message[]> {
  let known = await readMessages(sql, mailNo, members);
  const stale = known.filter((message) => message.mailNo !== mailNo && message.state === messageStates.pending);
  for (const no of new Set(stale.map((message) => message.mailNo))) await withdraw(sql, no, stale.filter((message) => message.mailNo === no).map((message) => message.ordinal));
  if (stale.length > 0) known = await readMessages(sql, mailNo, members);
  const has = new Set(known.map((message) => message.enrollmentId));
  const missing = members.filter((member) => !has.has(member.enrollmentId));
  if (missing.length === 0) return known;
  const made = await settled(sql, async (tx) => {
    const given = await tx.first<{ last: number }>('update mail set last_ordinal = last_ordinal + $2 where no = $1 returning last_ordinal as last', [mailNo, missing.length]);
    if (given === undefined) return [];
    return tx.rows<{ enrollmentId: number; ordinal: number }>(PLACE, [
      mailNo, given.last - missing.length, place.cohortId, place.node, missing.map((member) => member.enrollmentId), missing.map((member) => member.visit)]);
  });
  return [...known, ...made.map((row) => ({ ...row, mailNo, state: messageStates.pending, reason: null, reply: null, retryAt: null }))];
}

// She cannot change hands while her message is made: who moves her to another cohort sees it afterwards.
const PLACE = statement('journey-place', /* sql */ `
insert into message (mail_no, ordinal, customer_id, enrollment_id, visit)
select $1, $2 + row_number() over (order by id), customer_id, id, visit from (
  select e.id, e.customer_id, e.visit from enrollment e join unnest($5::bigint[], $6::int[]) u(id, visit) on u.id = e.id and u.visit = e.visit
   where e.cohort_id = $3 and e.node_id = $4 and e.state = 'active' order by e.id for share of e) here
on conflict do nothing
returning enrollment_id as "enrollmentId", ordinal`);

/** The message of each one's visit: of this mail, else of an older version's. */
export function readMessages(sql: Pick<Sql, 'rows'>, mailNo: number, members: readonly Pick<Standing, 'customerId' | 'enrollmentId' | 'visit'>[]): Promise<Message[]> {
  return sql.rows(MESSAGES, [mailNo, members.map((member) => member.customerId), members.map((member) => member.enrollmentId), members.map((member) => member.visit)]);
}

const MESSAGES = statement('journey-messages', /* sql */ `
select distinct on (m.enrollment_id) m.enrollment_id as "enrollmentId", m.mail_no as "mailNo", m.ordinal, m.state, m.reason, m.reply, ceil(extract(epoch from r.due_at) * 1000)::float8 as "retryAt"
  from unnest($2::bigint[], $3::bigint[], $4::int[]) u(customer_id, enrollment_id, visit)
  join message m on m.customer_id = u.customer_id and m.enrollment_id = u.enrollment_id and m.visit = u.visit and (m.mail_no = $1 or not (m.state = 4 and m.reason = 'cancelled'))
  left join retry r on r.mail_no = m.mail_no and r.ordinal = m.ordinal
 order by m.enrollment_id, m.mail_no = $1 desc, m.mail_no desc`);

/** The row of the counters a cohort writes: several, so that cohorts seldom wait for each other; 0 is that of engagement. */
const SHARDS = 8;
const shardOf = (cohortId: number) => 1 + (cohortId % SHARDS);

/** The lane of a cohort on a mail, over this connection. @returns its id */
export async function takeLane(sql: Sql, place: Place, mailNo: number, connectionNo: number, ordinals: readonly number[]): Promise<number> {
  const lane = await sql.first<{ id: number }>(TAKE_LANE, [mailNo, connectionNo, shardOf(place.cohortId), place.cohortId, Math.min(...ordinals), Math.max(...ordinals)]);
  return lane!.id;
}

const TAKE_LANE = statement('journey-take-lane', /* sql */ `
insert into lane as l (mail_no, connection_no, shard, cohort_id, first_ordinal, last_ordinal) values ($1, $2, $3, $4, $5, $6)
on conflict (mail_no, cohort_id) where cohort_id is not null
do update set connection_no = excluded.connection_no, first_ordinal = least(l.first_ordinal, excluded.first_ordinal), last_ordinal = greatest(l.last_ordinal, excluded.last_ordinal)
returning id`);

/** Takes the lane away once nothing of the cohort is unfinished there; without it no row is granted any more. */
export async function dropLane(sql: Pick<Sql, 'run'>, place: Place, mailNo: number): Promise<void> {
  await sql.run(DROP_LANE, [mailNo, place.cohortId]);
}

const DROP_LANE = statement('journey-drop-lane', /* sql */ `
delete from lane l where l.mail_no = $1 and l.cohort_id = $2 and not exists (
  select from message m join enrollment e on e.id = m.enrollment_id
   where m.mail_no = $1 and m.ordinal between l.first_ordinal and l.last_ordinal and m.state in (0, 1) and e.cohort_id = $2)`);

/** How many cohorts have something unfinished on a mail. */
export async function waitingCohorts(sql: Pick<Sql, 'first'>, mailNo: number): Promise<number> {
  return (await sql.first<{ n: number }>('select count(*)::int as n from lane where mail_no = $1', [mailNo]))?.n ?? 0;
}

/**
 * Settles what is left of those who have left the step, by their goal, by a person's hand, because the journey was archived:
 * what is pending is skipped; what a worker had in hand that died is in doubt, and its answer still lands should it live.
 */
export async function withdrawLeft(sql: Sql, place: Place, { mailNo, lane }: StepLedger): Promise<void> {
  if (lane === null) return;
  const left = await sql.rows<{ ordinal: number; state: number }>(LEFT, [mailNo, lane.first, lane.last, place.cohortId, place.node]);
  const ordinalsIn = (state: number) => left.filter((row) => row.state === state).map((row) => row.ordinal);
  const [pending, begun] = [ordinalsIn(messageStates.pending), ordinalsIn(messageStates.sending)];
  if (pending.length > 0) await withdraw(sql, mailNo, pending);
  if (begun.length > 0) await doubt(sql, { mailNo, from: 1, to: 0, ordinals: begun, before: lane.epoch + 1, shard: lane.shard });
}

const LEFT = statement('journey-left', /* sql */ `
select m.ordinal, m.state from message m join enrollment e on e.id = m.enrollment_id
 where m.mail_no = $1 and m.ordinal between $2 and $3 and m.state in (0, 1) and e.cohort_id = $4 and not (e.state = 'active' and e.visit = m.visit and e.node_id = $5)`);

/** Pending messages that will not be sent: skipped as `cancelled`, and counted. */
async function withdraw(sql: Sql, mailNo: number, ordinals: readonly number[]): Promise<void> {
  await sql.run(WITHDRAW, [mailNo, ordinals]);
}

const WITHDRAW = statement('journey-withdraw', /* sql */ `
with held as (select ordinal from message where mail_no = $1 and ordinal = any($2::int[]) and state = 0 order by ordinal for update),
gone as (update message m set state = 4, reason = 'cancelled', ended_at = clock_timestamp() from held h where m.mail_no = $1 and m.ordinal = h.ordinal returning coalesce(m.connection_no, 0) as connection_no),
untried as (delete from retry r using held h where r.mail_no = $1 and r.ordinal = h.ordinal),
reasoned as (
  insert into reason_count (mail_no, state, reason, count) select $1, 4, 'cancelled', count(*) from gone having count(*) > 0
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count)
insert into mail_count (mail_no, hour, connection_no, skipped) select $1, date_trunc('hour', now(), 'UTC'), connection_no, count(*) from gone group by connection_no
on conflict (mail_no, hour, connection_no, variant, shard) do update set skipped = mail_count.skipped + excluded.skipped`);
