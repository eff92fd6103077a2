import { z } from 'zod';
import { refuse } from '#domain/shared/errors.ts';

/** Everything that can happen with a customer, in groups as screens filter them. */
export const timelineGroups = {
  mail: ['sent', 'failed', 'skipped', 'in_doubt', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed'],
  profile: ['created', 'fields'],
  imports: ['imported'],
  journeys: ['journey_entered', 'journey_goal', 'journey_completed', 'journey_left'],
  lists: ['list_added', 'list_removed', 'signed_up'],
  suppression: ['suppressed', 'unsuppressed'],
  events: ['custom'],
} as const;

export const timelineKinds = Object.values(timelineGroups).flat();
export type TimelineKind = (typeof timelineKinds)[number];

const value = z.union([z.string(), z.number()]).nullable();

export const TimelineEntry = z.object({
  at: z.string(), kind: z.enum(timelineKinds),
  /** What happened in words, and what about. */
  title: z.string(), detail: z.string().nullable(),
  /** Opened or clicked by a privacy proxy or scanner: shown, never counted. */
  machine: z.boolean(),
  campaignId: z.string().optional(), journeyId: z.string().optional(), enrollmentId: z.int().optional(), listId: z.string().optional(), importId: z.string().optional(),
  /** Target of a click. */
  url: z.string().optional(),
  /** Why a mail was not sent, an address suppressed, a journey left; a code. */
  reason: z.string().optional(),
  source: z.string().optional(),
  /** The server's words. */
  reply: z.string().optional(),
  note: z.string().optional(),
  /** Who changed something. */
  actor: z.string().optional(),
  changes: z.array(z.object({ field: z.string(), from: value, to: value })).optional(),
}).meta({ id: 'TimelineEntry' });

/** Reads `kinds=mail,list_added`: groups and kinds. @returns null for all of them */
export function readKinds(text: string | undefined): TimelineKind[] | null {
  if (text === undefined || text.trim() === '') return null;
  return [...new Set(text.split(',').flatMap((part): readonly TimelineKind[] => {
    const name = part.trim();
    if (Object.hasOwn(timelineGroups, name)) return timelineGroups[name as keyof typeof timelineGroups];
    if (timelineKinds.includes(name as TimelineKind)) return [name as TimelineKind];
    throw refuse('kinds', `There is no kind "${name.slice(0, 40)}". Choose from ${[...Object.keys(timelineGroups), ...timelineKinds].join(', ')}.`);
  }))];
}

export interface TimelineRecord {
  readonly at: Date; readonly kind: TimelineKind; readonly about: string | null; readonly machine: boolean;
  readonly campaignId: string | null; readonly journeyId: string | null; readonly enrollmentId: number | null; readonly listId: string | null; readonly importId: string | null; readonly url: string | null;
  readonly reason: string | null; readonly source: string | null; readonly reply: string | null; readonly note: string | null; readonly actor: string | null;
  readonly changes: { field: string; from: string | number | null; to: string | number | null }[] | null;
  /** `at` in full (a Date drops the microseconds) and what tells apart two entries of one instant: the keyset. */
  readonly instant: string; readonly ref: string;
}

export const TIMELINE_LIMIT = 100;

interface Branch {
  readonly from: string;
  readonly at: string;
  readonly kind: string;
  readonly ref: string;
  readonly where: string;
  readonly columns?: Partial<Record<(typeof branchColumns)[number], string>>;
}

const branchColumns = ['about', 'machine', 'campaignId', 'journeyId', 'enrollmentId', 'listId', 'importId', 'url', 'reason', 'source', 'reply', 'note', 'actor', 'changes'] as const;
const columnTypes: Record<(typeof branchColumns)[number], string> = {
  about: 'text', machine: 'boolean', campaignId: 'text', journeyId: 'text', enrollmentId: 'bigint', listId: 'text', importId: 'text', url: 'text', reason: 'text', source: 'text', reply: 'text', note: 'text', actor: 'text', changes: 'jsonb',
};

// A mail is of a campaign or of a step of a journey.
const sourceOf = (row: string) => `left join campaign c on c.mail_no = ${row}.mail_no left join mail q on q.no = ${row}.mail_no and q.kind = 'journey' left join journey j on j.id = q.ref_id`;
const source = { about: 'coalesce(c.name, j.name)', campaignId: 'c.id::text', journeyId: 'j.id::text' };
const run = { about: 'j.name', journeyId: 'j.id::text', enrollmentId: 'n.id' };
const branches: readonly Branch[] = [
  {
    from: `message m ${sourceOf('m')}`, at: 'm.ended_at', ref: `'m' || m.mail_no || '.' || m.ordinal`, where: 'm.customer_id = $1 and m.state in (2, 3, 4, 5)',
    kind: `case m.state when 2 then 'sent' when 3 then 'failed' when 4 then 'skipped' else 'in_doubt' end`,
    columns: { ...source, enrollmentId: 'm.enrollment_id', reason: 'm.reason', reply: 'm.reply' },
  },
  {
    from: `event e ${sourceOf('e')} left join link k on k.mail_no = e.mail_no and k.no = e.link_no`, at: 'e.occurred_at', ref: `'e' || e.id`,
    where: `e.customer_id = $1 and e.type <> 'sent'`,
    kind: `case when e.type in ('delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed') then e.type else 'custom' end`,
    columns: {
      ...source, about: `coalesce(c.name, j.name, e.detail->>'name', e.type)`, machine: 'e.machine', url: 'k.url', reason: `coalesce(e.detail->>'class', e.detail->>'reason')`, source: 'e.source', reply: `e.detail->>'reply'`,
    },
  },
  { from: 'enrollment n join journey j on j.id = n.journey_id', at: 'n.entered_at', ref: `'n' || n.id`, where: 'n.customer_id = $1', kind: `'journey_entered'`, columns: run },
  { from: 'enrollment n join journey j on j.id = n.journey_id', at: 'n.goal_at', ref: `'g' || n.id`, where: 'n.customer_id = $1', kind: `'journey_goal'`, columns: run },
  {
    from: 'enrollment n join journey j on j.id = n.journey_id', at: 'n.ended_at', ref: `'o' || n.id`, where: `n.customer_id = $1 and n.state <> 'active'`,
    kind: `case n.state when 'completed' then 'journey_completed' else 'journey_left' end`, columns: { ...run, reason: 'n.reason' },
  },
  {
    from: 'customer u cross join unnest(u.imports) n(no) join import_job j on j.no = n.no', at: 'coalesce(j.ended_at, j.started_at, j.created_at)', ref: `'i' || j.no`, where: 'u.id = $1', kind: `'imported'`,
    columns: { about: 'j.file_name', importId: 'j.id::text', listId: 'j.list_id::text', actor: 'j.created_by' },
  },
  {
    from: 'list_member m join list l on l.id = m.list_id', at: 'm.added_at', ref: `'l' || l.id`, where: 'm.customer_id = $1', kind: `'list_added'`, columns: { about: 'l.name', listId: 'l.id::text' },
  },
  {
    from: 'sign_up s', at: 's.confirmed_at', ref: `'f' || s.no`, where: `s.customer_id = $1 and s.state = 'confirmed'`, kind: `'signed_up'`, columns: { about: 's.form_name', note: `nullif(s.consent_text, '')` },
  },
  {
    from: 'customer_change h', at: 'h.at', ref: `'h' || h.id`, where: 'h.customer_id = $1', kind: 'h.kind',
    columns: {
      about: `case h.kind when 'list_removed' then h.detail->>'name' end`, listId: `case h.kind when 'list_removed' then h.detail->>'list' end`,
      note: `case h.kind when 'unsuppressed' then h.detail->>'note' end`, actor: 'h.actor', changes: `case h.kind when 'fields' then h.detail end`,
    },
  },
  {
    from: 'customer u join suppression p on p.email_key = u.email_key', at: 'p.created_at', ref: `'s'`, where: 'u.id = $1', kind: `'suppressed'`,
    columns: { reason: 'p.reason', source: 'p.source', reply: 'p.cause', note: 'p.note' },
  },
  {
    from: `customer u join suppression p on p.email_key = u.email_key cross join jsonb_array_elements(p.history) with ordinality x(entry, n)`,
    at: `(x.entry->>'at')::timestamptz`, ref: `'s' || x.n`, where: 'u.id = $1', kind: `'suppressed'`,
    columns: { reason: `x.entry->>'reason'`, source: `x.entry->>'source'`, reply: `x.entry->>'cause'`, note: `x.entry->>'note'` },
  },
  { from: 'customer u', at: 'u.created_at', ref: `'c'`, where: 'u.id = $1', kind: `'created'` },
];

/**
 * $1 customer, $2 and $3 the instant and ref of the last entry shown, $4 limit, $5 kinds or null.
 * Each source gives at most a page, by an index on the customer: somebody with 100,000 events costs what one with ten does.
 */
export const TIMELINE = /* sql */ `
select *, at::text as instant from (
${branches.map(({ from, at, kind, ref, where, columns = {} }) => `(
  select * from (select ${at} as at, ${kind} as kind, ${ref} as ref, ${branchColumns.map((name) => `${columns[name] ?? (name === 'machine' ? 'false' : 'null')}::${columnTypes[name]} as "${name}"`).join(', ')} from ${from} where ${where}
    ${at === 'e.occurred_at' ? 'and ($2::timestamptz is null or e.occurred_at <= $2::timestamptz)' : ''}) one
   where at is not null and ($2::timestamptz is null or (at, ref) < ($2::timestamptz, $3)) and ($5::text[] is null or kind = any($5::text[]))
   order by at desc, ref desc limit $4)`).join('\n  union all\n')}
) entry order by at desc, ref desc limit $4`;

const titles: Record<TimelineKind, string> = {
  sent: 'Mail sent', failed: 'Mail not sent', skipped: 'Mail skipped', in_doubt: 'Mail perhaps sent', delivered: 'Mail delivered', opened: 'Opened', clicked: 'Clicked', bounced: 'Bounced',
  complained: 'Complained', unsubscribed: 'Unsubscribed', journey_entered: 'Entered a journey', journey_goal: 'Reached the goal of a journey', journey_completed: 'Completed a journey', journey_left: 'Left a journey', created: 'Customer created', fields: 'Fields changed', imported: 'Imported', list_added: 'Added to a list', list_removed: 'Removed from a list', signed_up: 'Signed up',
  suppressed: 'Suppressed', unsuppressed: 'Gets mail again', custom: 'Event',
};

export function toTimelineEntry(row: TimelineRecord): z.input<typeof TimelineEntry> {
  const given = { campaignId: row.campaignId, journeyId: row.journeyId, enrollmentId: row.enrollmentId, listId: row.listId, importId: row.importId, url: row.url, reason: row.reason, source: row.source, reply: row.reply, note: row.note, actor: row.actor, changes: row.changes };
  return {
    at: row.at.toISOString(), kind: row.kind, title: titles[row.kind], detail: row.url ?? row.about ?? row.reason ?? row.note, machine: row.machine,
    ...Object.fromEntries(Object.entries(given).filter(([, each]) => each !== null)),
  };
}
