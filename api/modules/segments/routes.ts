import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route } from '../../http/route.ts';
import { CustomerView } from '../customers/views.ts';
import { ChoicesView, CountView, ExplanationView, SampleView, SegmentRowView, SegmentView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const name = z.string().trim().min(1, 'Give the segment a name.').max(200);
const description = z.string().trim().max(2_000).nullable().transform((text) => text ?? '');
// Described as what a segment answers with, but checked by the domain, which names the path of each problem.
const rule = z.unknown().meta({ $ref: '#/components/schemas/Rule' });
const tag = 'segments';
// 100,000 conditions arrive and are refused in words, instead of breaking off.
const bodyLimit = 16 * 1_048_576;

export const segmentRoutes = [
  route({
    method: 'get', path: '/segments', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'Segments with their rules in words and what uses them.',
    query: z.strictObject({ ...listQuery, search: z.string().max(200).optional(), sort: z.enum(['name', 'changed']).optional() }), reply: listReply(SegmentRowView),
    handle: ({ org, query, services }) => services.segments.list(org, query),
  }),
  route({
    method: 'post', path: '/segments', capability: 'segments.manage', tag, scope: 'segments:write', status: 201, bodyLimit, summary: 'Adds a segment.',
    body: z.strictObject({ name, description: description.default(''), rule }), reply: SegmentView,
    handle: ({ org, body, services }) => services.segments.create(org, body),
  }),
  route({
    method: 'post', path: '/segments/count', capability: 'segments.manage', tag, scope: 'segments:read', bodyLimit, summary: 'How many people a rule matches, and why nobody if nobody.',
    body: z.strictObject({ rule }), reply: CountView,
    handle: ({ org, body, services }) => services.segments.count(org, body.rule),
  }),
  route({
    method: 'post', path: '/segments/sample', capability: 'segments.manage', tag, scope: 'segments:read', bodyLimit, summary: 'Up to ten people a rule matches.',
    body: z.strictObject({ rule }), reply: SampleView,
    handle: ({ org, body, services }) => services.segments.sample(org, body.rule),
  }),
  route({
    method: 'post', path: '/segments/explain', capability: 'segments.manage', tag, scope: 'segments:read', bodyLimit, summary: 'Which conditions of a rule or segment hold for one customer.',
    body: z.strictObject({ rule: rule.optional(), segmentId: z.uuid().optional(), email: z.string().max(1_000).optional(), customerId: z.int().min(1).optional() }), reply: ExplanationView,
    handle: ({ org, body, services }) => services.segments.explain(org, body),
  }),
  route({
    method: 'get', path: '/segments/choices', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'What conditions can be about beside fields, lists and segments.', reply: ChoicesView,
    handle: ({ org, services }) => services.segments.choices(org),
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
    method: 'post', path: '/segments/:id/duplicate', capability: 'segments.manage', tag, scope: 'segments:write', status: 201, summary: 'A copy of a segment under a name of its own.', params, reply: SegmentView,
    handle: ({ org, params: { id }, services }) => services.segments.duplicate(org, id),
  }),
  route({
    method: 'get', path: '/segments/:id/count', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'How many people the segment has now.', params, reply: CountView,
    handle: ({ org, params: { id }, services }) => services.segments.countOf(org, id),
  }),
  route({
    method: 'get', path: '/segments/:id/members', capability: 'segments.manage', tag, scope: 'segments:read', summary: 'The customers who are in the segment now.', params,
    query: z.strictObject({ ...listQuery, sort: z.enum(['newest', 'oldest', 'email']).optional() }), reply: listReply(CustomerView),
    handle: ({ org, params: { id }, query, services }) => services.segments.members(org, id, query),
  }),
];
