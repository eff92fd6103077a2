import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { BATCH_MAX, BatchReply } from './batch.ts';
import { FilterInput, plainFilter } from './filter.ts';
import { CustomerInput, emailInput, writable } from './input.ts';
import { orders } from './list.ts';
import { TimelineEntry } from './timeline.ts';
import { CustomerView } from './views.ts';

const id = z.coerce.number({ message: 'Expected a number.' }).int().min(1).max(Number.MAX_SAFE_INTEGER);
const params = z.strictObject({ id });
const sort = z.enum(orders).optional();
const flag = z.enum(['true', 'false'], { message: 'Expected true or false.' }).transform((value) => value === 'true');
// Each item is checked by itself: a wrong one is named in the reply and costs nobody else.
const batchItem = z.unknown().meta({ $ref: '#/components/schemas/CustomerInput' });
const tag = 'customers';

export const customerRoutes = [
  route({
    method: 'get', path: '/customers', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Customers, filtered and searched.',
    query: z.strictObject({ ...listQuery, ...plainFilter, sort }),
    reply: listReply(CustomerView),
    handle: ({ org, query, services }) => services.customers.list(org, query),
  }),
  route({
    method: 'post', path: '/customers/search', capability: 'customers.view', tag, scope: 'customers:read', bodyLimit: 4 * 1_048_576,
    summary: 'Customers as the list gives them, filtered by fields too: the rule is a tree as segments have them.',
    body: FilterInput.extend({ limit: z.int().min(1).max(200).default(50), cursor: z.string().max(1_000).optional(), count: z.boolean().optional(), sort }).meta({ id: 'CustomerSearch' }),
    reply: listReply(CustomerView),
    handle: ({ org, body, services }) => services.customers.list(org, body),
  }),
  route({
    method: 'post', path: '/customers', capability: 'customers.edit', tag, scope: 'customers:write', status: 201, summary: 'Adds a customer.',
    body: CustomerInput, reply: CustomerView,
    handle: ({ org, body, services }) => services.customers.create(org, body),
  }),
  route({
    method: 'post', path: '/customers/batch', capability: 'customers.edit', tag, scope: 'customers:write', idempotent: true, bodyLimit: 16 * 1_048_576,
    summary: 'Adds or changes up to 1,000 customers by address, with a result for each.',
    body: z.strictObject({ customers: z.array(batchItem).min(1).max(BATCH_MAX) }), reply: BatchReply,
    handle: ({ org, actor, body, services }) => services.customers.batch(org, actor.name, body.customers),
  }),
  route({
    method: 'get', path: '/customers/:id', capability: 'customers.view', tag, scope: 'customers:read', summary: 'One customer with her lists and her suppression.',
    params, reply: CustomerView,
    handle: ({ org, params, services }) => services.customers.get(org, params.id),
  }),
  route({
    method: 'patch', path: '/customers/:id', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Changes the fields given; null takes a value away, lists are then all of hers.',
    params, body: z.strictObject({ version: z.number().int().optional(), email: emailInput.optional(), ...writable }), reply: CustomerView,
    handle: ({ org, actor, params, body: { version, ...input }, services }) => services.customers.update(org, actor.name, params.id, version, input),
  }),
  route({
    method: 'put', path: '/customers/by-email/:email', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Adds or changes a customer by her address.',
    params: z.strictObject({ email: emailInput }), body: z.strictObject(writable), reply: CustomerView,
    handle: ({ org, actor, params, body, services }) => services.customers.upsert(org, actor.name, params.email, body),
  }),
  route({
    method: 'delete', path: '/customers/:id', capability: 'customers.erase', tag, scope: 'customers:write', summary: 'Erases a customer for good; neverMail blocks her address even if it was not suppressed.',
    params, query: z.strictObject({ neverMail: flag.default(false) }), reply: null,
    handle: ({ org, actor, params, query, services }) => services.customers.erase(org, actor.name, params.id, query.neverMail),
  }),
  route({
    method: 'get', path: '/customers/:id/segments', capability: 'customers.view', tag, scope: 'customers:read', summary: 'The segments a customer is in now.',
    params, reply: z.object({ data: z.array(z.object({ id: z.string(), name: z.string() })) }),
    handle: ({ org, params, services }) => services.customers.segmentsOf(org, params.id),
  }),
  route({
    method: 'get', path: '/customers/:id/timeline', capability: 'customers.view', tag, scope: 'customers:read', summary: 'What happened with a customer, newest first; kinds and groups of kinds separated by commas.',
    params, query: z.strictObject({ ...listQuery, kinds: z.string().max(500).optional() }), reply: listReply(TimelineEntry),
    handle: ({ org, params, query, services }) => services.customers.timeline(org, params.id, query),
  }),
  route({
    method: 'get', path: '/customers/:id/data', capability: 'customers.export', tag, scope: 'customers:read', summary: 'Everything known of a customer as a file.',
    params, query: z.strictObject({ format: z.enum(['json', 'csv']).default('json') }), reply: 'stream',
    handle: async ({ org, params, query: { format }, res, services }) => {
      await services.customers.download(org, params.id, format, res, () => {
        res.set({ 'Content-Type': format === 'json' ? 'application/json; charset=utf-8' : 'text/csv; charset=utf-8', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
        res.attachment(`customer-${params.id}.${format}`);
      });
      res.end();
    },
  }),
];
