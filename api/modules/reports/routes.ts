import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route, type Route } from '../../http/route.ts';
import { DomainsView } from '../campaigns/report-views.ts';
import { CampaignsInRange, ConnectionsInRange, JourneysInRange, OverviewView } from './views.ts';

/** Days of the organization like `2026-11-25`, both included; the last 30 without them. */
const range = { from: z.string().max(30).optional(), to: z.string().max(30).optional() };
const shared = { method: 'get', capability: 'reports.view', scope: 'reports:read', tag: 'reports' } as const;

export const reportRoutes = [
  route({ ...shared, path: '/reports/overview', summary: 'Totals over a range of days, against the days before it, and day by day.', query: z.strictObject(range), reply: OverviewView,
    handle: ({ org, query, services }) => services.reports.overview(org, query) }),
  route({ ...shared, path: '/reports/campaigns', summary: 'Campaigns launched in a range of days, with their metrics.', query: z.strictObject({ ...listQuery, ...range }), reply: listReply(CampaignsInRange),
    handle: ({ org, query, services }) => services.reports.campaigns(org, query) }),
  route({ ...shared, path: '/reports/journeys', summary: 'Journeys that sent mail in a range of days, with its metrics.', query: z.strictObject(range), reply: JourneysInRange,
    handle: ({ org, query, services }) => services.reports.journeys(org, query) }),
  route({ ...shared, path: '/reports/domains', summary: 'Metrics by recipient domain over a range of days.', query: z.strictObject(range), reply: DomainsView,
    handle: ({ org, query, services }) => services.reports.domains(org, query) }),
  route({ ...shared, path: '/reports/connections', summary: 'Metrics by connection over a range of days.', query: z.strictObject(range), reply: ConnectionsInRange,
    handle: ({ org, query, services }) => services.reports.connections(org, query) }),
] as unknown as readonly Route[];
