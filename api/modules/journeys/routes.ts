import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { liveStream } from '../../http/live.ts';
import { route, type Route } from '../../http/route.ts';
import { TestView } from '../campaigns/views.ts';
import { graph, GRAPH_BODY_LIMIT, GRAPH_VALUE_LIMIT, name, note, stepId, versionNo } from './input.ts';
import { AnalyticsView, DraftView, JourneyRowView, JourneyView, ReadyView, RefusalsView, SavedDraftView, ValidationView, VersionGraphView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const tag = 'journeys';
const flag = z.enum(['true', 'false']).transform((value) => value === 'true').optional();
const read = { capability: 'journeys.view', scope: 'journeys:read', tag } as const;
const edits = { capability: 'journeys.edit', scope: 'journeys:write', tag } as const;
const publishes = { capability: 'journeys.publish', scope: 'journeys:write', tag } as const;

/** One route for each command that answers with the journey. */
const command = (verb: 'pause' | 'resume' | 'archive' | 'unarchive', summary: string) =>
  route({
    ...publishes, method: 'post', path: `/journeys/:id/${verb}`, summary, params, reply: JourneyView,
    handle: ({ org, role, actor, params: { id }, services }) => services.journeyLifecycle.command(org, role, id, verb, actor.name),
  });

export const journeyRoutes = [
  route({
    ...read, method: 'get', path: '/journeys', summary: 'Journeys, newest first.',
    query: z.strictObject({ ...listQuery, state: z.string().max(100).optional(), search: z.string().max(200).optional(), archived: flag }), reply: listReply(JourneyRowView),
    handle: ({ org, role, query, services }) => services.journeys.list(org, role, query),
  }),
  route({
    ...edits, method: 'post', path: '/journeys', summary: 'Begins a draft, blank or from a ready journey.', status: 201,
    body: z.strictObject({ name, ready: z.string().max(100).optional() }), reply: JourneyView,
    handle: ({ org, role, actor, body, services }) => services.journeys.create(org, role, actor.name, body),
  }),
  route({
    ...read, method: 'get', path: '/journeys/ready', summary: 'Ready journeys to begin with.', reply: ReadyView,
    handle: ({ services }) => services.journeys.ready(),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id', summary: 'One journey.', params, reply: JourneyView,
    handle: ({ org, role, params: { id }, services }) => services.journeys.get(org, role, id),
  }),
  route({
    ...edits, method: 'patch', path: '/journeys/:id', summary: 'Renames a journey; `version` refuses a stale one.', params, body: z.strictObject({ name, version: z.int() }), reply: JourneyView,
    handle: ({ org, role, params: { id }, body, services }) => services.journeys.rename(org, role, id, body),
  }),
  route({
    method: 'delete', path: '/journeys/:id', capability: 'journeys.delete', scope: 'journeys:write', tag, summary: 'Deletes a journey that was never published or is archived, with its people.', params, reply: null,
    handle: ({ org, actor, params: { id }, services }) => services.journeys.remove(org, id, actor.name),
  }),
  route({
    ...edits, method: 'post', path: '/journeys/:id/duplicate', summary: 'A new draft with the same steps.', params, reply: JourneyView, status: 201,
    handle: ({ org, role, actor, params: { id }, services }) => services.journeys.duplicate(org, role, actor.name, id),
  }),

  route({
    ...read, method: 'get', path: '/journeys/:id/draft', summary: 'The draft with the problems of its steps.', params, reply: DraftView,
    handle: ({ org, params: { id }, services }) => services.journeyDrafts.get(org, id),
  }),
  route({
    ...edits, method: 'put', path: '/journeys/:id/draft', summary: 'Saves the draft; `version` refuses a stale one.', params, body: z.strictObject({ version: z.int(), graph }), bodyLimit: GRAPH_BODY_LIMIT, valueLimit: GRAPH_VALUE_LIMIT, reply: SavedDraftView,
    handle: ({ org, params: { id }, body, services }) => services.journeyDrafts.save(org, id, body),
  }),
  route({
    ...edits, method: 'post', path: '/journeys/:id/draft', summary: 'Makes a draft of the live version.', params, status: 201, reply: DraftView,
    handle: ({ org, params: { id }, services }) => services.journeyDrafts.create(org, id, { replace: false }),
  }),
  route({
    ...edits, method: 'delete', path: '/journeys/:id/draft', summary: 'Discards the draft of a published journey.', params, reply: null,
    handle: ({ org, params: { id }, services }) => services.journeyDrafts.discard(org, id),
  }),
  route({
    ...read, method: 'post', path: '/journeys/:id/validate', summary: 'What stands against publishing the draft, and where the people inside stand.', params, reply: ValidationView,
    handle: ({ org, params: { id }, services }) => services.journeyDrafts.validate(org, id),
  }),
  route({
    ...edits, method: 'post', path: '/journeys/:id/steps/:node/test', summary: 'Sends the mail of a step, untracked, to up to 10 addresses: as the draft has it, else the live version.', idempotent: true,
    params: z.strictObject({ id: z.uuid(), node: stepId }),
    body: z.strictObject({
      emails: z.array(z.email('Expected an address like ada@example.com.')).min(1).max(10, 'At most 10 addresses.'),
      customerId: z.int().positive().optional(), seed: z.int().min(0).max(2_147_483_647).optional(),
    }),
    reply: TestView,
    handle: ({ org, params: { id, node }, body, services }) => services.journeyTestMail.send(org, id, node, body),
  }),

  route({
    ...publishes, method: 'post', path: '/journeys/:id/publish', summary: 'Makes the draft the live version and arms its trigger.', params,
    body: z.strictObject({ draftVersion: z.int(), note: note.default(''), people: z.enum(['stay', 'move']).default('stay') }), reply: JourneyView,
    handle: ({ org, role, actor, params: { id }, body, services }) => services.journeyPublisher.publish(org, role, id, body, actor.name),
  }),
  command('pause', 'Pauses: nobody moves or enters any more.'),
  command('resume', 'Resumes: those whose time has come go on.'),
  command('archive', 'Archives: ends every active run.'),
  command('unarchive', 'Makes it a draft again.'),

  route({
    ...read, method: 'get', path: '/journeys/:id/graph', summary: 'The steps of the live version, or of another.', params, query: z.strictObject({ version: versionNo.optional() }), reply: VersionGraphView,
    handle: ({ org, params: { id }, query, services }) => services.journeyVersions.graph(org, id, query.version),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/analytics', summary: 'Numbers of the journey and of each step, of all versions or one.', params, query: z.strictObject({ version: versionNo.optional() }), reply: AnalyticsView,
    handle: ({ org, params: { id }, query, services }) => services.journeyNumbers.read(org, id, query.version),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/live', summary: 'Says when the journey or its numbers changed, as server-sent events at most once a second.', params, reply: 'stream',
    handle: ({ org, params: { id }, services, req, res }) => liveStream(req, res, async () => ({ data: await services.journeyNumbers.stamp(org, id) }), 1_000),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/refusals', summary: 'Why nobody is entering, with the last 20 who did not get in.', params, reply: RefusalsView,
    handle: ({ org, params: { id }, services }) => services.journeyRefusals.explain(org, id),
  }),
] as unknown as readonly Route[];
