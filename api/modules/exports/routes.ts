import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { liveStream } from '../../http/live.ts';
import { route } from '../../http/route.ts';
import { recipientFilter } from '../campaigns/report-views.ts';
import { idsInput } from '../customers/bulk-views.ts';
import { FilterInput } from '../customers/filter.ts';
import { ExportView, kinds } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'exports';
// What may be exported is decided by kind (`exportKinds`): reports by everybody, people's own data by owners and admins; keys by their scopes too.
const capability = 'customers.view';

export const exportRoutes = [
  route({
    method: 'post', path: '/exports', capability, tag, scope: 'customers:read', status: 202, idempotent: true, bodyLimit: 4 * 1_048_576,
    summary: 'Writes customers, a list, a segment, suppressions, events, recipients or a report as CSV in the background; the file is kept 7 days.',
    body: z.strictObject({
      kind: z.enum(kinds), listId: z.uuid().optional(), segmentId: z.uuid().optional(), campaignId: z.uuid().optional(), filter: FilterInput.optional(), ids: idsInput.optional(), recipients: z.strictObject(recipientFilter).optional(),
      from: z.string().max(30).optional(), to: z.string().max(30).optional(),
      columns: z.array(z.string().max(100)).min(1).max(1_000).optional(), raw: z.boolean().default(false),
    }),
    reply: ExportView,
    handle: ({ org, role, scopes, actor, body, services }) => services.exports.start(org, { role, scopes, name: actor.name }, body),
  }),
  route({
    method: 'get', path: '/exports', capability, tag, scope: 'customers:read', summary: 'Exports, newest first.',
    query: z.strictObject(listQuery), reply: listReply(ExportView),
    handle: ({ org, role, scopes, query, services }) => services.exports.list(org, { role, scopes }, query),
  }),
  route({
    method: 'get', path: '/exports/:id', capability, tag, scope: 'customers:read', summary: 'One export and how far it is.', params, reply: ExportView,
    handle: ({ org, role, scopes, params: { id }, services }) => services.exports.get(org, { role, scopes }, id),
  }),
  route({
    method: 'post', path: '/exports/:id/cancel', capability, tag, scope: 'customers:read', summary: 'Stops an export; nothing of it is kept.', params, reply: ExportView,
    handle: ({ org, role, scopes, params: { id }, services }) => services.exports.cancel(org, { role, scopes }, id),
  }),
  route({
    method: 'get', path: '/exports/:id/file', capability, tag, scope: 'customers:read', summary: 'The file of an export.', params, reply: 'stream',
    handle: async ({ org, role, scopes, params: { id }, res, services }) => {
      const file = await services.exports.file(org, { role, scopes }, id);
      res.set({ 'Content-Type': 'text/csv; charset=utf-8', 'Content-Length': String(file.size), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
      res.attachment(file.fileName);
      await pipeline(file.stream, res);
    },
  }),
  route({
    method: 'get', path: '/exports/:id/live', capability, tag, scope: 'customers:read', summary: 'Progress as server-sent events.', params, reply: 'stream',
    handle: async ({ org, role, scopes, params: { id }, req, res, services }) => {
      const poll = async () => {
        const data = await services.exports.get(org, { role, scopes }, id);
        return { data, done: data.endedAt !== null };
      };
      await liveStream(req, res, poll, 500);
    },
  }),
];
