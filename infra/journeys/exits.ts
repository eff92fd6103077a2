import type { Sql } from '../db/sql.ts';
import { FLAGS } from './enter.ts';
import type { Happened } from './happened.ts';

/** What always ends a run: she left, bounced, complained or is suppressed, further than when she entered. */

/** Whether anybody of the organization is on the way: one look at a small index. */
export async function hasActiveRuns(sql: Pick<Sql, 'first'>): Promise<boolean> {
  // By the order of an index: without it the planner may look for the first of a few among a million that have ended.
  return (await sql.first(`select 1 as any from enrollment where state = 'active' order by due_at limit 1`)) !== undefined;
}

/**
 * Ends the runs of those among these customers who get no mail any more. Runs are locked in the order of their ids, their
 * customers not: whoever suppresses her later leaves a change to be looked at.
 * @param now epoch ms, by the engine's clock
 * @returns how many runs ended
 */
export async function endUnmailable(tx: Pick<Sql, 'rows'>, customerIds: readonly number[], now: number): Promise<number> {
  return (await tx.rows(END_UNMAILABLE, [customerIds, new Date(now).toISOString()])).length;
}

const ENDED = `state = 'exited', ended_at = $2::timestamptz, due_at = null, wake_event = null`;

const END_UNMAILABLE = /* sql */ `
with held as (
  select e.id, e.customer_id, ${FLAGS} & ~e.flags_at_entry::int as further, s.reason
    from customer c join enrollment e on e.customer_id = c.id and e.state = 'active' left join suppression s on s.email_key = c.email_key
   where c.id = any($1) and not c.mailable and ${FLAGS} & ~e.flags_at_entry::int <> 0
   order by e.id for update of e
)
update enrollment e set ${ENDED}, reason = case
    when h.further & 1 <> 0 then 'unsubscribed' when h.further & 2 <> 0 then 'bounced' when h.reason = 'complaint' then 'complained'
    when h.reason = 'unsubscribed' then 'unsubscribed' when h.reason in ('hard_bounce', 'soft_bounce') then 'bounced' else 'suppressed' end
  from held h where e.id = h.id and e.state = 'active' returning e.id`;

/** Ends the runs that complaints found under way; a complaint that was the entry of a run does not end it. @returns how many ended */
export async function endComplained(tx: Pick<Sql, 'rows'>, events: readonly Happened[], now: number): Promise<number> {
  const complaints = events.filter((event) => event.type === 'complained');
  if (complaints.length === 0) return 0;
  return (await tx.rows(END_COMPLAINED, [complaints.map((event) => event.customerId), new Date(now).toISOString(), complaints.map((event) => event.id), complaints.map((event) => event.at)])).length;
}

const END_COMPLAINED = /* sql */ `
with held as (
  select e.id from enrollment e
   where e.customer_id = any($1::bigint[]) and e.state = 'active' and exists (
     select from unnest($1::bigint[], $3::bigint[], $4::float8[]) u(customer_id, event_id, at)
      where u.customer_id = e.customer_id and u.event_id is distinct from e.entry_event_id and to_timestamp(u.at / 1000) >= e.entered_at)
   order by e.id for update
)
update enrollment e set ${ENDED}, reason = 'complained' from held h where e.id = h.id and e.state = 'active' returning e.id`;
