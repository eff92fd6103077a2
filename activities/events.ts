import type { Transaction } from '../infra/db/sql.ts';
import { suppress } from '../infra/mail/ledger.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { keepActivity } from './customer-activity.ts';

interface Event {
  readonly id: number;
  readonly type: string;
  readonly customerId: number | null;
  readonly mailNo: number | null;
  readonly ordinal: number | null;
  readonly linkNo: number | null;
  readonly machine: boolean;
}

/**
 * Applies arrived events and deletes their outbox rows in one transaction: what each customer did, engagement on the
 * ledger, counters, suppression of those who unsubscribed, customers to index. Rows another attempt applied
 * are gone and count nothing twice.
 */
export async function applyEvents(tenant: Tenant, rows: readonly { readonly id: number }[]): Promise<void> {
  await tenant.sql.transaction(async (tx) => {
    const mine = await tx.rows<{ ids: number[] }>('delete from outbox where id = any($1) returning ids', [rows.map((row) => row.id)]);
    const ids = mine.flatMap((row) => row.ids);
    if (ids.length === 0) return;
    const events = await tx.rows<Event>(
      `select id, type, customer_id as "customerId", mail_no as "mailNo", ordinal, link_no as "linkNo", machine from event where id = any($1) order by id`, [ids]);
    const leaving = events.filter((event) => event.type === 'unsubscribed' && event.customerId !== null);
    // Suppressions, then messages, then customers, as everybody locks them: what is kept of a customer holds her row.
    if (leaving.length > 0) await tx.run('lock table suppression in row exclusive mode');
    await engage(tx, ids, events.filter((event) => !event.machine && event.mailNo !== null && event.ordinal !== null));
    if (leaving.length > 0) await tx.run(countUnsubscribed, [ids]);
    const changed = await keepActivity(tx, ids, new Set(events.map((event) => event.type)));
    if (changed.length > 0) await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [changed]);
    if (leaving.length > 0) await suppress(tx, { customerIds: leaving.map((event) => event.customerId!), reason: 'unsubscribed', source: 'tracking_link', causes: leaving.map(() => '') });
  });
}

/** Opens and clicks of people: the ledger row knows whether it was the first, and only that counts as unique. */
async function engage(tx: Transaction, ids: readonly number[], events: readonly Event[]): Promise<void> {
  if (events.some((event) => event.type === 'opened' || event.type === 'clicked')) await tx.run(countEngagement, [ids]);
  if (events.some((event) => event.type === 'clicked' && event.linkNo !== null)) await tx.run(countLinks, [ids]);
}

// A click is also an open: images may be off, but she has seen the mail.
const countEngagement = /* sql */ `
with arrived as (
  select mail_no, ordinal, min(occurred_at) as first_at, min(occurred_at) filter (where type = 'clicked') as clicked_at,
         count(*) filter (where type = 'opened') as opens, count(*) filter (where type = 'clicked') as clicks
    from event where id = any($1) and not machine and type in ('opened', 'clicked') and mail_no is not null and ordinal is not null
   group by mail_no, ordinal
), held as (
  select m.mail_no, m.ordinal, m.first_opened_at is null as first_open, m.first_clicked_at is null and a.clicked_at is not null as first_click,
         a.first_at, a.clicked_at, a.opens, a.clicks
    from message m join arrived a using (mail_no, ordinal)
   order by m.mail_no, m.ordinal for update of m
), marked as (
  update message m set first_opened_at = least(m.first_opened_at, h.first_at), first_clicked_at = least(m.first_clicked_at, h.clicked_at),
         open_count = m.open_count + h.opens, click_count = m.click_count + h.clicks
    from held h where m.mail_no = h.mail_no and m.ordinal = h.ordinal
)
insert into mail_count (mail_no, hour, opened, clicked, unique_opened, unique_clicked)
select mail_no, date_trunc('hour', first_at, 'UTC'), sum(opens), sum(clicks), count(*) filter (where first_open), count(*) filter (where first_click)
  from held group by 1, 2
on conflict (mail_no, hour, shard) do update
   set opened = mail_count.opened + excluded.opened, clicked = mail_count.clicked + excluded.clicked,
       unique_opened = mail_count.unique_opened + excluded.unique_opened, unique_clicked = mail_count.unique_clicked + excluded.unique_clicked`;

const countLinks = /* sql */ `
with clicks as (
  select mail_no, link_no, ordinal from event
   where id = any($1) and not machine and type = 'clicked' and mail_no is not null and ordinal is not null and link_no is not null
), fresh as (
  insert into link_clicker (mail_no, link_no, ordinal) select distinct mail_no, link_no, ordinal from clicks on conflict do nothing returning mail_no, link_no
)
insert into link_count (mail_no, link_no, clicks, unique_clicks)
select c.mail_no, c.link_no, count(*), (select count(*) from fresh f where f.mail_no = c.mail_no and f.link_no = c.link_no)
  from clicks c group by 1, 2
on conflict (mail_no, link_no) do update
   set clicks = link_count.clicks + excluded.clicks, unique_clicks = link_count.unique_clicks + excluded.unique_clicks`;

const countUnsubscribed = /* sql */ `
with left_by as (
  select mail_no, ordinal, min(occurred_at) as at from event
   where id = any($1) and type = 'unsubscribed' and mail_no is not null and ordinal is not null group by 1, 2
), marked as (
  update message m set unsubscribed_at = l.at from left_by l
   where m.mail_no = l.mail_no and m.ordinal = l.ordinal and m.unsubscribed_at is null
  returning m.mail_no, l.at
)
insert into mail_count (mail_no, hour, unsubscribed)
select mail_no, date_trunc('hour', at, 'UTC'), count(*) from marked group by 1, 2
on conflict (mail_no, hour, shard) do update set unsubscribed = mail_count.unsubscribed + excluded.unsubscribed`;
