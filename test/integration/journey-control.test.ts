import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createJourneyControlActivities } from '../../activities/journey-control/index.ts';
import { newId } from '../../infra/ids.ts';
import { queueJob, type JobAction, type JobOptions } from '../../infra/journeys/jobs.ts';
import type { JourneyInput } from '../../workflows/contracts.ts';
import { asActivity } from '../support/activity.ts';
import { followOutbox } from '../support/indexing.ts';
import { condition, enters, graphOf, holds, send, update, wait, waitFor } from '../support/journey-dsl.ts';
import { addToList, journeyRows, newList, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** Long work on a journey, job by job, by its activities: exact whatever ends an attempt. */

let organization: TestOrganization;
let rows: JourneyRows;
let n = 0;
let started: JourneyInput[] = [];
let resumed: JourneyInput[] = [];

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());
beforeEach(() => {
  n += 1;
  [started, resumed] = [[], []];
});

const people = (count: number) => rows.people(...Array.from({ length: count }, (_, i) => `p${i}@control${n}.example`));
const controls = (isStopping = () => false) => createJourneyControlActivities({
  ...organization.container,
  gateway: {
    ...organization.container.gateway,
    startCohort: (input) => { started.push(input); return Promise.resolve(true); },
    resumeCohort: (input) => { resumed.push(input); return Promise.resolve(); },
  },
}, isStopping);
const queue = <A extends JobAction>(journeyId: string, action: A, options: JobOptions[A]) => rows.sql.transaction((tx) => queueJob(tx, { journeyId, action, options, by: 'Ada' }));
interface JobRow { state: string; problem: string | null; total: number | null; done: number; result: any; options: any }
const jobOf = async (id: string) => (await rows.sql.first<JobRow>('select state, problem, total, done, result, options from journey_job where id = $1', [id]))!;

/** What the workflow does, until no job of the journey is left; whenever one stands back, people move on. */
async function work(journeyId: string, control = controls()): Promise<void> {
  const input = { orgId: organization.orgId, journeyId };
  for (;;) {
    const job = await asActivity(control.nextJourneyJob, input);
    if (job === null) return;
    try {
      if ((await asActivity(control.workJourneyJob, input, job.id)).complete) await asActivity(control.closeJourneyJob, input, job.id, 'completed', null);
      else await rest(journeyId);
    } catch (error) {
      await asActivity(control.closeJourneyJob, input, job.id, 'failed', (error as Error).message);
    }
  }
}
const resting = () => graphOf(enters({ kind: 'manual' }), wait('3d'));
/** Who is inside rests in the wait, as after the first visit. */
const rest = (journeyId: string) => rows.sql.run(`update enrollment set due_at = now() + interval '3 days' where journey_id = $1 and state = 'active'`, [journeyId]);

describe('enroll', () => {
  test('a list of 100,000 gets in in pieces, everybody once, while not too many are due', async () => {
    const list = await newList(rows.sql);
    await rows.sql.run(`with made as (insert into customer (email, email_key) select 'big' || i || '@control.example', 'big' || i || '@control.example' from generate_series(1, 100000) i returning id) insert into list_member (list_id, customer_id) select $1, id from made`, [list]);
    const journey = await rows.publish(resting());
    const id = await queue(journey, 'enroll', { list: { id: list, name: 'Big' }, createUnknown: false });
    const input = { orgId: organization.orgId, journeyId: journey };
    const control = controls();
    await asActivity(control.nextJourneyJob, input);
    // 50 cohorts are due: it stands back until people have moved on.
    expect(await asActivity(control.workJourneyJob, input, id)).toEqual({ complete: false, pauseMs: 1_000 });
    expect(started).toHaveLength(50);
    expect(await jobOf(id)).toMatchObject({ state: 'running', total: 100_000, done: 50_000 });
    // Paused, those who are due move nowhere, and nobody waits for them; resumed, what sets them free has its turn first.
    await rows.sql.run(`update journey set state = 'paused' where id = $1`, [journey]);
    await expect(asActivity(control.workJourneyJob, input, id)).rejects.toThrow('not published any more');
    await rows.sql.run(`update journey set state = 'published' where id = $1`, [journey]);
    const resume = await queue(journey, 'resume', {});
    expect((await asActivity(control.nextJourneyJob, input))?.id).toBe(resume);
    await rest(journey);
    await work(journey, control);
    expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 100_000, done: 100_000, result: { enrolled: 100_000, barred: 0, suppressed: 0, unknown: 0 } });
    expect(await rows.sql.rows('select count(*)::int as runs, count(distinct customer_id)::int as people, count(distinct cohort_id)::int as cohorts from enrollment where journey_id = $1', [journey])).toEqual([{ runs: 100_000, people: 100_000, cohorts: 100 }]);
    expect(new Set(started.map((cohort) => cohort.cohortId)).size).toBe(100);
    expect(await rows.sql.rows('select 1 from journey_job_staging limit 1')).toEqual([]);
    await rows.sql.run(`update enrollment set state = 'completed', due_at = null where journey_id = $1`, [journey]);
  }, 240_000);

  test('an attempt that ends anywhere is gone on with; staging rows lost in a crash are collected again', async () => {
    const list = await newList(rows.sql);
    await addToList(rows.sql, list, await people(5_500));
    const journey = await rows.publish(resting());
    const id = await queue(journey, 'enroll', { list: { id: list, name: 'L' }, createUnknown: false });
    const input = { orgId: organization.orgId, journeyId: journey };
    let calls = 0;
    const dying = controls(() => (calls += 1) > 3);
    await asActivity(dying.nextJourneyJob, input);
    await expect(asActivity(dying.workJourneyJob, input, id)).rejects.toThrow(/elsewhere/);
    const { done } = await jobOf(id);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(5_500);
    await rows.sql.run('delete from journey_job_staging where job_id = $1', [id]);
    // Two at once, as when one was given up that still runs.
    await Promise.all([work(journey), work(journey)]);
    expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 5_500, done: 5_500, result: { enrolled: 5_500, barred: 0 } });
    expect((await rows.runs(journey)).length).toBe(5_500);
    expect(started.reduce((sum, cohort) => sum + Number(cohort.journeyId === journey), 0)).toBe(6);
    await rest(journey);
  }, 120_000);

  test('typed addresses: enrolled, barred, suppressed, unknown and invalid are counted, and forgotten when it is done', async () => {
    const [ada, bob, eve] = await rows.people(`ada@control${n}.example`, `bob@control${n}.example`, `eve@control${n}.example`);
    await rows.sql.run('update customer set is_suppressed = true where id = $1', [eve]);
    const journey = await rows.publish(resting());
    const emails = [`ADA@control${n}.example`, `ada@control${n}.example `, `bob@control${n}.example`, `eve@control${n}.example`, `nobody@control${n}.example`, 'nonsense'];
    const first = await queue(journey, 'enroll', { emails: [`bob@control${n}.example`], addresses: 1, createUnknown: false });
    const second = await queue(journey, 'enroll', { emails, addresses: emails.length, createUnknown: false });
    await work(journey);
    expect(await jobOf(first)).toMatchObject({ state: 'completed', result: { enrolled: 1 } });
    expect(await jobOf(second)).toMatchObject({ state: 'completed', total: 6, done: 6, result: { enrolled: 1, barred: 1, suppressed: 1, unknown: 1, invalid: 1, created: 0 } });
    expect((await jobOf(second)).options).toEqual({ addresses: 6, createUnknown: false });
    expect((await rows.runs(journey)).map((run) => run.customerId)).toEqual([bob, ada]);
    await rest(journey);
  });

  test('unknown addresses become customers where that is wanted', async () => {
    const journey = await rows.publish(resting());
    const emails = Array.from({ length: 1_500 }, (_, i) => `new${i}@control${n}.example`);
    const id = await queue(journey, 'enroll', { emails: [...emails, emails[0]!.toUpperCase()], addresses: 1_501, createUnknown: true });
    await work(journey);
    expect(await jobOf(id)).toMatchObject({ state: 'completed', done: 1_501, result: { enrolled: 1_500, created: 1_500, unknown: 0 } });
    expect(await rows.sql.rows('select count(*)::int as n from customer where email_key like $1', [`new%@control${n}.example`])).toEqual([{ n: 1_500 }]);
    await rest(journey);
  });

  test('a segment is enrolled as it stands, every change before it included', async () => {
    const segment = newId();
    await rows.sql.run('insert into segment (id, name, rule) values ($1, $2, $3)', [segment, `S ${segment}`, JSON.stringify({ op: 'and', parts: [{ field: 'city', operator: 'equals', value: `Bonn ${n}` }] })]);
    const [ada, bob] = await people(3);
    await rows.sql.run('update customer set city = $2, version = version + 1 where id = any($1)', [[ada, bob], `Bonn ${n}`]);
    await rows.sql.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[ada, bob]]);
    const journey = await rows.publish(resting());
    const id = await queue(journey, 'enroll', { segment: { id: segment, name: 'S' }, createUnknown: false });
    const stop = followOutbox(organization);
    await work(journey);
    await stop();
    expect(await jobOf(id)).toMatchObject({ state: 'completed', result: { enrolled: 2 } });
    expect((await rows.runs(journey)).map((run) => run.customerId)).toEqual([ada, bob]);
    await rest(journey);
  });

  test.each([
    ['the list was deleted', (journey: string) => queue(journey, 'enroll', { list: { id: newId(), name: 'Gone' }, createUnknown: false }), 'The list was deleted meanwhile.'],
    ['the segment was deleted', (journey: string) => queue(journey, 'enroll', { segment: { id: newId(), name: 'Gone' }, createUnknown: false }), 'The segment was deleted meanwhile.'],
    ['the journey is paused', async (journey: string) => {
      await rows.move(journey, 'paused');
      return queue(journey, 'enroll', { emails: ['a@x.example'], addresses: 1, createUnknown: true });
    }, 'The journey is not published any more. Whoever entered before is inside.'],
  ])('%s: it fails with the reason, and the next job has its turn', async (_, begin, problem) => {
    const journey = await rows.publish(resting());
    const id = await begin(journey);
    const next = await queue(journey, 'resume', {});
    await work(journey);
    expect(await jobOf(id)).toMatchObject({ state: 'failed', problem });
    expect(await jobOf(next)).toMatchObject({ state: 'completed' });
  });
});

test('archived, everybody inside leaves, and runs that waited for Resume find nobody', async () => {
  const list = await newList(rows.sql);
  await addToList(rows.sql, list, await people(4_500));
  const journey = await rows.publish(resting());
  await queue(journey, 'enroll', { list: { id: list, name: 'L' }, createUnknown: false });
  await work(journey);
  await rows.sql.run('update cohort set parked = true where journey_id = $1 and id = (select min(id) from cohort where journey_id = $1)', [journey]);
  const [ada] = await rows.runs(journey);
  await rows.sql.run(`update enrollment set state = 'completed' where id = $1`, [ada!.id]);
  await rows.move(journey, 'archived');
  const id = await queue(journey, 'archive', {});
  // Whoever enters after it was published anew stays.
  await rows.sql.run(`insert into enrollment (journey_id, version_no, cohort_id, customer_id, reentry_key, node_id, entered_at, arrived_at, due_at) values ($1, 1, 1, 1, 'later', 'wait-3d', now() + interval '1 minute', now(), now() + interval '1 day')`, [journey]);
  await work(journey);
  expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 4_499, done: 4_499, result: { ended: 4_499 } });
  expect(await rows.sql.rows('select state, reason, count(*)::int as n from enrollment where journey_id = $1 group by 1, 2 order by 3, 1', [journey])).toEqual([
    { state: 'active', reason: null, n: 1 }, { state: 'completed', reason: null, n: 1 }, { state: 'exited', reason: 'journey_archived', n: 4_499 }]);
  expect(resumed).toHaveLength(1);
  expect(await rows.sql.rows('select 1 from cohort where journey_id = $1 and parked', [journey])).toEqual([]);
  await rows.sql.run(`update enrollment set state = 'completed' where journey_id = $1 and state = 'active'`, [journey]);
}, 120_000);

test('resumed, each parked run is told once; paused again meanwhile, it stays parked', async () => {
  const journey = await rows.publish(resting());
  await rows.sql.run('insert into cohort (journey_id, version_no, size, parked) select $1, 1, 1, i <= 700 from generate_series(1, 710) i', [journey]);
  const id = await queue(journey, 'resume', {});
  await work(journey);
  expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 700, done: 700, result: { resumed: 700 } });
  expect(new Set(resumed.map((cohort) => cohort.cohortId)).size).toBe(700);
  expect(await rows.sql.rows('select 1 from cohort where journey_id = $1 and parked', [journey])).toEqual([]);
  await rows.sql.run('update cohort set parked = true where journey_id = $1 and id = (select min(id) from cohort where journey_id = $1)', [journey]);
  await rows.move(journey, 'paused');
  await queue(journey, 'resume', {});
  await work(journey);
  expect(await rows.sql.rows('select 1 as parked from cohort where journey_id = $1 and parked', [journey])).toHaveLength(1);
});

describe('dry run', () => {
  const draft = (journey: string, graph: object) => rows.sql.run('update journey set draft = $2 where id = $1', [journey, JSON.stringify(graph)]);

  test('a list takes the paths it would take, with reasons; nothing is sent or changed', async () => {
    const list = await newList(rows.sql);
    const ids = await people(2_300);
    await rows.sql.run(`update customer set city = case when id % 2 = 0 then 'Bonn' else 'Rome' end, score = 1 where id = any($1)`, [ids]);
    await rows.sql.run('update customer set is_suppressed = true where id = $1', [ids[0]]);
    await addToList(rows.sql, list, ids);
    const journey = await rows.publish(resting());
    await draft(journey, graphOf(enters({ kind: 'list', list }), condition(holds('city', 'equals', 'bonn'), [send('offer'), update('score', { mode: 'add', value: '10' })], [wait('2d')])));
    const before = await rows.sql.rows('select sum(score) as score, sum(version)::int as version from customer where id = any($1)', [ids]);
    const id = await queue(journey, 'dry_run', { list: { id: list, name: 'L' }, rates: { opened: 20, clicked: 2 } });
    await work(journey);
    const { state, total, done, result } = await jobOf(id);
    expect({ state, total, done }).toEqual({ state: 'completed', total: 2_300, done: 2_300 });
    const { simulation, rates } = result;
    expect(rates).toEqual({ opened: 20, clicked: 2, given: true });
    expect([simulation.people, simulation.suppressed, simulation.completed]).toEqual([2_299, 1, 2_299]);
    const ports = simulation.steps.find((step: { node: string }) => step.node === 'city-equals').ports as { port: string; people: number; examples: { customerId: number; because: string }[] }[];
    expect(ports.map((port) => [port.port, port.people]).sort()).toEqual([['no', expect.any(Number)], ['yes', expect.any(Number)]]);
    expect(ports.reduce((sum, port) => sum + port.people, 0)).toBe(2_299);
    for (const port of ports) expect(port.examples).toHaveLength(20);
    expect(simulation.mails.reduce((sum: number, day: { mails: number }) => sum + day.mails, 0)).toBe(ports.find((port) => port.port === 'yes')!.people);
    expect(await rows.sql.rows('select sum(score) as score, sum(version)::int as version from customer where id = any($1)', [ids])).toEqual(before);
    expect(await rows.runs(journey)).toEqual([]);
  }, 120_000);

  test('who would have entered in the last days, with the events that are known', async () => {
    const [soon, late, never, old] = await people(4);
    const DAY = 86_400_000;
    await rows.happen(
      { customerId: soon!, type: 'custom', name: `cart_${n}`, at: Date.now() - 5 * DAY }, { customerId: soon!, type: 'custom', name: `paid_${n}`, at: Date.now() - 5 * DAY + 3_600_000 },
      { customerId: late!, type: 'custom', name: `cart_${n}`, at: Date.now() - 5 * DAY }, { customerId: never!, type: 'custom', name: `paid_${n}`, at: Date.now() - 5 * DAY }, { customerId: old!, type: 'custom', name: `cart_${n}`, at: Date.now() - 50 * DAY });
    await rows.drain();
    const journey = await rows.publish(resting());
    await draft(journey, graphOf(enters({ kind: 'custom', name: `cart_${n}`, filters: [] }), waitFor(`paid_${n}`, '2h', [], [])));
    const id = await queue(journey, 'dry_run', { days: 30 });
    await work(journey);
    const { simulation } = (await jobOf(id)).result;
    expect(simulation.people).toBe(2);
    expect(simulation.steps.find((step: { node: string }) => step.node.startsWith('wait-for')).ports.map((port: { port: string; people: number }) => [port.port, port.people]).sort()).toEqual([['happened', 1], ['timed_out', 1]]);
  });

  test.each([
    ['no trigger', {}], ['a list trigger without its list', { trigger: { kind: 'list', list: '' } }], ['a custom event without its name', { trigger: { kind: 'custom', name: '', filters: [] } }],
  ])('a draft with %s says that nobody would enter yet', async (_, config) => {
    const journey = await rows.publish(resting());
    const graph = resting();
    await draft(journey, { ...graph, nodes: graph.nodes.map((node) => (node.kind === 'entry' ? { ...node, config } : node)) });
    const id = await queue(journey, 'dry_run', { days: 30 });
    await work(journey);
    expect(await jobOf(id)).toMatchObject({ state: 'failed', problem: 'The entry does not say yet who enters. Complete its trigger, or try the draft with a list or a segment.' });
  });

  test('over nobody it is done at once', async () => {
    const journey = await rows.publish(resting());
    await draft(journey, graphOf(enters({ kind: 'list', list: await newList(rows.sql) }), wait('1d')));
    const id = await queue(journey, 'dry_run', { days: 1 });
    await work(journey);
    expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 0, result: { simulation: { people: 0, steps: [] } } });
  });
});
