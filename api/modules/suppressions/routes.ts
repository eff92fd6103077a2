import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { ImportView, PreviewView } from '../imports/views.ts';
import { reasons, sources, SuppressionView } from './views.ts';

const tag = 'suppressions';
const note = z.string().trim().min(1, 'Write why the address may get mail again.').max(2_000);
const day = z.string().max(40).optional();
const filter = { search: z.string().max(254).optional(), reason: z.enum(reasons).optional(), source: z.enum(sources).optional(), from: day, to: day };
const flag = z.enum(['true', 'false'], { message: 'Expected true or false.' }).transform((value) => value === 'true');

export const suppressionRoutes = [
  route({
    method: 'get', path: '/suppressions', capability: 'suppression.manage', tag, scope: 'suppression:read',
    summary: 'Addresses that get no mail, newest first; `from` and `to` are days, both included.',
    query: z.strictObject({ ...listQuery, ...filter }),
    reply: listReply(SuppressionView),
    handle: ({ org, query, services }) => services.suppressions.list(org, query),
  }),
  route({
    method: 'post', path: '/suppressions', capability: 'suppression.manage', tag, scope: 'suppression:write', status: 201, summary: 'Suppresses an address, customer or not.',
    body: z.strictObject({ email: z.string().max(1_000), reason: z.enum(reasons).default('manual'), note: z.string().trim().max(2_000).optional() }), reply: SuppressionView,
    handle: ({ org, actor, body, services }) => services.suppressions.add(org, actor.kind === 'user' ? 'manual' : 'api', body, actor.name),
  }),
  route({
    method: 'post', path: '/suppressions/import', capability: 'suppression.manage', tag, scope: 'suppression:write', status: 201, bodyMode: 'stream', idempotent: true,
    summary: 'Uploads a CSV file of addresses to suppress as the raw body, with an optional column `note`; it goes on as an import.',
    query: z.strictObject({ fileName: z.string().trim().min(1).max(255).default('suppressions.csv'), start: flag.default(false) }),
    reply: ImportView.extend({ preview: PreviewView }),
    handle: ({ org, actor, query, req, services }) => services.imports.upload(org, actor.name, req, { kind: 'suppressions', ...query }),
  }),
  route({
    method: 'post', path: '/suppressions/unsuppress', capability: 'suppression.manage', tag, scope: 'suppression:write', bodyLimit: 1_048_576,
    summary: 'Lets those named or those a filter matches get mail again, up to 10,000 a call; says why in the note.',
    body: z.strictObject({ emails: z.array(z.string().max(1_000)).min(1).max(10_000).optional(), filter: z.strictObject(filter).optional(), note }),
    reply: z.object({ unsuppressed: z.number().int(), left: z.boolean() }),
    handle: ({ org, actor, body: { note: why, ...many }, services }) => services.suppressions.removeMany(org, actor.name, many, why),
  }),
  route({
    method: 'delete', path: '/suppressions/:email', capability: 'suppression.manage', tag, scope: 'suppression:write', summary: 'Lets an address get mail again; says why in the note.',
    params: z.strictObject({ email: z.string().max(1_000) }), body: z.strictObject({ note }), reply: null,
    handle: ({ org, actor, params, body, services }) => services.suppressions.remove(org, actor.name, params.email, body.note),
  }),
];
