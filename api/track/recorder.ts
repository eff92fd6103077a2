import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../infra/container.ts';
import { suppress } from '../../infra/mail/ledger.ts';
import type { TrackingTarget } from '../../infra/mail/tracking-id.ts';
import { statement, type Sql } from '../../infra/db/sql.ts';

export interface Engagement {
  readonly type: 'opened' | 'clicked';
  readonly target: TrackingTarget;
  readonly at: number;
  /** A HEAD request, a known scanner. Opens within 2 s of sending are found in the database. */
  readonly isMachine: boolean;
}

/** Requests of one organization within this time share one commit. */
const BATCH_MS = 20;
const BATCH_MAX = 1_000;
const MACHINE_OPEN_SECONDS = 2;

/**
 * Stores a batch in one statement: events, first engagement and totals of the messages, counters of mail and links.
 * Ids that name no message of this organization store nothing. Rows are locked in key order, so batches cannot deadlock.
 */
const record = statement('track-record', /* sql */ `
with asked as (
  select * from unnest($1::text[], $2::int[], $3::int[], $4::int2[], $5::timestamptz[], $6::boolean[]) with ordinality u(type, mail_no, ordinal, link_no, at, is_machine, n)),
locked as (
  select m.mail_no, m.ordinal, m.customer_id, m.ended_at, m.first_opened_at, m.first_clicked_at from message m
   where (m.mail_no, m.ordinal) in (select mail_no, ordinal from asked) order by m.mail_no, m.ordinal for update),
seen as (
  select a.*, l.customer_id, l.first_opened_at, l.first_clicked_at,
         a.is_machine or (a.type = 'opened' and l.ended_at is not null and a.at < l.ended_at + interval '${MACHINE_OPEN_SECONDS} seconds') as machine
    from asked a join locked l using (mail_no, ordinal)),
stored as (
  insert into event (type, customer_id, mail_no, ordinal, link_no, occurred_at, source, machine)
  select type, customer_id, mail_no, ordinal, case type when 'clicked' then link_no end, at, 'tracking_link', machine from seen),
human as (
  select mail_no, ordinal, bool_and(first_opened_at is null) as is_first_open, bool_and(first_clicked_at is null) as is_first_click,
         count(*) filter (where type = 'opened') as opens, count(*) filter (where type = 'clicked') as clicks,
         min(at) filter (where type = 'opened') as opened_at, min(at) filter (where type = 'clicked') as clicked_at
    from seen where not machine group by mail_no, ordinal),
touched as (
  update message m set first_opened_at = coalesce(m.first_opened_at, h.opened_at), first_clicked_at = coalesce(m.first_clicked_at, h.clicked_at),
         open_count = m.open_count + h.opens, click_count = m.click_count + h.clicks
    from human h where m.mail_no = h.mail_no and m.ordinal = h.ordinal),
counted as (
  insert into mail_count (mail_no, hour, shard, opened, clicked, unique_opened, unique_clicked)
  select mail_no, date_trunc('hour', now(), 'UTC'), 0, sum(opens), sum(clicks), count(*) filter (where opens > 0 and is_first_open), count(*) filter (where clicks > 0 and is_first_click)
    from human group by mail_no order by mail_no
  on conflict (mail_no, hour, shard) do update
     set opened = mail_count.opened + excluded.opened, clicked = mail_count.clicked + excluded.clicked,
         unique_opened = mail_count.unique_opened + excluded.unique_opened, unique_clicked = mail_count.unique_clicked + excluded.unique_clicked),
clicker as (
  insert into link_clicker (mail_no, link_no, ordinal) select distinct mail_no, link_no, ordinal from seen where type = 'clicked' and not machine
  on conflict do nothing returning mail_no, link_no)
insert into link_count (mail_no, link_no, clicks, unique_clicks)
select s.mail_no, s.link_no, count(*), (select count(*) from clicker c where c.mail_no = s.mail_no and c.link_no = s.link_no)
  from seen s where s.type = 'clicked' and not s.machine group by s.mail_no, s.link_no order by 1, 2
on conflict (mail_no, link_no) do update set clicks = link_count.clicks + excluded.clicks, unique_clicks = link_count.unique_clicks + excluded.unique_clicks`);

interface Batch {
  readonly items: Engagement[];
  readonly done: Promise<void>;
}

export interface Recorder {
  /** Resolves when the engagement is committed. */
  engagement(engagement: Engagement): Promise<void>;
  /** Unsubscribes the reader of a message from the organization; again changes nothing. @returns false for an id that names nobody */
  unsubscribe(target: TrackingTarget): Promise<boolean>;
}

export function createRecorder(container: Pick<Container, 'tenants' | 'gateway'>): Recorder {
  const open = new Map<number, Batch>();

  function begin(orgNo: number): Batch {
    const items: Engagement[] = [];
    const done = new Promise<void>((resolve) => setTimeout(resolve, BATCH_MS)).then(() => {
      open.delete(orgNo);
      return container.tenants.useNo(orgNo, ({ sql }) => store(sql, items));
    });
    return { items, done };
  }

  return {
    engagement(engagement) {
      const { orgNo } = engagement.target;
      const waiting = open.get(orgNo);
      const batch = waiting !== undefined && waiting.items.length < BATCH_MAX ? waiting : begin(orgNo);
      open.set(orgNo, batch);
      batch.items.push(engagement);
      return batch.done;
    },
    async unsubscribe(target) {
      try {
        return await container.tenants.useNo(target.orgNo, async ({ sql, org }) => {
          const found = await sql.transaction((tx) => unsubscribe(tx, target));
          if (found) container.gateway.nudgeOutbox(org.id);
          return found;
        });
      } catch (error) {
        if (error instanceof AppError && error.code === 'not_found') return false;
        throw error;
      }
    },
  };
}

async function store(sql: Sql, items: readonly Engagement[]): Promise<void> {
  await sql.run(record, [
    items.map((e) => e.type), items.map((e) => e.target.mailNo), items.map((e) => e.target.ordinal), items.map((e) => e.target.link),
    items.map((e) => new Date(e.at).toISOString()), items.map((e) => e.isMachine),
  ]);
}

async function unsubscribe(tx: Sql, target: TrackingTarget): Promise<boolean> {
  const message = await tx.first<{ customerId: number; isFirst: boolean }>(
    `select customer_id as "customerId", unsubscribed_at is null as "isFirst" from message where mail_no = $1 and ordinal = $2 for update`,
    [target.mailNo, target.ordinal],
  );
  if (message === undefined) return false;
  await suppress(tx, { customerIds: [message.customerId], reason: 'unsubscribed', source: 'tracking_link', causes: [''] });
  if (!message.isFirst) return true;
  await tx.run('update message set unsubscribed_at = now() where mail_no = $1 and ordinal = $2', [target.mailNo, target.ordinal]);
  await tx.run(
    "insert into event (type, customer_id, mail_no, ordinal, occurred_at, source) values ('unsubscribed', $1, $2, $3, now(), 'tracking_link')",
    [message.customerId, target.mailNo, target.ordinal],
  );
  await tx.run(
    `insert into mail_count (mail_no, hour, shard, unsubscribed) values ($1, date_trunc('hour', now(), 'UTC'), 0, 1)
     on conflict (mail_no, hour, shard) do update set unsubscribed = mail_count.unsubscribed + 1`,
    [target.mailNo],
  );
  return true;
}
