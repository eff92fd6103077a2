import { z } from 'zod';
import { route, type Route } from '../../http/route.ts';
import { DashboardView } from './views.ts';

const periods = ['7', '30', '90'] as const;

export const dashboardRoutes = [
  route({
    method: 'get', path: '/dashboard', capability: 'dashboard.view', scope: 'reports:read', tag: 'dashboard', summary: 'The first screen: the last 7, 30 or 90 days against those before, what runs, what is scheduled, what wants attention.',
    query: z.strictObject({ days: z.enum(periods, { message: 'Expected 7, 30 or 90.' }).default('30') }), reply: DashboardView,
    handle: ({ org, role, query, services }) => services.dashboard.read(org, role, Number(query.days)),
  }),
] as unknown as readonly Route[];
