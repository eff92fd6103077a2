import { z } from 'zod';
import { route } from '../../http/route.ts';
import { OrganizationView } from '../organization/routes.ts';

const role = z.enum(['owner', 'admin', 'member']);
export const UserView = z.object({ id: z.string(), name: z.string(), email: z.string() });
export const MembershipView = z.object({ id: z.string(), name: z.string(), role });
const MeView = z.object({ user: UserView, organization: OrganizationView.nullable(), role: role.nullable(), capabilities: z.array(z.string()), organizations: z.array(MembershipView) });

export const meRoutes = [
  route({
    method: 'get', path: '/me', capability: 'session', summary: 'The user, her organization and what she may do in it.', tag: 'me', reply: MeView,
    handle: (context) => context.services.accounts.me(context),
  }),
  route({
    method: 'patch', path: '/me', capability: 'session', summary: "Changes one's own name.", tag: 'me',
    body: z.object({ name: z.string().trim().min(1).max(100).optional() }), reply: MeView,
    handle: (context) => context.services.accounts.rename(context, context.body.name),
  }),
  route({
    method: 'post', path: '/me/password', capability: 'session', summary: 'Changes the password; ends all other sessions and tokens.', tag: 'me',
    body: z.object({ currentPassword: z.string().min(1).max(1_024), newPassword: z.string().min(8).max(1_024) }), reply: null,
    handle: ({ req, res, actor, body, services }) => services.accounts.changePassword(req, res, actor, body.currentPassword, body.newPassword),
  }),
  route({
    method: 'post', path: '/me/organization', capability: 'session', summary: 'Switches the session to another of her organizations.', tag: 'me',
    body: z.object({ organizationId: z.string().max(64) }), reply: MeView,
    handle: ({ req, actor, body, services }) => services.accounts.switchOrganization(req, actor, body.organizationId),
  }),
];
