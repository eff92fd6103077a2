import { route, type Route } from '../../http/route.ts';
import { DashboardView } from './views.ts';

export const dashboardRoutes = [
  route({
    method: 'get', path: '/dashboard', capability: 'dashboard.view', tag: 'dashboard', summary: 'The first screen.', reply: DashboardView,
    handle: ({ org, role, services }) => services.dashboard.read(org, role),
  }),
] as unknown as readonly Route[];
