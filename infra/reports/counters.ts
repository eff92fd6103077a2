import type { Counters } from '#domain/campaign/metrics.ts';

/** Vendors whose servers take mail and never tell whether it arrived. */
export const SILENT_VENDORS = `('smtp', 'catcher')`;

const counters: Readonly<Record<Exclude<keyof Counters, 'deliverable'>, string>> = {
  sent: 'sent', failed: 'failed', skipped: 'skipped', inDoubt: 'in_doubt', delivered: 'delivered',
  opened: 'opened', uniqueOpened: 'unique_opened', machineOpened: 'machine_opened', clicked: 'clicked', uniqueClicked: 'unique_clicked', machineClicked: 'machine_clicked',
  bounced: 'bounced', hardBounced: 'hard_bounced', blocked: 'blocked', complained: 'complained', unsubscribed: 'unsubscribed',
};

/** Sums of `mail_count n` left joined with its `connection l`, as `Counters`. */
export const COUNTERS = [
  ...Object.entries(counters).map(([name, column]) => `coalesce(sum(n.${column}), 0)::int as "${name}"`),
  `coalesce(sum(n.sent) filter (where l.vendor not in ${SILENT_VENDORS}), 0)::int as deliverable`,
].join(', ');

export const COUNTED = `mail_count n left join connection l on l.no = n.connection_no`;

/** Counters of a table that has but some of them. */
export function countersOf(some: Partial<Counters>): Counters {
  return { ...(Object.fromEntries([...Object.keys(counters), 'deliverable'].map((name) => [name, 0])) as unknown as Counters), ...some };
}
