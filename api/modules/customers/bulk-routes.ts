import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { liveStream } from '../../http/live.ts';
import { route } from '../../http/route.ts';
import { bulkActions, BulkView, SelectionInput } from './bulk-views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'customers';
const flag = z.enum(['true', 'false'], { message: 'Expected true or false.' }).transform((value) => value === 'true');

export const bulkRoutes = [
  route({
    method: 'post', path: '/customers/bulk', capability: 'customers.edit', tag, scope: 'customers:write', status: 202, idempotent: true, bodyLimit: 4 * 1_048_576,
    summary: 'One action over many customers, in the background. Erasing needs the right to erase.',
    body: z.strictObject({
      action: z.enum(bulkActions), listId: z.uuid().optional(), neverMail: z.boolean().optional(), note: z.string().trim().max(2_000).optional(), selection: SelectionInput,
    }),
    reply: BulkView,
    handle: ({ org, role, actor, body, services }) => services.bulk.start(org, { role, actor }, body),
  }),
  route({
    method: 'post', path: '/customers/erase', capability: 'customers.erase', tag, scope: 'customers:write', status: 202, idempotent: true, bodyMode: 'stream',
    summary: 'Erases everybody a CSV file of addresses names (the raw body), in the background.',
    query: z.strictObject({ neverMail: flag.default(false) }), reply: BulkView,
    handle: ({ org, actor, query, req, services }) => services.bulk.eraseFile(org, actor, req, query.neverMail),
  }),
  route({
    method: 'get', path: '/customers/bulk', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Actions over many customers, newest first.',
    query: z.strictObject(listQuery), reply: listReply(BulkView),
    handle: ({ org, query, services }) => services.bulk.list(org, query),
  }),
  route({
    method: 'get', path: '/customers/bulk/:id', capability: 'customers.view', tag, scope: 'customers:read', summary: 'One action over many customers and how far it is.', params, reply: BulkView,
    handle: ({ org, params: { id }, services }) => services.bulk.get(org, id),
  }),
  route({
    method: 'get', path: '/customers/bulk/:id/live', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Progress as server-sent events.', params, reply: 'stream',
    handle: async ({ org, params: { id }, req, res, services }) => {
      const poll = async () => {
        const data = await services.bulk.get(org, id);
        return { data, done: data.endedAt !== null };
      };
      await liveStream(req, res, poll, 500);
    },
  }),
  route({
    method: 'post', path: '/customers/bulk/:id/cancel', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Stops an action; what is done stays.', params, reply: BulkView,
    handle: ({ org, role, params: { id }, services }) => services.bulk.cancel(org, role, id),
  }),
];
