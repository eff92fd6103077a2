import type { Role } from '#domain/access.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { lastDays } from '../../../infra/reports/organization.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { countCustomers } from '../../../search/population.ts';
import type { CampaignService } from '../campaigns/service.ts';
import type { JourneyService } from '../journeys/service.ts';
import { overviewOf } from '../reports/service.ts';
import type { AttentionView, DashboardView } from './views.ts';

export type DashboardService = ReturnType<typeof createDashboardService>;

/** The first screen: a period of the organization against the one before, what runs now, what wants attention, what to do next. */
export function createDashboardService({ tenants, clock }: Pick<Container, 'tenants' | 'clock'>, campaigns: Pick<CampaignService, 'list'>, journeys: Pick<JourneyService, 'busiest'>) {
  return {
    /** @param days of the period, up to today */
    read: (orgId: string, role: Role, days: number) => tenants.use(orgId, async (tenant): Promise<z.input<typeof DashboardView>> => {
      const { sql, org } = tenant;
      const [people, counts, overview, steps, attention, running, scheduled, busiest] = await Promise.all([
        countPeople(tenant),
        sql.first<{ lists: number; campaigns: number }>('select (select count(*)::int from list) as lists, (select count(*)::int from campaign where archived_at is null) as campaigns'),
        overviewOf(sql, lastDays(days, org.timezone, clock.now())),
        sql.first<z.input<typeof DashboardView>['checklist']>(STEPS), readAttention(sql),
        campaigns.list(orgId, role, { limit: 10, state: 'running,paused' }), campaigns.list(orgId, role, { limit: 10, state: 'scheduled' }),
        journeys.busiest(orgId, role, 10),
      ]);
      return { ...people, ...counts!, overview, checklist: steps!, attention, running: running.data, scheduled: scheduled.data, journeys: busiest };
    }),
  };
}

const STEPS = /* sql */ `
select exists (select from customer) as uploaded, exists (select from segment) as looked, exists (select from campaign where html <> '') as written, exists (select from connection where health = 'healthy') as tested,
       exists (select from campaign where launched_at is not null) as launched, exists (select from mail_count where sent > 0) as arrived`;

/** An index that is behind is not waited for longer than this. */
const PATIENCE_MS = 300;

/** Of millions the index counts in a moment what the database takes a second for; it stands in when the index is away. */
async function countPeople(tenant: Tenant): Promise<{ customers: number; mailable: number }> {
  try {
    const [customers, mailable] = await Promise.all([countCustomers(tenant, {}, PATIENCE_MS), countCustomers(tenant, { status: 'mailable' }, PATIENCE_MS)]);
    return { customers, mailable };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
    return (await tenant.sql.first<{ customers: number; mailable: number }>('select count(*)::int as customers, count(*) filter (where mailable)::int as mailable from customer'))!;
  }
}

/** A campaign that failed or a file that could not be read is pointed out for so long. */
const POINTED_OUT = `interval '7 days'`;

async function readAttention(sql: Sql): Promise<z.input<typeof AttentionView>[]> {
  const rows = await sql.rows<Omit<z.input<typeof AttentionView>, 'at'> & { readonly at: Date }>(
    `select 'campaign_paused' as kind, id::text, name, reason, state_detail as detail, updated_at as at from campaign where state = 'paused' and reason <> 'user'
     union all select 'campaign_failed', id::text, name, reason, state_detail, coalesce(ended_at, updated_at) from campaign where state = 'failed' and archived_at is null and coalesce(ended_at, updated_at) > now() - ${POINTED_OUT}
     union all select 'journey_held', id::text, name, null, problem, updated_at from journey where state = 'published' and problem is not null
     union all select 'connection_broken', id::text, name, null, health_reason, updated_at from connection where health = 'broken' and enabled
     union all select 'import_failed', id::text, file_name, null, problem, coalesce(ended_at, created_at) from import_job where state = 'failed' and coalesce(ended_at, created_at) > now() - ${POINTED_OUT}
     order by at desc limit 50`);
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
}
