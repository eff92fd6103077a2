import { z } from 'zod';
import { route } from '../../http/route.ts';
import { FieldView } from './views.ts';

export const fieldRoutes = [
  route({
    method: 'get', path: '/fields', capability: 'customers.view', tag: 'fields', scope: 'customers:read', summary: 'The custom fields.',
    reply: z.object({ data: z.array(FieldView) }),
    handle: ({ org, services }) => services.fields.list(org),
  }),
  route({
    method: 'post', path: '/fields', capability: 'customers.edit', tag: 'fields', scope: 'customers:write', status: 201, summary: 'Adds a custom field.',
    body: z.strictObject({ key: z.string().min(1).max(64), label: z.string().trim().min(1).max(200).optional(), type: z.enum(['text', 'number', 'date', 'boolean']) }),
    reply: FieldView.extend({ notice: z.string().nullable() }),
    handle: ({ org, body, services }) => services.fields.create(org, body),
  }),
];
