import { z } from 'zod';
import { listQuery, listReply } from '../../http/cursor.ts';
import { route, type Route } from '../../http/route.ts';
import { dryRun, enroll, stepId, versionNo } from './input.ts';
import { JobView } from './job-views.ts';
import { CustomerRunView, EnrollmentRowView, enrollmentStates, EnrollmentView, exitReasons } from './people-views.ts';
import { DraftView, MovingView, VersionsView } from './views.ts';

const params = z.strictObject({ id: z.uuid() });
const enrollmentParams = z.strictObject({ id: z.uuid(), eid: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER) });
const tag = 'journeys';
const read = { capability: 'journeys.view', scope: 'journeys:read', tag } as const;
const edits = { capability: 'journeys.edit', scope: 'journeys:write', tag } as const;
const publishes = { capability: 'journeys.publish', scope: 'journeys:write', tag } as const;

/** People in a journey, its versions, and the long work on both. */
export const journeyPeopleRoutes = [
  route({
    ...read, method: 'get', path: '/journeys/:id/enrollments', summary: 'People in the journey, who entered last first.', params,
    query: z.strictObject({ ...listQuery, step: stepId.optional(), state: z.enum(enrollmentStates).optional(), reason: z.enum(exitReasons).optional(), version: versionNo.optional(), search: z.string().max(254).optional() }),
    reply: listReply(EnrollmentRowView),
    handle: ({ org, params: { id }, query, services }) => services.journeyPeople.list(org, id, query),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/enrollments/:eid', summary: "One person's path with times and reasons.", params: enrollmentParams, reply: EnrollmentView,
    handle: ({ org, role, params: { id, eid }, services }) => services.journeyPeople.get(org, role, id, eid),
  }),
  route({
    ...publishes, method: 'post', path: '/journeys/:id/enrollments/:eid/move', summary: 'Moves her to another step of her version.', params: enrollmentParams, body: z.strictObject({ step: stepId }), reply: EnrollmentView,
    handle: ({ org, role, actor, params: { id, eid }, body, services }) => services.journeyPeople.move(org, role, id, eid, body.step, actor.name),
  }),
  route({
    ...publishes, method: 'post', path: '/journeys/:id/enrollments/:eid/remove', summary: 'Ends her run.', params: enrollmentParams, reply: EnrollmentView,
    handle: ({ org, role, actor, params: { id, eid }, services }) => services.journeyPeople.remove(org, role, id, eid, actor.name),
  }),

  route({
    method: 'get', path: '/customers/:id/journeys', capability: 'customers.view', scope: 'customers:read', tag: 'customers', summary: 'The journeys a customer is or was in, the newest first.',
    params: z.strictObject({ id: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER) }), query: z.strictObject(listQuery), reply: listReply(CustomerRunView),
    handle: ({ org, params: { id }, query, services }) => services.journeyPeople.ofCustomer(org, id, query),
  }),

  route({
    ...read, method: 'get', path: '/journeys/:id/versions', summary: 'Published versions, newest first, with the people inside.', params, reply: VersionsView,
    handle: ({ org, params: { id }, services }) => services.journeyVersions.list(org, id),
  }),
  route({
    ...edits, method: 'post', path: '/journeys/:id/versions/:no/revert', summary: 'Makes a draft of an earlier version.', params: z.strictObject({ id: z.uuid(), no: versionNo }),
    body: z.strictObject({ replace: z.boolean().default(false).describe('Whether a draft that is there gives way.') }), status: 201, reply: DraftView,
    handle: ({ org, params: { id, no }, body, services }) => services.journeyDrafts.create(org, id, { fromVersion: no, replace: body.replace }),
  }),
  route({
    ...publishes, method: 'post', path: '/journeys/:id/migrate', summary: 'Moves people of an earlier version, or of all, to the live one where their step still exists.', params, idempotent: true,
    body: z.strictObject({ from: z.int().min(1).max(2_147_483_647).optional(), dryRun: z.boolean().default(false).describe('Only counts.') }), status: 202,
    reply: z.object({ people: MovingView, job: JobView.nullable() }),
    handle: ({ org, actor, params: { id }, body, services }) => services.journeyJobs.migrate(org, id, body, actor.name),
  }),
  route({
    ...publishes, method: 'post', path: '/journeys/:id/migrate/undo', summary: 'Returns whom the last move carried and who has not left that step.', params, idempotent: true, status: 202, reply: JobView,
    handle: ({ org, actor, params: { id }, services }) => services.journeyJobs.undo(org, id, actor.name),
  }),

  route({
    method: 'post', path: '/journeys/:id/enroll', capability: 'journeys.publish', scope: 'journeys:enroll', tag, summary: 'Enrolls a list, a segment or typed addresses in a published journey.', params, idempotent: true, bodyLimit: 4 * 1_048_576,
    body: enroll, status: 202, reply: JobView,
    handle: ({ org, actor, params: { id }, body, services }) => services.journeyJobs.enroll(org, id, body, actor.name),
  }),
  route({
    ...edits, method: 'post', path: '/journeys/:id/dry-run', summary: 'Tries the draft over a list, a segment or who would have entered in the last days; nothing is sent or changed.', params, idempotent: true,
    body: dryRun, status: 202, reply: JobView,
    handle: ({ org, actor, params: { id }, body, services }) => services.journeyJobs.dryRun(org, id, body, actor.name),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/jobs', summary: 'Long work on the journey, newest first.', params, query: z.strictObject(listQuery), reply: listReply(JobView),
    handle: ({ org, params: { id }, query, services }) => services.journeyJobs.list(org, id, query),
  }),
  route({
    ...read, method: 'get', path: '/journeys/:id/jobs/:jobId', summary: 'How far one is, and what came of it.', params: z.strictObject({ id: z.uuid(), jobId: z.uuid() }), reply: JobView,
    handle: ({ org, params: { id, jobId }, services }) => services.journeyJobs.get(org, id, jobId),
  }),
] as unknown as readonly Route[];
