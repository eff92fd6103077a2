import { z } from 'zod';
import { route } from '../../http/route.ts';
import { FieldDetailView, FieldView } from './views.ts';

const tag = 'fields';
const key = z.string().min(1).max(64);
const params = z.strictObject({ key });
const label = z.string().trim().min(1).max(200);
const type = z.enum(['text', 'number', 'date', 'boolean']);

export const fieldRoutes = [
  route({
    method: 'get', path: '/fields', capability: 'customers.view', tag, scope: 'customers:read', summary: 'The custom fields.',
    reply: z.object({ data: z.array(FieldView) }),
    handle: ({ org, services }) => services.fields.list(org),
  }),
  route({
    method: 'get', path: '/fields/details', capability: 'customers.view', tag, scope: 'customers:read', summary: 'The custom fields with how many customers have them, in how many the value does not fit, and what uses them.',
    reply: z.object({ customers: z.number().int().nullable(), problem: z.string().nullable(), data: z.array(FieldDetailView) }),
    handle: ({ org, services }) => services.fields.details(org),
  }),
  route({
    method: 'post', path: '/fields', capability: 'customers.edit', tag, scope: 'customers:write', status: 201, summary: 'Adds a custom field.',
    body: z.strictObject({ key, label: label.optional(), type }),
    reply: FieldView.extend({ notice: z.string().nullable() }),
    handle: ({ org, body, services }) => services.fields.create(org, body),
  }),
  route({
    method: 'patch', path: '/fields/:key', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Changes a field’s label at once, its type by a re-index in the background.', params,
    body: z.strictObject({ label: label.optional(), type: type.optional() }), reply: FieldView,
    handle: ({ org, params, body, services }) => services.fields.update(org, params.key, body),
  }),
  route({
    method: 'delete', path: '/fields/:key', capability: 'customers.edit', tag, scope: 'customers:write', summary: 'Deletes a field that nothing uses, with its values.', params, reply: null,
    handle: ({ org, params, services }) => services.fields.remove(org, params.key),
  }),
];
