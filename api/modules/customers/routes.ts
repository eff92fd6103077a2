import { z } from 'zod';
import { MAX_PART_LENGTH } from '#domain/segment/ast.ts';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { TimelineEntry } from './timeline.ts';
import { CustomerView } from './views.ts';

const id = z.coerce.number({ message: 'Expected a number.' }).int().min(1).max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(10_000).nullable().optional();
const fields = {
  firstName: text, lastName: text, phone: text, city: text, country: text,
  score: z.number().nullable().optional(),
  timezone: text,
  custom: z.record(z.string().max(64), z.union([z.string().max(10_000), z.number(), z.boolean(), z.null()])).optional(),
  listIds: z.array(z.uuid()).max(1_000).optional(),
};
const email = z.string().max(1_000);
const tag = 'customers';

export const customerRoutes = [
  route({
    method: 'get', path: '/customers', capability: 'customers.view', tag, scope: 'customers:read', summary: 'Customers, filtered and searched.',
    query: z.strictObject({
      ...listQuery,
      search: z.string().max(MAX_PART_LENGTH).optional(), listId: z.uuid().optional(), segmentId: z.uuid().optional(),
      status: z.enum(['mailable', 'suppressed', 'unsubscribed', 'bounced']).optional(),
      sort: z.enum(['newest', 'oldest', 'email']).optional(),
    }),
    reply: listReply(CustomerView),
    handle: ({ org, query, services }) => services.customers.list(org, query),
  }),
  route({
    method: 'post', path: '/customers', capability: 'customers.edit', tag, scope: 'customers:write', status: 201, summary: 'Adds a customer.',
    body: z.strictObject({ email, ...fields }), reply: CustomerView,
    handle: ({ org, body, services }) => services.customers.create(org, body),
  }),
  route({
    method: 'get', path: '/customers/:id', capability: 'customers.view', tag, scope: 'customers:read', summary: 'One customer with her lists.',
    params: z.strictObject({ id }), reply: CustomerView,
    handle: ({ org, params, services }) => services.customers.get(org, params.id),
  }),
  route({
    method: 'patch', path: '/customers/:id', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Changes the fields given; null takes a value away.',
    params: z.strictObject({ id }), body: z.strictObject({ version: z.number().int().optional(), email: email.optional(), ...fields }), reply: CustomerView,
    handle: ({ org, params, body: { version, ...input }, services }) => services.customers.update(org, params.id, version, input),
  }),
  route({
    method: 'put', path: '/customers/by-email/:email', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Adds or changes a customer by her address.',
    params: z.strictObject({ email }), body: z.strictObject(fields), reply: CustomerView,
    handle: ({ org, params, body, services }) => services.customers.upsert(org, params.email, body),
  }),
  route({
    method: 'delete', path: '/customers/:id', capability: 'customers.erase', tag, scope: 'customers:write', summary: 'Erases a customer for good.',
    params: z.strictObject({ id }), reply: null,
    handle: ({ org, actor, params, services }) => services.customers.erase(org, actor.name, params.id),
  }),
  route({
    method: 'get', path: '/customers/:id/timeline', capability: 'customers.view', tag, scope: 'customers:read', summary: 'What happened with a customer, newest first.',
    params: z.strictObject({ id }), query: z.strictObject(listQuery), reply: listReply(TimelineEntry),
    handle: ({ org, params, query, services }) => services.customers.timeline(org, params.id, query),
  }),
];
