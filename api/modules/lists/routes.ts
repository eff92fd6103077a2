import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { ListView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const name = z.string().trim().min(1, 'Give the list a name.').max(200);
const description = z.string().trim().max(2_000).nullable().transform((text) => text ?? '');
const ofPublic = { isPublic: z.boolean().optional(), publicName: z.string().trim().max(200).optional(), publicDescription: z.string().trim().max(2_000).optional() };
const members = z.strictObject({
  customerIds: z.array(z.number().int().min(1)).max(10_000).optional(),
  emails: z.array(z.string().max(1_000)).max(10_000).optional(),
});
const tag = 'lists';

export const listRoutes = [
  route({
    method: 'get', path: '/lists', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'Lists by name.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional() }), reply: listReply(ListView),
    handle: ({ org, query, services }) => services.lists.list(org, query),
  }),
  route({
    method: 'post', path: '/lists', capability: 'lists.manage', tag, scope: 'lists:write', status: 201, summary: 'Adds a list.',
    body: z.strictObject({ name, description: description.default(''), ...ofPublic }), reply: ListView,
    handle: ({ org, body, services }) => services.lists.create(org, body),
  }),
  route({
    method: 'get', path: '/lists/:id', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'One list.', params, reply: ListView,
    handle: ({ org, params: { id }, services }) => services.lists.get(org, id),
  }),
  route({
    method: 'patch', path: '/lists/:id', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Renames or describes a list, or shows it on preferences pages.', params,
    body: z.strictObject({ version: z.number().int(), name: name.optional(), description: description.optional(), ...ofPublic }), reply: ListView,
    handle: ({ org, params: { id }, body, services }) => services.lists.update(org, id, body),
  }),
  route({
    method: 'delete', path: '/lists/:id', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Deletes a list; its customers stay.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.lists.remove(org, id),
  }),
  route({
    method: 'get', path: '/lists/:id/members', capability: 'lists.manage', tag, scope: 'lists:read', summary: 'Members of a list.', params,
    query: z.strictObject(listQuery), reply: listReply(z.object({ customerId: z.number(), email: z.string(), addedAt: z.string() })),
    handle: ({ org, params: { id }, query, services }) => services.lists.members(org, id, query),
  }),
  route({
    method: 'post', path: '/lists/:id/members', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Adds customers to a list.', params,
    body: members, reply: ListView,
    handle: ({ org, params: { id }, body, services }) => services.lists.addMembers(org, id, body),
  }),
  route({
    method: 'delete', path: '/lists/:id/members', capability: 'lists.manage', tag, scope: 'lists:write', summary: 'Takes customers off a list.', params,
    body: members, reply: ListView,
    handle: ({ org, actor, params: { id }, body, services }) => services.lists.removeMembers(org, actor.name, id, body),
  }),
];
