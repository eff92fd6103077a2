import { z } from 'zod';
import { route } from '../../http/route.ts';
import { email, newPassword } from '../auth/routes.ts';
import { organizationName, OrganizationView, timezone } from '../organization/routes.ts';

export const setupRoutes = [
  route({
    method: 'get', path: '/setup', capability: 'public', summary: 'Whether the first owner is still to be made.', tag: 'setup',
    reply: z.object({ needed: z.boolean(), codeRequired: z.boolean() }),
    handle: ({ req, services }) => services.setup.state(req),
  }),
  route({
    method: 'post', path: '/setup', capability: 'public', summary: 'Creates the first owner and organization, once.', tag: 'setup', status: 201,
    body: z.object({ name: z.string().trim().min(1).max(100), email, password: newPassword, organizationName, timezone, code: z.string().max(20).optional() }),
    reply: z.object({ organization: OrganizationView }),
    handle: ({ req, res, body, services }) => services.setup.run(req, res, body),
  }),
];
