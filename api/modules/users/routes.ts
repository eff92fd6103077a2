import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { email, newPassword } from '../auth/routes.ts';

const id = z.uuid();
const role = z.enum(['owner', 'admin', 'member']);
const givenRole = z.enum(['admin', 'member'], { message: 'Expected admin or member.' });
const UserRowView = z.object({ id: z.string(), name: z.string(), email: z.string(), role, status: z.enum(['active', 'invited']) });
const InvitationView = z.object({ id: z.string(), email: z.string(), role, createdAt: z.string(), expiresAt: z.string() });

export const userRoutes = [
  route({
    method: 'get', path: '/users', capability: 'users.manage', summary: 'The people of the organization.', tag: 'users',
    query: z.object(listQuery), reply: listReply(UserRowView), handle: ({ org, services }) => services.users.list(org),
  }),
  route({
    method: 'patch', path: '/users/:id', capability: 'users.manage', summary: 'Changes a role between admin and member.', tag: 'users',
    params: z.object({ id }), body: z.object({ role: givenRole }), reply: UserRowView,
    handle: ({ org, actor, params, body, services }) => services.users.changeRole(org, actor, params.id, body.role),
  }),
  route({
    method: 'delete', path: '/users/:id', capability: 'users.manage', summary: 'Removes a person; her access ends at once, what she made stays.', tag: 'users',
    params: z.object({ id }), reply: null, handle: ({ org, actor, params, services }) => services.users.remove(org, actor, params.id),
  }),
  route({
    method: 'get', path: '/invitations', capability: 'users.invite', summary: 'Invitations that wait for an answer.', tag: 'users',
    query: z.object(listQuery), reply: listReply(InvitationView), handle: ({ org, services }) => services.users.invitations(org),
  }),
  route({
    method: 'post', path: '/invitations', capability: 'users.invite', summary: 'Mails an invitation, valid for 7 days.', tag: 'users', status: 201,
    body: z.object({ email, role: givenRole }), reply: InvitationView, handle: ({ org, actor, body, services }) => services.users.invite(org, actor, body.email, body.role),
  }),
  route({
    method: 'delete', path: '/invitations/:id', capability: 'users.invite', summary: 'Withdraws an invitation.', tag: 'users',
    params: z.object({ id }), reply: null, handle: ({ org, actor, params, services }) => services.users.revoke(org, actor, params.id),
  }),
  route({
    method: 'post', path: '/invitations/accept', capability: 'public', summary: 'Accepts an invitation; name and password when the person has no account yet.', tag: 'users',
    body: z.object({ token: z.string().max(100), name: z.string().trim().min(1).max(100).optional(), password: newPassword.optional() }), reply: null,
    handle: ({ res, body, services }) => services.users.accept(res, body.token, body.name, body.password),
  }),
];
