import type { Sql } from '../db/sql.ts';
import type { RangeStop } from './range-run.ts';

/** Judged only once so many were sent. */
const JUDGED_FROM = 500;
const MOST_COMPLAINTS = 0.003;
const MOST_HARD_BOUNCES = 0.1;

/** SQL of what a mail came to so far. @param mailNo the parameter that holds its number */
export function harmSql(mailNo: '$1' | '$2'): string {
  return `select coalesce(sum(sent + hard_bounced), 0)::int as sent, coalesce(sum(complained), 0)::int as complained, coalesce(sum(hard_bounced), 0)::int as bounced from mail_count where mail_no = ${mailNo}`;
}

/**
 * Whether a mail does harm: more complaints or hard bounces than a sender survives. Of a campaign that a person resumed in
 * spite of it only what came after is judged; a journey's mails are not: they go on for months, and nobody resumes them.
 * @returns null while it does not, or the organization has switched this off
 */
export async function findHarm(sql: Sql, mailNo: number): Promise<RangeStop | null> {
  const row = await sql.first<{ sent: number; complained: number; bounced: number }>(
    `select h.sent - coalesce((c.accepted_harm->>'sent')::int, 0) as sent, h.complained - coalesce((c.accepted_harm->>'complained')::int, 0) as complained,
            h.bounced - coalesce((c.accepted_harm->>'bounced')::int, 0) as bounced
       from (${harmSql('$1')}) h join sending_setting s on s.safety_stops join campaign c on c.mail_no = $1`, [mailNo]);
  if (row === undefined || row.sent < JUDGED_FROM) return null;
  const share = (part: number) => `${((part / row.sent) * 100).toFixed(1)} % of ${row.sent.toLocaleString('en-US')}`;
  if (row.complained / row.sent > MOST_COMPLAINTS) return { kind: 'unsafe', reason: 'complaint_rate', detail: `${row.complained} complained, ${share(row.complained)}.` };
  if (row.bounced / row.sent > MOST_HARD_BOUNCES) return { kind: 'unsafe', reason: 'bounce_rate', detail: `${row.bounced} bounced hard, ${share(row.bounced)}.` };
  return null;
}
