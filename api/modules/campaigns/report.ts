import { z } from 'zod';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { findCampaign } from './queries.ts';

const states = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;

export type CampaignReportService = ReturnType<typeof createCampaignReportService>;

/** What became of a campaign: counters for the report, the ledger for its recipients. */
export function createCampaignReportService({ tenants }: Container) {
  return {
    report: (orgId: string, id: string) =>
      tenants.use(orgId, async ({ sql }) => {
        const campaign = await findCampaign(sql, id);
        if (campaign === undefined) throw notFound('campaign');
        const [timeline, links, failures, totals] = await Promise.all([
          sql.rows<{ hour: Date; sent: number; opened: number; clicked: number }>(
            `select hour, sum(sent)::int as sent, sum(opened)::int as opened, sum(clicked)::int as clicked from mail_count where mail_no = $1
              group by hour having sum(sent) + sum(opened) + sum(clicked) > 0 order by hour limit 2000`,
            [campaign.mailNo],
          ),
          sql.rows<{ url: string; clicks: number; uniqueClicks: number }>(
            `select l.url, coalesce(c.clicks, 0) as clicks, coalesce(c.unique_clicks, 0) as "uniqueClicks" from link l left join link_count c on c.mail_no = l.mail_no and c.link_no = l.no
              where l.mail_no = $1 order by 2 desc, l.no`,
            [campaign.mailNo],
          ),
          sql.rows<{ reason: string; count: number }>(
            `select coalesce(reason, 'other') as reason, count(*)::int as count from message where mail_no = $1 and state in (3, 4, 5) group by 1 order by 2 desc`,
            [campaign.mailNo],
          ),
          sql.first<{ opened: number; clicked: number }>('select coalesce(sum(opened), 0)::int as opened, coalesce(sum(clicked), 0)::int as clicked from mail_count where mail_no = $1', [campaign.mailNo]),
        ]);
        const { sent, failed, skipped, inDoubt, opened, clicked, unsubscribed, bounced } = campaign;
        return {
          sent, failed, skipped, inDoubt, unsubscribed, bounced,
          opened: { unique: opened, total: totals?.opened ?? 0 }, clicked: { unique: clicked, total: totals?.clicked ?? 0 },
          openRate: percent(opened, sent), clickRate: percent(clicked, sent), clickToOpenRate: percent(clicked, opened), bounceRate: percent(bounced, sent),
          timeline: timeline.map(({ hour, ...counts }) => ({ hour: hour.toISOString(), ...counts })), links, failures,
        };
      }),

    recipients: (orgId: string, id: string, query: ListQuery & { state?: (typeof states)[number] | undefined; search?: string | undefined }) =>
      tenants.use(orgId, async ({ sql }) => {
        const campaign = await findCampaign(sql, id);
        if (campaign === undefined) throw notFound('campaign');
        const at = decodeCursor(query.cursor, z.tuple([z.int()]));
        const rows = await sql.rows<{ ordinal: number; customerId: number; email: string; state: number; reason: string | null; reply: string | null; attempt: number; endedAt: Date | null; openedAt: Date | null; clickedAt: Date | null }>(
          `select m.ordinal, m.customer_id as "customerId", c.email, m.state, m.reason, m.reply, m.attempt, m.ended_at as "endedAt", m.first_opened_at as "openedAt", m.first_clicked_at as "clickedAt"
             from message m join customer c on c.id = m.customer_id
            where m.mail_no = $1 and m.ordinal > $2 and ($3::int is null or m.state = $3) and ($4::text is null or c.email_key like $4) order by m.ordinal limit $5`,
          [campaign.mailNo, at?.[0] ?? 0, query.state === undefined ? null : states.indexOf(query.state), query.search ? `%${query.search.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%` : null, query.limit + 1],
        );
        return toPage(rows, query.limit, (row) => [row.ordinal], (row) => ({
          customerId: row.customerId, email: row.email, state: states[row.state] ?? 'pending', reason: row.reason, reply: row.reply, attempt: row.attempt,
          sentAt: row.state === 2 ? (row.endedAt?.toISOString() ?? null) : null, openedAt: row.openedAt?.toISOString() ?? null, clickedAt: row.clickedAt?.toISOString() ?? null,
        }));
      }),
  };
}

/** Two decimals, at most 100; null over nothing. */
export function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.min(100, Math.round((part / whole) * 10_000) / 100);
}
