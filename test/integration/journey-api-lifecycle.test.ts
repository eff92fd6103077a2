import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { journeyMoves, journeyStates, type JourneyState } from '#domain/journey/status.ts';
import { createJourneyControlActivities } from '../../activities/journey-control/index.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { connect, customers, draftJourney, publishedJourney, publishNext, seat } from '../support/journey-api.ts';
import { enters, graphOf, send, wait } from '../support/journey-dsl.ts';

/** Publish, pause, resume, archive, unarchive, versions, and who may what. */

let api: TestApi;
let owner: TestUser;
let member: TestUser;
let connection: string;
let list: string;
let people: number[];

beforeAll(async () => {
  api = await startTestApi();
  [owner, member] = [await api.signIn('owner'), await api.signIn('member')];
  connection = await connect(owner);
  list = (await owner.post('/lists', { name: 'Newsletter' })).body.id;
  people = await customers(owner, 'Ada', 'Bob', 'Cleo', 'Dora', 'Eve');
}, 60_000);
afterAll(() => api.close());

const mail = (name: string) => send(name, { connection });
const triggered = () => graphOf(enters({ kind: 'list', list }), mail('hello'), wait('1d'), mail('again'));
const sqlOf = <T>(text: string, ...values: readonly unknown[]) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T & object>(text, values));

/** A journey in each state, by the only ways there. */
async function journeyIn(state: JourneyState): Promise<string> {
  if (state === 'draft') return (await draftJourney(owner, 'Draft', triggered())).id;
  const id = await publishedJourney(owner, 'Live', triggered());
  if (state === 'paused') await owner.post(`/journeys/${id}/pause`, {});
  if (state === 'archived') await owner.post(`/journeys/${id}/archive`, {});
  return id;
}

describe('the table of states', () => {
  test.each(journeyStates)('from %s only what it allows', async (state) => {
    for (const move of ['pause', 'resume', 'archive', 'unarchive'] as const) {
      const id = await journeyIn(state);
      const reply = await owner.post(`/journeys/${id}/${move}`, {});
      const next = (journeyMoves[state] as Partial<Record<typeof move, JourneyState>>)[move];
      expect([reply.status, reply.body.state], move).toEqual(next === undefined ? [409, undefined] : [200, next]);
      if (next === undefined) expect(reply.body.detail).toMatch(/^A journey that is .+ cannot be .+\.$/);
      else expect(await sqlOf(`select 1 from audit where detail->>'id' = $1 and detail->>'before' = $2 and detail->>'after' = $3`, id, state, next), move).toHaveLength(1);
    }
  });
});

test('a paused journey sends nothing and takes nobody in; resumed, both again, and runs that waited are told', async () => {
  const id = await journeyIn('published');
  const standing = async () => ({ mails: (await sqlOf<{ open: boolean }>('select open from mail where ref_id = $1', id)).map((each) => each.open), armed: (await sqlOf('select 1 from journey_trigger where journey_id = $1', id)).length });
  expect(await standing()).toEqual({ mails: [true, true], armed: 1 });
  await owner.post(`/journeys/${id}/pause`, {});
  expect(await standing()).toEqual({ mails: [false, false], armed: 0 });
  await owner.post(`/journeys/${id}/resume`, {});
  expect(await standing()).toEqual({ mails: [true, true], armed: 1 });
  expect((await owner.get(`/journeys/${id}/jobs`)).body.data.map((job: { action: string }) => job.action)).toEqual(['resume']);
});

test('an archived journey ends its runs by a job; a draft again, it has its last version to begin with', async () => {
  const id = await journeyIn('published');
  const archived = (await owner.post(`/journeys/${id}/archive`, {})).body;
  expect(archived).toMatchObject({ state: 'archived', archivedAt: expect.any(String), allowed: ['unarchive', 'duplicate', 'delete'] });
  expect((await owner.get(`/journeys/${id}/jobs`)).body.data[0]).toMatchObject({ action: 'archive', state: 'queued', about: 'everybody in the journey' });
  expect((await owner.post(`/journeys/${id}/draft`, {})).status).toBe(409);
  const back = (await owner.post(`/journeys/${id}/unarchive`, {})).body;
  expect(back).toMatchObject({ state: 'draft', activeVersion: null, archivedAt: null, hasDraft: true });
  const { graph, version } = (await owner.get(`/journeys/${id}/draft`)).body;
  expect(graph).toEqual(triggered());
  expect((await owner.post(`/journeys/${id}/publish`, { draftVersion: version })).body).toMatchObject({ state: 'published', activeVersion: { no: 2 } });
});

test('while people are being taken out of an archived journey it stays archived', async () => {
  const id = await journeyIn('published');
  await api.container.tenants.use(api.orgId, ({ sql }) => seat(sql, id, 1, 'hello', people));
  await owner.post(`/journeys/${id}/archive`, {});
  for (const refused of [await owner.post(`/journeys/${id}/unarchive`, {}), await owner.delete(`/journeys/${id}`)]) expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('still being taken out')]);
});

test('a version published while the journey is paused waits for Resume', async () => {
  const id = await journeyIn('paused');
  await publishNext(owner, id, graphOf(enters({ kind: 'list', list }), mail('new')));
  expect((await owner.get(`/journeys/${id}`)).body).toMatchObject({ state: 'paused', activeVersion: { no: 2 } });
  expect(await sqlOf('select 1 from journey_trigger where journey_id = $1', id)).toHaveLength(0);
  expect(await sqlOf('select 1 from mail where ref_id = $1 and open', id)).toHaveLength(0);
  await owner.post(`/journeys/${id}/resume`, {});
  expect(await sqlOf('select version_no as no from journey_trigger where journey_id = $1', id)).toEqual([{ no: 2 }]);
});

test('a draft beside a live version is made once, discarded, and made of any earlier version', async () => {
  const id = await publishedJourney(owner, 'Versions', graphOf(mail('first')));
  await publishNext(owner, id, graphOf(mail('second')), 'stay', 'Better words');
  const { data } = (await owner.get(`/journeys/${id}/versions`)).body;
  expect(data.map(({ no, isLive, note }: { no: number; isLive: boolean; note: string }) => ({ no, isLive, note }))).toEqual([{ no: 2, isLive: true, note: 'Better words' }, { no: 1, isLive: false, note: '' }]);
  expect((await owner.get(`/journeys/${id}/graph?version=1`)).body.graph).toEqual(graphOf(mail('first')));
  expect((await owner.get(`/journeys/${id}/graph?version=9`)).status).toBe(404);

  expect((await owner.post(`/journeys/${id}/draft`, {})).body.graph).toEqual(graphOf(mail('second')));
  expect((await owner.post(`/journeys/${id}/draft`, {})).status).toBe(409);
  expect((await owner.post(`/journeys/${id}/versions/1/revert`, {})).status).toBe(409);
  expect((await owner.post(`/journeys/${id}/versions/1/revert`, { replace: true })).body.graph).toEqual(graphOf(mail('first')));
  expect((await owner.delete(`/journeys/${id}/draft`)).status).toBe(204);
  expect((await owner.delete(`/journeys/${id}/draft`)).status).toBe(404);
  const reverted = (await owner.post(`/journeys/${id}/versions/1/revert`, {})).body;
  expect((await owner.post(`/journeys/${id}/publish`, { draftVersion: reverted.version })).body.activeVersion).toMatchObject({ no: 3 });
});

test('what was never published has nothing but its draft: it is deleted, not discarded', async () => {
  const id = await journeyIn('draft');
  const refused = await owner.delete(`/journeys/${id}/draft`);
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('Delete the journey instead')]);
  expect((await owner.delete(`/journeys/${id}`)).status).toBe(204);
  expect((await owner.get(`/journeys/${id}`)).status).toBe(404);
});

test('a published journey is archived before it can be deleted', async () => {
  const id = await journeyIn('published');
  expect((await owner.delete(`/journeys/${id}`)).status).toBe(409);
  await owner.post(`/journeys/${id}/archive`, {});
  expect((await owner.delete(`/journeys/${id}`)).status).toBe(204);
  expect((await owner.get(`/journeys/${id}`)).status).toBe(404);
});

test('one with many people is gone at once, its people follow in the background', async () => {
  const id = await journeyIn('published');
  let runs: readonly number[] = [];
  await api.container.tenants.use(api.orgId, async ({ sql }) => {
    const many = await sql.rows<{ id: number }>(`insert into customer (email, email_key) select e, e from generate_series(1, 2500) i, lateral (select 'many' || i || '@example.com' as e) x returning id`);
    runs = await seat(sql, id, 1, 'hello', many.map((row) => row.id), { state: 'completed' });
    await sql.run(`insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at) select u, 1, 'hello', 'next', now(), now() from unnest($1::bigint[]) u`, [runs]);
  });
  await owner.post(`/journeys/${id}/archive`, {});
  await sqlOf(`update journey_job set state = 'completed' where journey_id = $1`, id);
  expect((await owner.delete(`/journeys/${id}`)).status).toBe(204);
  expect([(await owner.get(`/journeys/${id}`)).status, (await owner.get(`/journeys/${id}/jobs`)).status, (await owner.delete(`/journeys/${id}`)).status]).toEqual([404, 404, 404]);
  expect((await owner.get('/journeys?archived=true&limit=200')).body.data.map((row: { id: string }) => row.id)).not.toContain(id);
  const control = createJourneyControlActivities(api.container, () => false);
  const input = { orgId: api.orgId, journeyId: id };
  const job = await asActivity(control.nextJourneyJob, input);
  expect(job?.title).toBe('Remove the journey');
  expect(await asActivity(control.workJourneyJob, input, job!.id)).toMatchObject({ complete: true });
  await asActivity(control.closeJourneyJob, input, job!.id, 'completed', null);
  expect(await sqlOf('select 1 from journey where id = $1 union all select 1 from enrollment where journey_id = $1 union all select 1 from journey_job where journey_id = $1', id)).toEqual([]);
  expect(await api.container.tenants.use(api.orgId, ({ sql }) => sql.first('select count(*)::int as n from enrollment_step where enrollment_id = any($1)', [runs]))).toEqual({ n: 0 });
});

test('people inside stay on their version, or move where their step still exists; the counts are told before', async () => {
  const id = await publishedJourney(owner, 'Moving', graphOf(mail('hello'), wait('1d'), mail('gone')));
  await api.container.tenants.use(api.orgId, async ({ sql }) => {
    await seat(sql, id, 1, 'hello', people.slice(0, 2));
    await seat(sql, id, 1, 'gone', people.slice(2, 5));
  });
  const draft = (await owner.post(`/journeys/${id}/draft`, {})).body;
  const saved = (await owner.request('PUT', `/journeys/${id}/draft`, { version: draft.version, graph: graphOf(mail('hello'), wait('2d')) })).body;
  const told = { moving: 2, staying: 3, steps: [{ node: 'gone', name: 'gone', people: 3, moves: false }, { node: 'hello', name: 'hello', people: 2, moves: true }] };
  expect((await owner.post(`/journeys/${id}/validate`, {})).body.people).toEqual(told);
  expect((await owner.post(`/journeys/${id}/migrate`, {})).body.detail).toContain('Nobody is inside an earlier version');
  await owner.post(`/journeys/${id}/publish`, { draftVersion: saved.version });
  expect((await owner.get(`/journeys/${id}/jobs`)).body.data).toEqual([]);

  expect((await owner.post(`/journeys/${id}/migrate`, { dryRun: true })).body).toEqual({ people: told, job: null });
  expect((await owner.post(`/journeys/${id}/migrate/undo`, {})).status).toBe(409);
  const moving = await owner.post(`/journeys/${id}/migrate`, { from: 1 });
  expect([moving.status, moving.body.job]).toEqual([202, expect.objectContaining({ action: 'migrate', state: 'queued', about: 'version 1 to version 2' })]);
  const { migration } = (await owner.get(`/journeys/${id}/versions`)).body;
  expect(migration).toMatchObject({ jobId: moving.body.job.id, from: 1, to: 2, moved: 0, canUndo: false });
  expect((await owner.post(`/journeys/${id}/migrate/undo`, {})).body.detail).toContain('still under way');
  await sqlOf(`update journey_job set state = 'completed', result = '{"moved": 2, "stayed": 3}', ended_at = now() where id = $1`, moving.body.job.id);
  expect((await owner.get(`/journeys/${id}/versions`)).body.migration).toMatchObject({ moved: 2, canUndo: true });
  expect((await owner.post(`/journeys/${id}/migrate/undo`, {})).body).toMatchObject({ action: 'undo', state: 'queued' });
  expect((await owner.post(`/journeys/${id}/migrate/undo`, {})).status).toBe(409);
});

test('published with people moving, the move is queued with it', async () => {
  const id = await publishedJourney(owner, 'Taking along', graphOf(mail('hello')));
  await api.container.tenants.use(api.orgId, ({ sql }) => seat(sql, id, 1, 'hello', people));
  await publishNext(owner, id, graphOf(mail('hello'), wait('1d')), 'move');
  expect((await owner.get(`/journeys/${id}/jobs`)).body.data[0]).toMatchObject({ action: 'migrate', about: 'earlier versions to version 2' });
});

test('a member draws, publishes and pauses, and cannot delete or see Temporal', async () => {
  const id = await publishedJourney(member, 'Mine', graphOf(mail('hello')));
  const seen = (await member.get(`/journeys/${id}`)).body;
  expect([seen.temporalUrl, seen.allowed.includes('delete'), seen.allowed.includes('pause')]).toEqual([null, false, true]);
  expect((await member.post(`/journeys/${id}/pause`, {})).status).toBe(200);
  await member.post(`/journeys/${id}/archive`, {});
  expect((await member.delete(`/journeys/${id}`)).status).toBe(403);
  expect((await owner.get(`/journeys/${id}`)).body.allowed).toContain('delete');
});

test('a key needs its scope: reading, writing and enrolling apart', async () => {
  const id = await publishedJourney(owner, 'Keys', graphOf(mail('hello')));
  const keyed = async (...scopes: string[]) => {
    const { body } = await owner.post('/api-keys', { name: scopes.join(' '), scopes });
    return api.client({ authorization: `Bearer ${body.key}` });
  };
  const [reader, writer, enroller] = [await keyed('journeys:read'), await keyed('journeys:write'), await keyed('journeys:enroll')];
  expect([(await reader.get(`/journeys/${id}`)).status, (await reader.post(`/journeys/${id}/pause`, {})).status, (await reader.post(`/journeys/${id}/enroll`, { emails: ['ada@example.com'] })).status]).toEqual([200, 403, 403]);
  expect([(await writer.post(`/journeys/${id}/enroll`, { emails: ['ada@example.com'] })).status, (await enroller.post(`/journeys/${id}/enroll`, { emails: ['ada@example.com'] })).status]).toEqual([403, 202]);
});
