import type { Role } from '#domain/access.ts';
import type { Container } from '../../../infra/container.ts';
import type { CampaignService } from '../campaigns/service.ts';

export type DashboardService = ReturnType<typeof createDashboardService>;

/** The first screen: numbers of the organization, what runs now, and what to do next. */
export function createDashboardService({ tenants }: Container, campaigns: Pick<CampaignService, 'list'>) {
  return {
    read: (orgId: string, role: Role) =>
      tenants.use(orgId, async ({ sql }) => {
        const [people, month, daily, steps, running] = await Promise.all([
          sql.first<{ customers: number; mailable: number; lists: number; campaigns: number }>(
            `select (select count(*)::int from customer) as customers, (select count(*)::int from customer where mailable) as mailable,
                    (select count(*)::int from list) as lists, (select count(*)::int from campaign where archived_at is null) as campaigns`,
          ),
          sql.first<{ sent30d: number; opened30d: number; clicked30d: number }>(
            `select coalesce(sum(sent), 0)::int as "sent30d", coalesce(sum(unique_opened), 0)::int as "opened30d", coalesce(sum(unique_clicked), 0)::int as "clicked30d" from mail_count where hour > now() - interval '30 days'`,
          ),
          sql.rows<{ date: string; sent: number; opened: number; clicked: number }>(
            `select to_char(d, 'YYYY-MM-DD') as date, coalesce(sum(n.sent), 0)::int as sent, coalesce(sum(n.unique_opened), 0)::int as opened, coalesce(sum(n.unique_clicked), 0)::int as clicked
               from generate_series(current_date - 29, current_date, interval '1 day') d left join mail_count n on n.hour >= d and n.hour < d + interval '1 day' group by d order by d`,
          ),
          sql.first<{ uploaded: boolean; looked: boolean; written: boolean; tested: boolean; launched: boolean; arrived: boolean }>(
            `select exists (select 1 from customer) as uploaded, exists (select 1 from segment) as looked, exists (select 1 from campaign where html <> '') as written,
                    exists (select 1 from connection where health = 'healthy') as tested, exists (select 1 from campaign where launched_at is not null) as launched,
                    exists (select 1 from mail_count where sent > 0) as arrived`,
          ),
          campaigns.list(orgId, role, { limit: 10, state: 'running,paused' }),
        ]);
        if (people === undefined || month === undefined || steps === undefined) throw new Error('an aggregate gave no row');
        return { ...people, ...month, running: running.data, checklist: steps, daily };
      }),
  };
}
