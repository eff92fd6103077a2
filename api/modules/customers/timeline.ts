import { z } from 'zod';

export const TimelineEntry = z.object({ at: z.string(), kind: z.string(), title: z.string(), detail: z.string().nullable(), campaignId: z.string().optional() });

export interface TimelineRecord {
  readonly at: Date; readonly kind: string; readonly title: string; readonly detail: string | null; readonly campaignId: string | null;
  /** `at` in full (a Date drops the microseconds) and what tells apart two entries of one instant: the keyset. */
  readonly instant: string; readonly ref: string;
}

export const TIMELINE_LIMIT = 100;

/** $1 customer, $2 and $3 the instant and ref of the last entry shown, $4 limit. */
export const TIMELINE = /* sql */ `
select *, at::text as instant from (
  select m.ended_at as at, case m.state when 2 then 'sent' else 'failed' end as kind, case m.state when 2 then 'Mail sent' else 'Mail not sent' end as title,
         c.name as detail, c.id::text as "campaignId", 'm' || m.mail_no as ref
    from message m left join campaign c on c.mail_no = m.mail_no where m.customer_id = $1 and m.state in (2, 3)
  union all
  select e.occurred_at, e.type,
         case e.type when 'opened' then 'Opened' when 'clicked' then 'Clicked' when 'unsubscribed' then 'Unsubscribed' when 'bounced' then 'Bounced' else initcap(replace(e.type, '_', ' ')) end,
         coalesce(k.url, c.name), c.id::text, 'e' || e.id
    from event e left join campaign c on c.mail_no = e.mail_no left join link k on k.mail_no = e.mail_no and k.no = e.link_no
   where e.customer_id = $1 and e.type <> 'sent' and not e.machine
  union all
  select m.added_at, 'list_added', 'Added to a list', l.name, null, 'l' || l.id from list_member m join list l on l.id = m.list_id where m.customer_id = $1
  union all
  select p.created_at, 'suppressed', 'Suppressed', p.reason, null, 's' from suppression p join customer c on c.email_key = p.email_key where c.id = $1
  union all
  select created_at, 'created', 'Customer created', null, null, 'c' from customer where id = $1
) entry where at is not null and ($2::timestamptz is null or (at, ref) < ($2::timestamptz, $3)) order by at desc, ref desc limit $4`;

export function toTimelineEntry(row: TimelineRecord): z.input<typeof TimelineEntry> {
  return { at: row.at.toISOString(), kind: row.kind, title: row.title, detail: row.detail, ...(row.campaignId === null ? {} : { campaignId: row.campaignId }) };
}
