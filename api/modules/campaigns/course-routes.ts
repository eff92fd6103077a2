import { z } from 'zod';
import { route, type Route } from '../../http/route.ts';
import { HistoryView, StandstillView, WavesView } from './course-views.ts';

const params = z.strictObject({ id: z.uuid() });
const shared = { method: 'get', capability: 'campaigns.view', scope: 'campaigns:read', tag: 'campaigns', params } as const;

export const campaignCourseRoutes = [
  route({ ...shared, path: '/campaigns/:id/history', summary: 'Every state it came into, with who asked for it.', reply: HistoryView, handle: ({ org, params: { id }, services }) => services.campaignCourse.history(org, id) }),
  route({ ...shared, path: '/campaigns/:id/waves', summary: "What leaves when: of a campaign by recipients' own clocks, one wave per time zone.", reply: WavesView, handle: ({ org, params: { id }, services }) => services.campaignCourse.waves(org, id) }),
  route({ ...shared, path: '/campaigns/:id/standstill', summary: 'Since when nothing moved, and what may be the cause.', reply: StandstillView, handle: ({ org, params: { id }, services }) => services.campaignCourse.standstill(org, id) }),
] as unknown as readonly Route[];
