import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route, type Route } from '../../http/route.ts';
import { fields, name } from './input.ts';
import { ConnectionTestView, ConnectionView, vendors } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'connections';

export const connectionRoutes = [
  route({
    method: 'get', path: '/connections', capability: 'connections.view', scope: 'connections:read', tag, summary: 'Connections by name.', query: z.strictObject(listQuery), reply: listReply(ConnectionView),
    handle: ({ org, query, services }) => services.connections.list(org, query),
  }),
  route({
    method: 'post', path: '/connections', capability: 'connections.manage', scope: 'connections:write', tag, summary: 'Adds a connection.', body: z.strictObject({ vendor: z.enum(vendors), name, ...fields }), reply: ConnectionView, status: 201,
    handle: ({ org, body: { vendor, ...edit }, services }) => services.connections.create(org, vendor, edit),
  }),
  route({
    method: 'get', path: '/connections/:id', capability: 'connections.view', scope: 'connections:read', tag, summary: 'One connection.', params, reply: ConnectionView,
    handle: ({ org, params: { id }, services }) => services.connections.get(org, id),
  }),
  route({
    method: 'patch', path: '/connections/:id', capability: 'connections.manage', scope: 'connections:write', tag, summary: 'Changes a connection; a password is kept unless given.', params,
    body: z.strictObject({ version: z.int().optional(), name: name.optional(), ...fields }), reply: ConnectionView,
    handle: ({ org, params: { id }, body, services }) => services.connections.edit(org, id, body),
  }),
  route({
    method: 'delete', path: '/connections/:id', capability: 'connections.manage', scope: 'connections:write', tag, summary: 'Deletes a connection that nothing uses.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.connections.remove(org, id),
  }),
  route({
    method: 'post', path: '/connections/:id/test', capability: 'connections.manage', scope: 'connections:write', tag, summary: 'Signs in and sends a test mail.', params,
    body: z.strictObject({ recipient: z.email('Expected an address like ada@example.com.') }), reply: ConnectionTestView,
    handle: ({ org, params: { id }, body, services }) => services.connections.test(org, id, body.recipient),
  }),
] as unknown as readonly Route[];
