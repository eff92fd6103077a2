import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { reasons, sources, SuppressionView } from './views.ts';

const tag = 'suppressions';

export const suppressionRoutes = [
  route({
    method: 'get', path: '/suppressions', capability: 'suppression.manage', tag, scope: 'suppression:read', summary: 'Addresses that get no mail, newest first.',
    query: z.strictObject({ ...listQuery, search: z.string().max(254).optional(), reason: z.enum(reasons).optional(), source: z.enum(sources).optional() }), reply: listReply(SuppressionView),
    handle: ({ org, query, services }) => services.suppressions.list(org, query),
  }),
  route({
    method: 'post', path: '/suppressions', capability: 'suppression.manage', tag, scope: 'suppression:write', status: 201, summary: 'Suppresses an address, customer or not.',
    body: z.strictObject({ email: z.string().max(1_000), reason: z.enum(reasons).default('manual'), note: z.string().trim().max(2_000).optional() }), reply: SuppressionView,
    handle: ({ org, actor, body, services }) => services.suppressions.add(org, actor.kind === 'user' ? 'manual' : 'api', body, actor.name),
  }),
  route({
    method: 'delete', path: '/suppressions/:email', capability: 'suppression.manage', tag, scope: 'suppression:write', summary: 'Lets an address get mail again; says why in the note.',
    params: z.strictObject({ email: z.string().max(1_000) }), body: z.strictObject({ note: z.string().trim().min(1, 'Write why the address may get mail again.').max(2_000) }), reply: null,
    handle: ({ org, actor, params, body, services }) => services.suppressions.remove(org, actor.name, params.email, body.note),
  }),
];
