import type { AnyRoute } from './http/mount.ts';
import { apiKeyRoutes } from './modules/api-keys/routes.ts';
import { auditRoutes } from './modules/audit/routes.ts';
import { authRoutes } from './modules/auth/routes.ts';
import { catcherRoutes } from './modules/catcher/routes.ts';
import { meRoutes } from './modules/me/routes.ts';
import { openapiRoutes } from './modules/openapi/routes.ts';
import { organizationRoutes } from './modules/organization/routes.ts';
import { setupRoutes } from './modules/setup/routes.ts';
import { userRoutes } from './modules/users/routes.ts';

/** Every endpoint under `/api/v1`: the server, OpenAPI and the permission test read this list. */
export const routes: readonly AnyRoute[] = [
  ...setupRoutes,
  ...authRoutes,
  ...meRoutes,
  ...organizationRoutes,
  ...userRoutes,
  ...apiKeyRoutes,
  ...auditRoutes,
  ...catcherRoutes,
  ...openapiRoutes,
];
