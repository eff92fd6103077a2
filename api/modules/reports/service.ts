import { z } from 'zod';
import { metricsOf, percent } from '#domain/campaign/metrics.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { dayRange, lastDays, rangeBefore, readCampaignsInRange, readConnectionsInRange, readDays, readDomainsInRange, readJourneysInRange, readRange, type DayRange } from '../../../infra/reports/organization.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { domainsOf } from '../campaigns/report.ts';
import type { OverviewView } from './views.ts';

export interface RangeQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Without a range: so many days up to today. */
const DEFAULT_DAYS = 30;

export type ReportService = ReturnType<typeof createReportService>;

/** All mail of an organization over a range of its days: sums of counters, whatever there is of campaigns and recipients. */
export function createReportService({ tenants, clock }: Pick<Container, 'tenants' | 'clock'>) {
  const inRange = <T>(orgId: string, query: RangeQuery, work: (sql: Sql, range: DayRange) => Promise<T>) => tenants.use(orgId, async ({ sql, org }) => {
    const recent = lastDays(DEFAULT_DAYS, org.timezone, clock.now());
    const to = query.to ?? (query.from === undefined ? recent.to : lastDays(1, org.timezone, clock.now()).to);
    return work(sql, query.from === undefined && query.to === undefined ? recent : dayRange(query.from ?? to, to, org.timezone));
  });

  return {
    overview: (orgId: string, query: RangeQuery) => inRange(orgId, query, overviewOf),

    campaigns: (orgId: string, query: ListQuery & RangeQuery) => inRange(orgId, query, async (sql, range) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string().regex(/^[\d :.+-]{19,40}$/), z.uuid()]));
      const rows = await readCampaignsInRange(sql, range, after, query.limit + 1);
      return toPage(rows, query.limit, (row) => [row.key, row.id], ({ id, name, subject, state, recipients, launchedAt, ...counters }) => ({
        id, name, subject, state, recipients, launchedAt: launchedAt.toISOString(), ...metricsOf(counters),
      }));
    }),

    journeys: (orgId: string, query: RangeQuery) => inRange(orgId, query, async (sql, range) => ({
      data: (await readJourneysInRange(sql, range)).map(({ id, name, state, enrolled, active, goals, ...counters }) => ({ id, name, state, enrolled, active, goals, goalRate: percent(goals, enrolled), ...metricsOf(counters) })),
    })),

    domains: (orgId: string, query: RangeQuery) => inRange(orgId, query, async (sql, range) => domainsOf(await readDomainsInRange(sql, range), (await readRange(sql, range)).deliverable > 0)),

    connections: (orgId: string, query: RangeQuery) => inRange(orgId, query, async (sql, range) => ({
      data: (await readConnectionsInRange(sql, range)).map(({ connectionId, name, vendor, health, ...counters }) => ({ connectionId, name, vendor, health, ...metricsOf(counters) })),
    })),
  };
}

/** Totals of a range against the days before it, and day by day. */
export async function overviewOf(sql: Sql, range: DayRange): Promise<z.input<typeof OverviewView>> {
  const before = rangeBefore(range);
  const [totals, earlier, days] = await Promise.all([readRange(sql, range), readRange(sql, before), readDays(sql, range)]);
  return {
    from: range.from, to: range.to, zone: range.zone, totals: metricsOf(totals),
    before: { from: before.from, to: before.to, totals: metricsOf(earlier) },
    daily: days.map(({ date, ...counters }) => {
      const { sent, delivered, opened, clicked, bounced, complained, unsubscribed } = metricsOf(counters);
      return { date, sent, delivered, opened: opened.unique, clicked: clicked.unique, bounced, complained, unsubscribed };
    }),
  };
}
