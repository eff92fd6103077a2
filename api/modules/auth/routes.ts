import { z } from 'zod';
import { route } from '../../http/route.ts';
import { MembershipView, UserView } from '../me/routes.ts';

export const email = z.string().trim().max(254).pipe(z.email({ message: 'Expected an email address like ada@example.com.' }));
/** Bytes decide: 1 KiB is what the hash takes. */
export const newPassword = z.string().min(8).refine((text) => Buffer.byteLength(text) <= 1_024, { message: 'At most 1,024 bytes.' });
const anyPassword = z.string().min(1).max(1_024);

export const authRoutes = [
  route({
    method: 'post', path: '/auth/login', capability: 'public', summary: 'Opens a session; its cookie is in the answer.', tag: 'auth',
    body: z.object({ email, password: anyPassword }),
    reply: z.object({ user: UserView, organizations: z.array(MembershipView), organizationId: z.string().nullable() }),
    handle: ({ req, res, body, services }) => services.accounts.login(req, res, body.email, body.password),
  }),
  route({
    method: 'post', path: '/auth/logout', capability: 'session', summary: 'Ends the session.', tag: 'auth', reply: null,
    handle: ({ req, res, services }) => services.accounts.logout(req, res),
  }),
  route({
    method: 'post', path: '/auth/token', capability: 'public', summary: 'A bearer token for one organization, valid for 12 hours.', tag: 'auth',
    body: z.object({ email, password: anyPassword, organizationId: z.string().max(64).optional() }),
    reply: z.object({ token: z.string(), expiresAt: z.string(), organizationId: z.string() }),
    handle: ({ req, res, body, services }) => services.accounts.token(req, res, body.email, body.password, body.organizationId),
  }),
  route({
    method: 'post', path: '/auth/forgot-password', capability: 'public', summary: 'Mails a link to choose a new password, if the account exists.', tag: 'auth',
    body: z.object({ email }), reply: z.object({}), status: 202,
    handle: async ({ req, res, body, services }) => { await services.accounts.forgotPassword(req, res, body.email); return {}; },
  }),
  route({
    method: 'post', path: '/auth/reset-password', capability: 'public', summary: 'Chooses a new password with the token of the mail; ends every session.', tag: 'auth',
    body: z.object({ token: z.string().min(1).max(200), password: newPassword }), reply: null,
    handle: ({ body, services }) => services.accounts.resetPassword(body.token, body.password),
  }),
];
