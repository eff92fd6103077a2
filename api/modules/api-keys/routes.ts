import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { scopes } from './service.ts';

const ApiKeyView = z.object({
  id: z.string(), name: z.string(), prefix: z.string(), scopes: z.array(z.string()), createdAt: z.string(), expiresAt: z.string().nullable(), lastUsedAt: z.string().nullable(),
});
const scope = z.string().refine((name) => scopes.includes(name), { message: `Expected one of ${scopes.join(', ')}.` });

export const apiKeyRoutes = [
  route({
    method: 'get', path: '/api-keys', capability: 'api-keys.manage', summary: 'The API keys in force.', tag: 'api-keys',
    query: z.object(listQuery), reply: listReply(ApiKeyView), handle: ({ org, services }) => services.apiKeys.list(org),
  }),
  route({
    method: 'post', path: '/api-keys', capability: 'api-keys.manage', summary: 'Makes a key and shows it once.', tag: 'api-keys', status: 201,
    body: z.object({ name: z.string().trim().min(1).max(100), scopes: z.array(scope).min(1).max(50).default([...scopes]), expiresAt: z.iso.datetime({ offset: true }).nullable().optional() }),
    reply: ApiKeyView.extend({ key: z.string() }), handle: ({ org, actor, body, services }) => services.apiKeys.create(org, actor, body),
  }),
  route({
    method: 'delete', path: '/api-keys/:id', capability: 'api-keys.manage', summary: 'Revokes a key at once.', tag: 'api-keys',
    params: z.object({ id: z.uuid() }), reply: null, handle: ({ org, actor, params, services }) => services.apiKeys.revoke(org, actor, params.id),
  }),
];
