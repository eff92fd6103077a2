import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Sql } from '../../infra/db/sql.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { connect, customers, draftJourney, publishedJourney, publishNext, seat } from '../support/journey-api.ts';
import { condition, enters, exit, graphOf, opened, send, wait } from '../support/journey-dsl.ts';

/** Numbers of a journey, the people in it, and work on them. */

let api: TestApi;
let owner: TestUser;
let connection: string;
let list: string;
let ids: number[];
let journey: string;

beforeAll(async () => {
  api = await startTestApi();
  owner = await api.signIn('owner');
  connection = await connect(owner);
  list = (await owner.post('/lists', { name: 'Newsletter' })).body.id;
  ids = await customers(owner, 'Ada', 'Bob', 'Cleo', 'Dora', 'Eve', 'Fay');
}, 60_000);
afterAll(() => api.close());
beforeEach(async () => { journey = await publishedJourney(owner, 'Welcome', graph()); });

const graph = () => graphOf(enters({ kind: 'manual' }, { goal: { kind: 'event', event: 'clicked' } }), send('hello', { connection }), wait('3d'), condition(opened('hello'), exit('happy'), send('reminder', { connection })));
const sql = <T>(work: (sql: Sql) => Promise<T>) => api.container.tenants.use(api.orgId, (tenant) => work(tenant.sql));
const analytics = async (query = '') => (await owner.get(`/journeys/${journey}/analytics${query}`)).body;
/** She leaves a step as the engine has her leave. */
const leave = (run: number, node: string, port: string, to: string, detail: object | null = null) => sql(async (tx) => {
  await tx.run(`insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at, detail) select id, visit, $2, $3, arrived_at, now(), $4 from enrollment where id = $1`, [run, node, port, detail]);
  await tx.run('update enrollment set node_id = $2, visit = visit + 1, arrived_at = now() where id = $1', [run, to]);
});

test('numbers are counted on every step, with the mail of send steps, goals and reasons, by version', async () => {
  const [ada, bob, cleo, dora] = (await sql((tx) => seat(tx, journey, 1, 'hello', ids.slice(0, 4)))) as [number, number, number, number];
  for (const run of [ada, bob, cleo]) await leave(run, 'hello', 'next', 'wait-3d');
  await leave(ada, 'wait-3d', 'next', 'opened-hello');
  await leave(ada, 'opened-hello', 'yes', 'happy');
  await sql(async (tx) => {
    await tx.run(`update enrollment set state = 'completed', ended_at = now() where id = $1`, [ada]);
    await tx.run(`update enrollment set state = 'exited', reason = 'goal', ended_at = now(), goal_at = now() where id = $1`, [bob]);
    await tx.run(`update enrollment set goal_at = now() where id = $1`, [ada]);
    await tx.run(`update enrollment set state = 'exited', reason = 'unsubscribed', ended_at = now() where id = $1`, [dora]);
    await tx.run(`insert into mail_count (mail_no, hour, sent, unique_opened, unique_clicked, bounced, skipped, failed) select no, date_trunc('hour', now()), 40, 10, 4, 1, 2, 3 from mail where ref_id = $1 and step_id = 'hello'`, [journey]);
  });
  const totals = { enrolled: 4, active: 1, completed: 1, exited: 2, byReason: { goal: 1, unsubscribed: 1 }, goals: 2, goalRate: 50 };
  const now = await analytics();
  expect(now.total).toEqual(totals);
  expect(now.versions).toEqual([{ no: 1, ...totals }]);
  expect(now.steps['hello']).toEqual({
    waiting: 0, overdue: 0, processed: 3, ports: { next: 3 }, ended: { unsubscribed: 1 },
    mail: { sent: 40, delivered: null, opened: 10, clicked: 4, bounced: 1, complained: 0, unsubscribed: 0, skipped: 2, failed: 3, inDoubt: 0, openRate: 25, clickRate: 10 },
  });
  expect(now.steps['wait-3d']).toMatchObject({ waiting: 1, processed: 1, ended: { goal: 1 }, mail: null });
  expect(now.steps['opened-hello']).toMatchObject({ processed: 1, ports: { yes: 1 } });
  expect(now.steps['happy']).toMatchObject({ waiting: 0, processed: 0, ended: { completed: 1 } });
  expect((await owner.get(`/journeys/${journey}`)).body).toMatchObject({ active: 1, enrolled: 4, goals: 2, goalRate: 50, hasGoal: true });
  expect((await owner.get(`/journeys/${journey}/versions`)).body.data[0]).toMatchObject({ enrolled: 4, active: 1, completed: 1, exited: 2, goals: 2, goalRate: 50 });

  await publishNext(owner, journey, graph());
  await sql((tx) => seat(tx, journey, 2, 'hello', ids.slice(4, 6)));
  const both = await analytics();
  expect([both.total.enrolled, both.steps['hello'].waiting, both.versions.map((version: { no: number; enrolled: number }) => [version.no, version.enrolled])]).toEqual([6, 2, [[2, 2], [1, 4]]]);
  const second = await analytics('?version=2');
  expect([second.total.enrolled, second.steps['hello']]).toEqual([2, expect.objectContaining({ waiting: 2, processed: 0, mail: null })]);
  expect((await owner.get(`/journeys/${journey}/analytics?version=3`)).status).toBe(404);
  expect(cleo).toBeGreaterThan(0);
});

test('whoever should have gone on a minute ago is overdue, unless the journey is paused', async () => {
  await sql((tx) => seat(tx, journey, 1, 'wait-3d', ids.slice(0, 2), { dueAt: new Date(Date.now() - 120_000) }));
  expect((await analytics()).steps['wait-3d']).toMatchObject({ waiting: 2, overdue: 2 });
  await owner.post(`/journeys/${journey}/pause`, {});
  expect((await analytics()).steps['wait-3d']).toMatchObject({ waiting: 2, overdue: 0 });
});

test('the live stream says when anything changed', async () => {
  const stamp = () => api.services.journeyNumbers.stamp(api.orgId, journey);
  const before = await stamp();
  expect(await stamp()).toEqual(before);
  await sql((tx) => seat(tx, journey, 1, 'hello', ids.slice(0, 1)));
  const after = await stamp();
  expect(after).not.toEqual(before);
  await owner.post(`/journeys/${journey}/pause`, {});
  expect(await stamp()).not.toEqual(after);
});

test('people are listed by step, state, reason, version and address, who entered last first', async () => {
  await sql(async (tx) => {
    await seat(tx, journey, 1, 'hello', ids.slice(0, 3));
    await seat(tx, journey, 1, 'wait-3d', ids.slice(3, 5));
    await seat(tx, journey, 1, 'hello', ids.slice(5), { state: 'exited', reason: 'bounced' });
  });
  const names = async (query: string) => {
    const { data, count } = (await owner.get(`/journeys/${journey}/enrollments?count=true${query}`)).body as { data: { firstName: string }[]; count: number };
    expect(count, query).toBe(data.length);
    return data.map((row) => row.firstName);
  };
  expect(await names('')).toEqual(['Fay', 'Eve', 'Dora', 'Cleo', 'Bob', 'Ada']);
  expect(await names('&step=hello&state=active')).toEqual(['Cleo', 'Bob', 'Ada']);
  expect(await names('&state=exited&reason=bounced')).toEqual(['Fay']);
  expect(await names('&version=2')).toEqual([]);
  expect(await names('&search=BOB%40example.com')).toEqual(['Bob']);
  const first = (await owner.get(`/journeys/${journey}/enrollments?limit=4`)).body;
  expect(first.data[0]).toMatchObject({ email: 'fay@example.com', version: 1, step: { id: 'hello', name: 'hello', kind: 'send' }, state: 'exited', reason: 'bounced', dueAt: null, endedAt: expect.any(String) });
  expect((await owner.get(`/journeys/${journey}/enrollments?limit=4&cursor=${first.nextCursor}`)).body.data.map((row: { firstName: string }) => row.firstName)).toEqual(['Bob', 'Ada']);
});

test("one person's path has its times, ports, values and mail", async () => {
  const [ada] = (await sql((tx) => seat(tx, journey, 1, 'hello', ids.slice(0, 1)))) as [number];
  await sql((tx) => tx.run(
    `insert into message (mail_no, ordinal, customer_id, enrollment_id, visit, state, connection_no, ended_at, first_opened_at) select m.no, 1, $2, $3, 1, 2, c.no, now(), now() from mail m join connection c on c.name = 'Post' where m.ref_id = $1 and m.step_id = 'hello'`, [journey, ids[0], ada]));
  await leave(ada, 'hello', 'next', 'wait-3d', { connection: 'Post' });
  const seen = (await owner.get(`/journeys/${journey}/enrollments/${ada}`)).body;
  expect(seen).toMatchObject({
    email: 'ada@example.com', state: 'active', entry: null, mayMove: true, mayRemove: true,
    path: [{ visit: 1, step: { id: 'hello', name: 'hello', kind: 'send' }, port: 'next', portLabel: 'Next', detail: { connection: 'Post' }, because: 'connection: “Post”', mail: { state: 'sent', connection: 'Post', openedAt: expect.any(String), clickedAt: null }, webhook: null }],
    now: { visit: 2, step: { id: 'wait-3d', kind: 'fixed-delay' }, dueAt: expect.any(String), waitsFor: null, isOverdue: false, mail: null },
    temporalUrl: expect.stringContaining(encodeURIComponent(`journey/${journey}/cohort/`)),
  });
  expect((await owner.get(`/journeys/${journey}/enrollments/999999`)).status).toBe(404);
  expect((await (await api.signIn('member')).get(`/journeys/${journey}/enrollments/${ada}`)).body.temporalUrl).toBeNull();
  const runs = (await owner.get(`/customers/${ids[0]}/journeys?count=true`)).body;
  expect([runs.count, runs.data[0]]).toEqual([expect.any(Number), expect.objectContaining({ id: ada, journeyId: journey, journey: 'Welcome', version: 1, step: { id: 'wait-3d', name: 'wait 3d', kind: 'fixed-delay' }, state: 'active', reason: null })]);
  expect((await owner.get('/customers/999999/journeys')).status).toBe(404);
  const timeline = (await owner.get(`/customers/${ids[0]}/timeline?kinds=journeys`)).body.data;
  expect(timeline[0]).toMatchObject({ kind: 'journey_entered', title: 'Entered a journey', detail: 'Welcome', journeyId: journey, enrollmentId: ada });
  const sent = (await owner.get(`/customers/${ids[0]}/timeline?kinds=sent`)).body.data;
  expect(sent[0]).toMatchObject({ kind: 'sent', detail: 'Welcome', journeyId: journey, enrollmentId: ada });
});

test('a person is moved to another step by hand, and goes on from there', async () => {
  const [ada, bob] = (await sql((tx) => seat(tx, journey, 1, 'hello', ids.slice(0, 2)))) as [number, number];
  const moved = await owner.post(`/journeys/${journey}/enrollments/${ada}/move`, { step: 'reminder' });
  expect([moved.status, moved.body]).toEqual([200, expect.objectContaining({ state: 'active', step: expect.objectContaining({ id: 'reminder' }), now: expect.objectContaining({ visit: 2 }) })]);
  expect(moved.body.path).toEqual([expect.objectContaining({ visit: 1, port: 'moved', portLabel: 'Moved by hand', step: expect.objectContaining({ id: 'hello' }) })]);
  expect(new Date(moved.body.now.dueAt).getTime()).toBeLessThanOrEqual(Date.now());
  expect((await owner.post(`/journeys/${journey}/enrollments/${bob}/move`, { step: 'happy' })).body).toMatchObject({ state: 'completed', now: null, mayMove: false });
  const refused = async (run: number, step: string) => {
    const reply = await owner.post(`/journeys/${journey}/enrollments/${run}/move`, { step });
    return [reply.status, reply.body.detail];
  };
  expect(await refused(ada, 'reminder')).toEqual([409, expect.stringContaining('already')]);
  expect(await refused(ada, 'nowhere')).toEqual([422, expect.stringContaining('no such step')]);
  expect(await refused(ada, 'entry')).toEqual([422, expect.stringContaining('entry')]);
  expect(await refused(bob, 'hello')).toEqual([409, expect.stringContaining('over')]);
  expect((await analytics()).total).toMatchObject({ active: 1, completed: 1 });
});

test('a person is removed by hand, once', async () => {
  const [ada] = (await sql((tx) => seat(tx, journey, 1, 'wait-3d', ids.slice(0, 1)))) as [number];
  expect((await owner.post(`/journeys/${journey}/enrollments/${ada}/remove`, {})).body).toMatchObject({ state: 'exited', reason: 'removed', now: null });
  expect((await owner.post(`/journeys/${journey}/enrollments/${ada}/remove`, {})).status).toBe(409);
  expect((await analytics()).total).toMatchObject({ active: 0, exited: 1, byReason: { removed: 1 } });
});

test('a list, a segment or typed addresses are enrolled in a published journey by a job', async () => {
  const segment = (await owner.post('/segments', { name: `Berlin ${journey}`, rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Berlin' }] } })).body.id;
  const enroll = async (body: object) => {
    const reply = await owner.post(`/journeys/${journey}/enroll`, body);
    return reply.status === 202 ? [reply.status, reply.body.about] : [reply.status, reply.body.errors[0]?.field ?? reply.body.detail];
  };
  expect(await enroll({ listId: list })).toEqual([202, 'list “Newsletter”']);
  expect(await enroll({ segmentId: segment })).toEqual([202, `segment “Berlin ${journey}”`]);
  expect(await enroll({ emails: ['ada@example.com', 'new@example.com'], createUnknown: true })).toEqual([202, '2 addresses']);
  expect(await enroll({})).toEqual([422, 'listId']);
  expect(await enroll({ listId: list, emails: ['ada@example.com'] })).toEqual([422, 'listId']);
  expect(await enroll({ listId: segment })).toEqual([422, 'listId']);
  expect(await enroll({ emails: Array.from({ length: 10_001 }, (_, i) => `p${i}@example.com`) })).toEqual([422, 'emails']);
  const jobs = (await owner.get(`/journeys/${journey}/jobs?count=true`)).body;
  expect([jobs.count, jobs.data[0].action, jobs.data[0].state]).toEqual([3, 'enroll', 'queued']);
  expect(JSON.stringify(jobs)).not.toContain('ada@example.com');
  expect((await owner.get(`/journeys/${journey}/jobs/${jobs.data[0].id}`)).body.id).toBe(jobs.data[0].id);
  await owner.post(`/journeys/${journey}/pause`, {});
  expect(await enroll({ listId: list })).toEqual([409, expect.stringContaining('paused')]);
  const { id } = await draftJourney(owner, 'Draft', graph());
  expect((await owner.post(`/journeys/${id}/enroll`, { listId: list })).body.detail).toContain('a draft');
});

test('the same enrollment asked for twice with one key is one job', async () => {
  const ask = () => owner.post(`/journeys/${journey}/enroll`, { listId: list }, { 'idempotency-key': `enroll-${journey}` });
  const [first, second] = [await ask(), await ask()];
  expect([second.status, second.body.id]).toEqual([202, first.body.id]);
});

test('a dry run wants to know whom, and steps that can decide', async () => {
  const { id } = await draftJourney(owner, 'To try', graphOf(send('hello', { subject: '', connection }), condition(opened('hello'), exit('happy'))));
  const tried = await owner.post(`/journeys/${id}/dry-run`, { listId: list, rates: { opened: 40, clicked: 5 } });
  expect([tried.status, tried.body]).toEqual([202, expect.objectContaining({ action: 'dry_run', about: 'list “Newsletter”', dryRun: null })]);
  expect((await owner.post(`/journeys/${id}/dry-run`, {})).body.errors[0].field).toBe('listId');
  expect((await owner.post(`/journeys/${id}/dry-run`, { days: 91 })).body.errors[0].field).toBe('days');
  const { id: aimless } = await draftJourney(owner, 'Aimless', graphOf(enters({ kind: 'list', list: '' }), send('hello', { connection })));
  expect((await owner.post(`/journeys/${aimless}/dry-run`, { days: 7 })).body.errors[0].field).toMatch(/^steps\.entry\.trigger/);
  expect((await owner.post(`/journeys/${aimless}/dry-run`, { listId: list })).status).toBe(202);
  const { id: faulty } = await draftJourney(owner, 'Unfinished', graphOf(send('hello', { connection }), condition({ ...opened('hello'), config: {} }, exit('happy'))));
  const refused = await owner.post(`/journeys/${faulty}/dry-run`, { listId: list });
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, expect.stringMatching(/^steps\.opened-hello/)]);
});

test('"why is nobody entering" says what stands in the way and who was turned away', async () => {
  const why = async (id: string) => (await owner.get(`/journeys/${id}/refusals`)).body;
  expect((await why(journey)).causes).toEqual([expect.objectContaining({ code: 'manual' })]);
  const byList = await publishedJourney(owner, 'By list', graphOf(enters({ kind: 'list', list }), send('hello', { connection })));
  await sql((tx) => tx.run(`insert into journey_refusal (journey_id, customer_id, reason) values ($1, $2, 'reentry'), ($1, $3, 'suppressed')`, [byList, ids[0], ids[1]]));
  const told = await why(byList);
  expect(told.causes.map((cause: { code: string }) => cause.code)).toEqual(['list_later', 'reentry', 'suppressed']);
  expect(told.data.map((row: { email: string; reason: string }) => [row.email, row.reason])).toEqual([['bob@example.com', 'suppressed'], ['ada@example.com', 'reentry']]);
  await owner.post(`/journeys/${byList}/pause`, {});
  expect((await why(byList)).causes[0].code).toBe('paused');
  const { id } = await draftJourney(owner, 'Only a draft', graph());
  expect((await why(id)).causes[0].code).toBe('draft');
});
