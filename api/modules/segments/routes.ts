import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { CustomerView } from '../customers/views.ts';
import { CountView, SegmentView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const name = z.string().trim().min(1, 'Give the segment a name.').max(200);
const description = z.string().trim().max(2_000).nullable().transform((text) => text ?? '');
// Described as what a segment answers with, but checked by the domain, which names the path of each problem.
const rule = z.unknown().meta({ $ref: '#/components/schemas/Rule' });
const tag = 'segments';
const bodyLimit = 4 * 1_048_576;

export const segmentRoutes = [
  route({
    method: 'get', path: '/segments', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'Segments by name.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional() }), reply: listReply(SegmentView),
    handle: ({ org, query, services }) => services.segments.list(org, query),
  }),
  route({
    method: 'post', path: '/segments', capability: 'segments.manage', tag, scope: 'segments:write', status: 201, bodyLimit, summary: 'Adds a segment.',
    body: z.strictObject({ name, description: description.default(''), rule }), reply: SegmentView,
    handle: ({ org, body, services }) => services.segments.create(org, body),
  }),
  route({
    method: 'post', path: '/segments/count', capability: 'segments.manage', tag, scope: 'segments:read', bodyLimit, summary: 'How many people a rule matches.',
    body: z.strictObject({ rule }), reply: CountView,
    handle: ({ org, body, services }) => services.segments.count(org, body.rule),
  }),
  route({
    method: 'post', path: '/segments/sample', capability: 'segments.manage', tag, scope: 'segments:read', bodyLimit, summary: 'Up to ten people a rule matches.',
    body: z.strictObject({ rule }), reply: z.object({ data: z.array(CustomerView) }),
    handle: ({ org, body, services }) => services.segments.sample(org, body.rule),
  }),
  route({
    method: 'get', path: '/segments/:id', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'One segment with its rule in words.', params, reply: SegmentView,
    handle: ({ org, params: { id }, services }) => services.segments.get(org, id),
  }),
  route({
    method: 'patch', path: '/segments/:id', capability: 'segments.manage', tag, scope: 'segments:write', bodyLimit, summary: 'Changes a segment.', params,
    body: z.strictObject({ version: z.number().int(), name: name.optional(), description: description.optional(), rule: rule.optional() }), reply: SegmentView,
    handle: ({ org, params: { id }, body, services }) => services.segments.update(org, id, body),
  }),
  route({
    method: 'delete', path: '/segments/:id', capability: 'segments.manage', tag, scope: 'segments:write', summary: 'Deletes a segment that nothing uses.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.segments.remove(org, id),
  }),
  route({
    method: 'get', path: '/segments/:id/count', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'How many people the segment has now.', params, reply: CountView,
    handle: ({ org, params: { id }, services }) => services.segments.countOf(org, id),
  }),
];
