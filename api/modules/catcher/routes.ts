import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';

const CaughtRow = z.object({ id: z.number(), receivedAt: z.string(), from: z.string(), to: z.string(), subject: z.string(), sizeBytes: z.number() });
const CaughtMail = CaughtRow.extend({
  html: z.string().nullable(), text: z.string().nullable(),
  headers: z.array(z.object({ name: z.string(), value: z.string() })), links: z.array(z.object({ text: z.string(), url: z.string() })),
});
const params = z.object({ id: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER) });

export const catcherRoutes = [
  route({
    method: 'get', path: '/mail-catcher/messages', capability: 'catcher.view', summary: 'Caught mails, newest first.', tag: 'mail-catcher',
    query: z.object({ ...listQuery, search: z.string().trim().max(200).optional() }), reply: listReply(CaughtRow),
    handle: ({ org, query, services }) => services.catcher.list(org, query),
  }),
  route({
    method: 'delete', path: '/mail-catcher/messages', capability: 'catcher.view', summary: 'Clears the mail catcher.', tag: 'mail-catcher', reply: null,
    handle: ({ org, services }) => services.catcher.clear(org),
  }),
  route({
    method: 'get', path: '/mail-catcher/messages/:id', capability: 'catcher.view', summary: 'One caught mail, taken apart.', tag: 'mail-catcher',
    params, reply: CaughtMail, handle: ({ org, params: { id }, services }) => services.catcher.get(org, id),
  }),
  route({
    method: 'get', path: '/mail-catcher/messages/:id/source', capability: 'catcher.view', summary: 'One caught mail as it arrived.', tag: 'mail-catcher',
    params, reply: 'stream',
    handle: async ({ org, params: { id }, res, services }) => { res.type('text/plain; charset=utf-8').send((await services.catcher.source(org, id)).toString('utf8')); },
  }),
];
