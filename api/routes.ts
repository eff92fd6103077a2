import type { AnyRoute } from './http/mount.ts';
import { apiKeyRoutes } from './modules/api-keys/routes.ts';
import { auditRoutes } from './modules/audit/routes.ts';
import { authRoutes } from './modules/auth/routes.ts';
import { catcherRoutes } from './modules/catcher/routes.ts';
import { campaignCourseRoutes } from './modules/campaigns/course-routes.ts';
import { campaignReportRoutes } from './modules/campaigns/report-routes.ts';
import { campaignRoutes } from './modules/campaigns/routes.ts';
import { connectionRoutes } from './modules/connections/routes.ts';
import { imageRoutes } from './modules/images/routes.ts';
import { renderRoutes } from './modules/render/routes.ts';
import { templateRoutes } from './modules/templates/routes.ts';
import { dashboardRoutes } from './modules/dashboard/routes.ts';
import { reportRoutes } from './modules/reports/routes.ts';
import { bulkRoutes } from './modules/customers/bulk-routes.ts';
import { customerRoutes } from './modules/customers/routes.ts';
import { eventRoutes } from './modules/events/routes.ts';
import { exportRoutes } from './modules/exports/routes.ts';
import { fieldRoutes } from './modules/fields/routes.ts';
import { formRoutes } from './modules/forms/routes.ts';
import { importRoutes } from './modules/imports/routes.ts';
import { journeyPeopleRoutes } from './modules/journeys/people-routes.ts';
import { journeyRoutes } from './modules/journeys/routes.ts';
import { listRoutes } from './modules/lists/routes.ts';
import { searchIndexRoutes } from './modules/search-index/routes.ts';
import { segmentRoutes } from './modules/segments/routes.ts';
import { suppressionRoutes } from './modules/suppressions/routes.ts';
import { meRoutes } from './modules/me/routes.ts';
import { openapiRoutes } from './modules/openapi/routes.ts';
import { organizationRoutes } from './modules/organization/routes.ts';
import { domainRoutes } from './modules/domains/routes.ts';
import { sendingSettingsRoutes } from './modules/organization/sending-routes.ts';
import { trackingDomainRoutes } from './modules/organization/tracking-domain-routes.ts';
import { setupRoutes } from './modules/setup/routes.ts';
import { userRoutes } from './modules/users/routes.ts';

/** Every endpoint under `/api/v1`: the server, OpenAPI and the permission test read this list. */
export const routes: readonly AnyRoute[] = [
  ...setupRoutes,
  ...authRoutes,
  ...meRoutes,
  ...organizationRoutes,
  ...sendingSettingsRoutes,
  ...trackingDomainRoutes,
  ...domainRoutes,
  ...userRoutes,
  ...apiKeyRoutes,
  ...auditRoutes,
  ...catcherRoutes,
  ...openapiRoutes,
  ...campaignRoutes,
  ...campaignReportRoutes,
  ...campaignCourseRoutes,
  ...journeyRoutes,
  ...journeyPeopleRoutes,
  ...connectionRoutes,
  ...renderRoutes,
  ...templateRoutes,
  ...imageRoutes,
  ...dashboardRoutes,
  ...reportRoutes,
  ...customerRoutes,
  ...bulkRoutes,
  ...eventRoutes,
  ...exportRoutes,
  ...fieldRoutes,
  ...formRoutes,
  ...importRoutes,
  ...listRoutes,
  ...searchIndexRoutes,
  ...segmentRoutes,
  ...suppressionRoutes,
];
