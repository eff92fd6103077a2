import { mailEvents, type MailEvent } from '#domain/customer/activity.ts';
import type { Transaction } from '../infra/db/sql.ts';

/** What people were sent and did, kept per customer as the index wants it. Each statement makes a new version of those it touches. */

/**
 * Takes arrived events over. A person's click also says that she opened the mail, once a mail, as in the reports.
 * @returns the customers whose documents changed
 */
export async function keepActivity(tx: Transaction, eventIds: readonly number[], types: ReadonlySet<string>): Promise<number[]> {
  const events = mailEvents.filter((event) => types.has(event.replace('_any', '')) || (event.startsWith('opened') && types.has('clicked')));
  const changed: number[] = [];
  if (events.length > 0) changed.push(...(await tx.rows<{ id: number }>(mailStatement(events), [eventIds])).map((row) => row.id));
  if (types.has('custom')) {
    await tx.run(`insert into custom_event (name) select distinct detail->>'name' from event where id = any($1) and type = 'custom' and detail ? 'name' order by 1 on conflict do nothing`, [eventIds]);
    changed.push(...(await tx.rows<{ id: number }>(CUSTOM, [eventIds])).map((row) => row.id));
  }
  return changed;
}

/** The packed value of a mail (or custom event) number and the second of a time. */
const packed = (no: string, at: string) => `(${no}::bigint << 32) + floor(extract(epoch from ${at}))::bigint`;

// `opened` and `clicked` are people's, `_any` has machines too; the join leaves out whom nobody knows any more.
function mailStatement(events: readonly MailEvent[]): string {
  return /* sql */ `
with arrived as (
  select e.customer_id, e.type, e.machine, e.mail_no, e.occurred_at as at from event e join customer c on c.id = e.customer_id
   where e.id = any($1) and e.type <> 'custom'
), known as (
  select a.customer_id, a.opened_in from customer_activity a where a.customer_id in (select customer_id from arrived where type = 'clicked' and not machine)
), implied as (
  select a.customer_id, 'opened'::text as type, false as machine, a.mail_no, min(a.at) as at from arrived a left join known k using (customer_id)
   where a.type = 'clicked' and not a.machine and a.mail_no is not null
     and not exists (select from arrived o where o.customer_id = a.customer_id and o.mail_no = a.mail_no and o.type = 'opened' and not o.machine)
     and not exists (select from unnest(k.opened_in) v where v >> 32 = a.mail_no)
   group by a.customer_id, a.mail_no
), told as (
  select customer_id, type || suffix as event, mail_no, at from (select * from arrived union all select * from implied) every_one,
    lateral (select '' as suffix where not machine or type not in ('opened', 'clicked') union all select '_any' where type in ('opened', 'clicked')) suffixes
), of_mail as (
  select customer_id, event, mail_no, max(at) as last, count(*) as times from told group by 1, 2, 3
), of_customer as (
  select customer_id, ${events.map((event) => `
    (extract(epoch from max(last) filter (where event = '${event}')) * 1000)::bigint as ${event}_last, sum(times) filter (where event = '${event}') as ${event}_count,
    array_agg(${packed('mail_no', 'last')} order by mail_no) filter (where event = '${event}' and mail_no is not null) as ${event}_in`).join(',')}
    from of_mail group by customer_id
)
insert into customer_activity as a (customer_id, version, ${events.map((event) => `${event}_last, ${event}_count, ${event}_in`).join(', ')})
select customer_id, 1, ${events.map((event) => `${event}_last, ${event}_count, ${event}_in`).join(', ')} from of_customer order by customer_id
on conflict (customer_id) do update set version = a.version + 1, ${events.map((event) => `
  ${event}_last = greatest(a.${event}_last, excluded.${event}_last),
  ${event}_count = case when excluded.${event}_count is null then a.${event}_count else coalesce(a.${event}_count, 0) + excluded.${event}_count end,
  ${event}_in = packed_last(a.${event}_in, excluded.${event}_in)`).join(',')}
returning a.customer_id as id`;
}

/**
 * Takes back clicks on a mail that counted as a person's, and the open they implied when nothing else says that she opened it.
 * Their events are marked as a machine's already.
 * @returns the customer, if her document changed
 */
export async function recantClicks(tx: Transaction, { customerId, mailNo }: { readonly customerId: number; readonly mailNo: number }, clicks: number): Promise<number[]> {
  return (await tx.rows<{ id: number }>(RECANT, [customerId, mailNo, clicks])).map((row) => row.id);
}

/** Values without those of mail $2, and with its last one if there still is one. */
const others = (column: string, last: string) =>
  `(select array_agg(v order by v) from (select v from unnest(a.${column}) v where v >> 32 <> $2 union all select ${packed('$2::int', `${last}`)} where ${last} is not null) x)`;
const lastOf = (column: string, held: string) => `case when ${column} is not null then least(${held}, (select max(v & 4294967295) * 1000 + 999 from unnest(${column}) v)) end`;

const RECANT = /* sql */ `
with left_over as (
  select max(occurred_at) filter (where type = 'clicked') as clicked, coalesce(max(occurred_at) filter (where type = 'opened'), min(occurred_at) filter (where type = 'clicked')) as opened
    from event where customer_id = $1 and mail_no = $2 and type in ('opened', 'clicked') and not machine
), packed_again as (
  select a.customer_id, ${others('clicked_in', 'l.clicked')} as clicked_in, ${others('opened_in', 'l.opened')} as opened_in, l.opened is null as is_unopened
    from customer_activity a cross join left_over l where a.customer_id = $1
)
update customer_activity a set version = a.version + 1, clicked_in = p.clicked_in, opened_in = p.opened_in,
  clicked_count = a.clicked_count - $3::int, opened_count = a.opened_count - case when p.is_unopened then 1 else 0 end,
  clicked_last = ${lastOf('p.clicked_in', 'a.clicked_last')}, opened_last = ${lastOf('p.opened_in', 'a.opened_last')}
  from packed_again p where a.customer_id = p.customer_id
returning a.customer_id as id`;

const CUSTOM = /* sql */ `
with told as (
  select e.customer_id, n.no, max(e.occurred_at) as last, count(*) as times
    from event e join customer c on c.id = e.customer_id join custom_event n on n.name = e.detail->>'name'
   where e.id = any($1) and e.type = 'custom' group by 1, 2
)
insert into customer_activity as a (customer_id, version, custom_events, custom_event_counts)
select customer_id, 1, array_agg(${packed('no', 'last')} order by no), array_agg((no::bigint << 32) + times order by no) from told group by customer_id order by customer_id
on conflict (customer_id) do update set version = a.version + 1,
  custom_events = packed_last(a.custom_events, excluded.custom_events), custom_event_counts = packed_sum(a.custom_event_counts, excluded.custom_event_counts)
returning a.customer_id as id`;

/**
 * Takes over who was sent a mail, and counts it for the domain of her address. Told of the same message twice it changes
 * nothing the second time; the mail of a journey's step that she gets again is known by its later second.
 * @param zone the organization's, whose days the domains are counted by
 * @returns the customers whose documents changed
 */
export async function keepSent(tx: Transaction, sent: readonly SentRanges[], zone: string): Promise<number[]> {
  const ranges = sent.flatMap(({ mailNo, ranges: [...ends] }) => Array.from({ length: ends.length / 2 }, (_, i) => ({ mailNo, from: ends[2 * i]!, to: ends[2 * i + 1]! })));
  const rows = await tx.rows<{ id: number }>(SENT, [ranges.map((each) => each.mailNo), ranges.map((each) => each.from), ranges.map((each) => each.to), zone]);
  return rows.map((row) => row.id);
}

/** Ordinals of a mail as ranges with both ends: `[from, to, from, to, …]`; those that are not sent are left out. */
export interface SentRanges {
  readonly mailNo: number;
  readonly ranges: readonly number[];
}

const SENT = /* sql */ `
with told as (
  select m.customer_id, m.mail_no, max(m.ended_at) as at, count(distinct m.ordinal) as times, min(split_part(c.email_key, '@', 2)) as domain
    from unnest($1::int[], $2::int[], $3::int[]) r(mail_no, first, last) join message m on m.mail_no = r.mail_no and m.ordinal between r.first and r.last and m.state = 2
    join customer c on c.id = m.customer_id left join customer_activity a on a.customer_id = m.customer_id
   where not exists (select from unnest(a.sent_in) v where v >> 32 = m.mail_no and v & 4294967295 >= floor(extract(epoch from m.ended_at))::bigint)
   group by 1, 2
), counted as (
  insert into domain_count (mail_no, on_day, domain, sent) select mail_no, (at at time zone $4)::date, domain, sum(times) from told group by 1, 2, 3 order by 1, 2, 3
  on conflict (mail_no, on_day, domain) do update set sent = domain_count.sent + excluded.sent
)
insert into customer_activity as a (customer_id, version, sent_last, sent_count, sent_in)
select customer_id, 1, (extract(epoch from max(at)) * 1000)::bigint, sum(times), array_agg(${packed('mail_no', 'at')} order by mail_no) from told group by customer_id order by customer_id
on conflict (customer_id) do update set version = a.version + 1, sent_last = greatest(a.sent_last, excluded.sent_last),
  sent_count = coalesce(a.sent_count, 0) + excluded.sent_count, sent_in = packed_last(a.sent_in, excluded.sent_in)
returning a.customer_id as id`;
