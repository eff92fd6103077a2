import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Graph } from '#domain/journey/graph.ts';
import { findOverdue } from '../../infra/journeys/overdue.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { addTo, enters, graphOf, wait, waitFor } from '../support/journey-dsl.ts';
import { publishedJourney } from '../support/journey-api.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** Entries, wakes, exits and long work as they run: the API in front, a real worker behind, killed where it matters. */

const state = mkdtempSync(join(tmpdir(), 'fermata-journeys-'));
let api: TestApi;
let admin: TestUser;
let worker: WorkerProcess;
let n = 0;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  admin = await api.signIn('admin');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const publish = (graph: Graph) => publishedJourney(admin, `Journey ${(n += 1)}`, graph);
const people = async (count: number): Promise<number[]> => {
  const rows = await sql<{ id: number }>(`insert into customer (email, email_key) select e, e from generate_series(1, $1::int) i, lateral (select 'p' || i || $2::text as e) x returning id`, [count, `@live${(n += 1)}.example`]);
  return rows.map((row) => row.id);
};
const listOf = async (ids: readonly number[]): Promise<string> => {
  const { id } = (await admin.post('/lists', { name: `Live ${(n += 1)}` })).body as { id: string };
  await sql('insert into list_member (list_id, customer_id) select $1, u from unnest($2::bigint[]) u', [id, ids]);
  return id;
};
const counts = async (journey: string) => Object.fromEntries((await sql<{ state: string; n: number }>('select state, count(*)::int as n from enrollment where journey_id = $1 group by 1', [journey])).map((row) => [row.state, row.n]));
const jobDone = async (journey: string, job: string) => {
  await expect.poll(async () => (await admin.get(`/journeys/${journey}/jobs/${job}`)).body.state, { timeout: 120_000, interval: 50 }).toMatch(/completed|failed/);
  return (await admin.get(`/journeys/${journey}/jobs/${job}`)).body;
};
/** Seconds until a condition holds. */
const until = async (holds: () => Promise<boolean>, patienceMs = 30_000): Promise<number> => {
  const startedAt = performance.now();
  await expect.poll(holds, { timeout: patienceMs, interval: 20 }).toBe(true);
  return (performance.now() - startedAt) / 1_000;
};
const nobodyOverdue = () => expect.poll(() => api.container.tenants.use(api.orgId, ({ sql }) => findOverdue(sql, Date.now())), { timeout: 90_000 }).toEqual([]);

test('an accepted event lets her in, wakes her and an unsubscribe ends her run, each within two seconds', async () => {
  const journey = await publish(graphOf(enters({ kind: 'custom', name: 'cart_abandoned', filters: [] }), waitFor('order_placed', '2h', [wait('3d')], [])));
  const [ada, bob] = await people(2);
  await admin.post('/events', { events: [{ name: 'cart_abandoned', customerId: ada }, { name: 'cart_abandoned', customerId: bob }] });
  const entered = await until(async () => (await counts(journey))['active'] === 2);
  // They rest: a step is visited at most once a second.
  await until(async () => (await sql<{ n: number }>(`select count(*)::int as n from enrollment where journey_id = $1 and wake_event is not null and arrived_at < now() - interval '2 seconds'`, [journey]))[0]!.n === 2);
  await admin.post('/events', { events: [{ name: 'order_placed', customerId: ada }] });
  const woken = await until(async () => (await sql('select 1 from enrollment where journey_id = $1 and customer_id = $2 and (woken_by is not null or visit > 1)', [journey, ada])).length === 1);
  const moved = woken + await until(async () => (await sql('select 1 from enrollment where journey_id = $1 and customer_id = $2 and node_id = $3', [journey, ada, 'wait-3d'])).length === 1);
  await admin.post('/suppressions', { email: `p2@live${n}.example`, reason: 'unsubscribed' });
  const left = await until(async () => (await sql(`select 1 from enrollment where journey_id = $1 and customer_id = $2 and reason = 'unsubscribed'`, [journey, bob])).length === 1);
  process.stderr.write(`entered after ${entered.toFixed(2)} s, woken after ${woken.toFixed(2)} s and moved on after ${moved.toFixed(2)} s, left after ${left.toFixed(2)} s\n`);
  expect(Math.max(entered, woken, left)).toBeLessThan(2);
  // Her step runs at once where the machine is free; beside other suites it waits for its turn.
  expect(moved).toBeLessThan(6);
}, 120_000);

test('a list lets in who comes by upload, API, many at once or another journey, each once; earlier members stay out', async () => {
  const [early, byApi, inBulk, byJourney] = await people(4);
  const list = await listOf([early!]);
  const journey = await publish(graphOf(enters({ kind: 'list', list }), wait('3d')));
  const adding = await publish(graphOf(enters({ kind: 'manual' }), { ...addTo(list), name: 'add' }));
  const upload = await admin.request('POST', `/imports?fileName=people.csv&start=true&listId=${list}`, 'email\ncsv1@live.example\ncsv2@live.example\n', { 'content-type': 'text/csv' });
  expect(upload.status).toBe(201);
  await admin.post(`/lists/${list}/members`, { customerIds: [byApi, early] });
  await admin.post('/customers/bulk', { action: 'add_to_list', listId: list, selection: { ids: [inBulk, byApi] } });
  const [{ email } = { email: '' }] = await sql<{ email: string }>('select email from customer where id = $1', [byJourney]);
  await admin.post(`/journeys/${adding}/enroll`, { emails: [email] });
  await expect.poll(async () => (await sql<{ key: string }>('select c.email_key as key from enrollment e join customer c on c.id = e.customer_id where e.journey_id = $1 order by 1', [journey])).length, { timeout: 30_000 }).toBe(5);
  expect((await sql<{ id: number }>('select customer_id as id from enrollment where journey_id = $1 order by 1', [journey])).map((row) => row.id)).toEqual(expect.arrayContaining([byApi, inBulk, byJourney]));
  expect(await sql('select count(*)::int as runs, count(distinct customer_id)::int as people from enrollment where journey_id = $1', [journey])).toEqual([{ runs: 5, people: 5 }]);
  // Her data holds her journeys, with the ways she went.
  const data = (await admin.get(`/customers/${byJourney}/data?format=json`)).body as { journeys: { journey: string; state: string; path: { step: string; port: string }[] | null }[] };
  expect(data.journeys.map((each) => [each.state, each.path?.map((step) => step.port) ?? []])).toEqual([['completed', ['next']], ['active', []]]);
}, 120_000);

test('a storm of 10,000 events wakes 10,000 who wait, and they are through within half a minute', async () => {
  const journey = await publish(graphOf(enters({ kind: 'manual' }), waitFor('storm', '7d', [], [])));
  const ids = await people(10_000);
  const reply = await admin.post(`/journeys/${journey}/enroll`, { listId: await listOf(ids) });
  expect(await jobDone(journey, reply.body.id)).toMatchObject({ state: 'completed', result: { enrolled: 10_000 } });
  await until(async () => (await sql<{ n: number }>('select count(*)::int as n from enrollment where journey_id = $1 and wake_event is not null', [journey]))[0]!.n === 10_000, 90_000);
  const startedAt = performance.now();
  for (let i = 0; i < ids.length; i += 1_000) {
    for (;;) {
      const { status } = await admin.post('/events', { events: ids.slice(i, i + 1_000).map((customerId) => ({ name: 'storm', customerId })) });
      if (status === 202) break;
      expect(status).toBe(429);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await until(async () => (await counts(journey))['completed'] === 10_000, 60_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  process.stderr.write(`10,000 were woken and through ${seconds.toFixed(1)} s after the first event, at 1,000 events a second\n`);
  expect(seconds).toBeLessThan(40);
  await nobodyOverdue();
}, 240_000);

test('a worker killed while it enrolls leaves nobody out and lets nobody in twice', async () => {
  const journey = await publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  const ids = await people(20_000);
  const reply = await admin.post(`/journeys/${journey}/enroll`, { listId: await listOf(ids) });
  const timeline: string[] = [];
  for (const goal of [1, 9_000]) {
    await expect.poll(async () => (await admin.get(`/journeys/${journey}/jobs/${reply.body.id}`)).body.done, { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(goal);
    await worker.kill('SIGKILL');
    timeline.push(`killed at ${(await admin.get(`/journeys/${journey}/jobs/${reply.body.id}`)).body.done} of ${ids.length}`);
    worker = await startWorker({ FERMATA_STATE_DIR: state });
  }
  process.stderr.write(`${timeline.join('\n')}\n`);
  expect(await jobDone(journey, reply.body.id)).toMatchObject({ state: 'completed', total: ids.length, done: ids.length, result: { enrolled: ids.length, barred: 0 } });
  expect(await sql('select count(*)::int as runs, count(distinct customer_id)::int as people from enrollment where journey_id = $1', [journey])).toEqual([{ runs: ids.length, people: ids.length }]);
  await until(async () => (await sql(`select 1 from enrollment where journey_id = $1 and due_at < now() + interval '2 days' limit 1`, [journey])).length === 0, 90_000);
  await nobodyOverdue();
}, 300_000);

test('paused and resumed, whoever was due goes on; archived, everybody leaves', async () => {
  const journey = await publish(graphOf(enters({ kind: 'manual' }), wait('1m'), wait('3d')));
  const ids = await people(1_500);
  const reply = await admin.post(`/journeys/${journey}/enroll`, { listId: await listOf(ids) });
  await jobDone(journey, reply.body.id);
  await until(async () => (await sql(`select 1 from enrollment where journey_id = $1 and due_at < now() + interval '10 seconds' limit 1`, [journey])).length === 0);
  expect((await admin.post(`/journeys/${journey}/pause`)).status).toBe(200);
  // Their minute passes while it is paused: the runs find that and park.
  await until(async () => (await sql('select 1 from cohort where journey_id = $1 and not parked', [journey])).length === 0, 120_000);
  expect(await sql('select distinct node_id as node from enrollment where journey_id = $1', [journey])).toEqual([{ node: 'wait-1m' }]);
  expect((await admin.post(`/journeys/${journey}/resume`)).status).toBe(200);
  const resumed = await until(async () => (await sql(`select 1 from enrollment where journey_id = $1 and node_id = 'wait-1m' limit 1`, [journey])).length === 0);
  process.stderr.write(`1,500 went on ${resumed.toFixed(1)} s after Resume\n`);
  expect((await admin.post(`/journeys/${journey}/archive`)).status).toBe(200);
  await until(async () => (await counts(journey))['exited'] === 1_500);
  await nobodyOverdue();
}, 240_000);
