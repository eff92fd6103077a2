import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { MAX_COLUMNS } from '#domain/customer/import-columns.ts';
import { listQuery, listReply } from '../../http/cursor.ts';
import { liveStream } from '../../http/live.ts';
import { route } from '../../http/route.ts';
import { ColumnView, DelimiterView, EncodingView, ImportView, kinds, PreviewView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'imports';
const reading = { encoding: EncodingView.optional(), delimiter: DelimiterView.optional() };
const flag = z.enum(['true', 'false'], { message: 'Expected true or false.' }).transform((value) => value === 'true');

export const importRoutes = [
  route({
    method: 'post', path: '/imports', capability: 'customers.upload', tag, scope: 'customers:write', status: 201, bodyMode: 'stream', idempotent: true,
    summary: 'Uploads a CSV file as the raw body, and starts the import when asked to.',
    query: z.strictObject({
      fileName: z.string().trim().min(1).max(255).default('upload.csv'), listId: z.uuid().optional(), listName: z.string().trim().max(200).optional(), start: flag.default(false),
    }),
    reply: ImportView.extend({ preview: PreviewView }),
    handle: ({ org, actor, query, req, services }) => services.imports.upload(org, actor.name, req, query),
  }),
  route({
    method: 'get', path: '/imports', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Uploads, newest first.',
    query: z.strictObject({ ...listQuery, kind: z.enum(kinds).optional() }), reply: listReply(ImportView),
    handle: ({ org, query, services }) => services.imports.list(org, query),
  }),
  route({
    method: 'get', path: '/imports/:id', capability: 'customers.view', tag, scope: 'customers:read', summary: 'One upload and how far it is.', params, reply: ImportView,
    handle: ({ org, params: { id }, services }) => services.imports.get(org, id),
  }),
  route({
    method: 'get', path: '/imports/:id/preview', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Encoding, delimiter, columns and the first rows, as guessed or as asked for.', params,
    query: z.strictObject(reading), reply: PreviewView,
    handle: ({ org, params: { id }, query, services }) => services.imports.preview(org, id, query),
  }),
  route({
    method: 'post', path: '/imports/:id/start', capability: 'customers.upload', tag, scope: 'customers:write', idempotent: true, params, bodyLimit: 2 * 1_048_576,
    summary: 'Starts an import, with the mapping of its columns.',
    body: z.strictObject({ ...reading, columns: z.array(ColumnView).max(MAX_COLUMNS).optional(), emptyCellsClear: z.boolean().optional() }), reply: ImportView,
    handle: ({ org, params: { id }, body, services }) => services.imports.start(org, id, body),
  }),
  route({
    method: 'post', path: '/imports/:id/cancel', capability: 'customers.upload', tag, scope: 'customers:write', summary: 'Stops an import; applied rows stay.', params, reply: ImportView,
    handle: ({ org, params: { id }, services }) => services.imports.cancel(org, id),
  }),
  route({
    method: 'get', path: '/imports/:id/rejected', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Rejected rows with line and reason, as CSV.', params, reply: 'stream',
    handle: async ({ org, params: { id }, res, services }) => {
      const file = await services.imports.rejected(org, id);
      res.set({ 'Content-Type': 'text/csv; charset=utf-8', 'Content-Length': String(file.size), 'X-Content-Type-Options': 'nosniff' });
      res.attachment(file.fileName);
      await pipeline(file.stream, res);
    },
  }),
  route({
    method: 'get', path: '/imports/:id/live', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Progress as server-sent events.', params, reply: 'stream',
    handle: async ({ org, params: { id }, req, res, services }) => {
      const poll = async () => {
        const data = await services.imports.get(org, id);
        return { data, done: ['completed', 'failed', 'cancelled'].includes(data.state) };
      };
      await liveStream(req, res, poll, 500);
    },
  }),
];
