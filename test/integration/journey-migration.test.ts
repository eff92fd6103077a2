import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createJourneyControlActivities } from '../../activities/journey-control/index.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { queueJob, type JobAction, type JobOptions } from '../../infra/journeys/jobs.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import type { JourneyInput } from '../../workflows/contracts.ts';
import { asActivity } from '../support/activity.ts';
import { enters, graphOf, send, wait } from '../support/journey-dsl.ts';
import { journeyRows, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** People inside move to a newer version where their step still exists, exactly, and back as long as they have not moved on. */

let organization: TestOrganization;
let rows: JourneyRows;
let n = 0;
let started: JourneyInput[] = [];
const versions = createVersions();

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());
beforeEach(() => {
  n += 1;
  started = [];
});

const controls = (isStopping = () => false) => createJourneyControlActivities({ ...organization.container, gateway: { ...organization.container.gateway, startCohort: (input) => { started.push(input); return Promise.resolve(true); } } }, isStopping);
const queue = <A extends JobAction>(journeyId: string, action: A, options: JobOptions[A]) => rows.sql.transaction((tx) => queueJob(tx, { journeyId, action, options, by: 'Ada' }));
const jobOf = async (id: string) => (await rows.sql.first<{ state: string; total: number; done: number; result: object }>('select state, total, done, result from journey_job where id = $1', [id]))!;
async function work(journeyId: string, control = controls()): Promise<void> {
  const input = { orgId: organization.orgId, journeyId };
  for (let job = await asActivity(control.nextJourneyJob, input); job !== null; job = await asActivity(control.nextJourneyJob, input)) {
    if ((await asActivity(control.workJourneyJob, input, job.id)).complete) await asActivity(control.closeJourneyJob, input, job.id, 'completed', null);
  }
}
/** One may come when the other has just ended the job, and is told so. */
async function twoAtOnce(journeyId: string): Promise<void> {
  const ends = await Promise.allSettled([work(journeyId), work(journeyId)]);
  for (const end of ends) if (end.status === 'rejected') expect((end.reason as Error).message).toBe('It was ended.');
}
const letIn = (journeyId: string, customerIds: readonly number[]) => organization.container.tenants.use(organization.orgId, ({ org, sql }) =>
  sql.transaction((tx) => enter({ org, tx, versions, now: Date.now() }, journeyId, customerIds.map((customerId) => ({ customerId })))));
const people = (count: number) => rows.people(...Array.from({ length: count }, (_, i) => `p${i}@migration${n}.example`));
/** Everything of a run but where it belongs. */
const EVERYTHING = `select customer_id, node_id, visit, state, entered_at, arrived_at, due_at, wake_event, woken_by, flags_at_entry from enrollment where journey_id = $1 order by id`;
const first = graphOf(enters({ kind: 'manual' }), wait('3d'), wait('5d'), wait('7d'));
const second = graphOf(enters({ kind: 'manual' }), wait('1d'), wait('3d'), wait('7d'));
const byVersion = async (journey: string) => rows.sql.rows(`select version_no as version, node_id as node, count(*)::int as n from enrollment where journey_id = $1 group by 1, 2 order by 1, 2`, [journey]);

test('10,000 inside: who stands on a step that is still there moves with her due time and path, the others stay; Undo returns who has not moved on', async () => {
  const ids = await people(10_000);
  const journey = await rows.publish(first);
  await letIn(journey, ids);
  await rows.sql.run(
    `update enrollment set node_id = case id % 3 when 0 then 'wait-3d' when 1 then 'wait-5d' else 'wait-7d' end, visit = 1 + (id % 3)::int, due_at = now() + make_interval(hours => (id % 50)::int + 1), wake_event = case when id % 7 = 0 then 'clicked' end where journey_id = $1`, [journey]);
  const before = await rows.sql.rows(EVERYTHING, [journey]);
  const cohortsBefore = await rows.sql.rows('select id, cohort_id from enrollment where journey_id = $1 order by id', [journey]);
  expect(await rows.publishNext(journey, second)).toBe(2);
  expect((await rows.runs(journey)).every((run) => run.version === 1)).toBe(true);

  const id = await queue(journey, 'migrate', { to: 2, from: null });
  // Killed twice on the way, and two at once in between.
  for (const limit of [3, 5]) {
    let calls = 0;
    await work(journey, controls(() => (calls += 1) > limit)).catch(() => undefined);
  }
  await twoAtOnce(journey);
  const stays = before.filter((row) => (row as { node_id: string }).node_id === 'wait-5d').length;
  expect(await jobOf(id)).toMatchObject({ state: 'completed', total: 10_000, done: 10_000, result: { moved: 10_000 - stays, stayed: stays } });
  expect(await rows.sql.rows(EVERYTHING, [journey])).toEqual(before);
  expect((await byVersion(journey)).map((row) => [(row as { version: number }).version, (row as { node: string }).node])).toEqual([[1, 'wait-5d'], [2, 'wait-3d'], [2, 'wait-7d']]);
  expect(await rows.sql.rows('select count(*)::int as n from enrollment e join cohort c on c.id = e.cohort_id where e.journey_id = $1 and c.version_no <> e.version_no', [journey])).toEqual([{ n: 0 }]);
  expect(await rows.sql.rows('select max(size) as most, sum(size)::int as n from cohort where journey_id = $1 and version_no = 2', [journey])).toMatchObject([{ n: 10_000 - stays }]);
  const moved = new Set((await rows.runs(journey)).filter((run) => run.version === 2).map((run) => run.cohortId));
  expect(new Set(started.map((cohort) => cohort.cohortId))).toEqual(moved);
  expect(started.every((cohort) => cohort.versionNo === 2)).toBe(true);

  // A thousand have moved on, a hundred have left; the rest go back.
  await rows.sql.run(`update enrollment set node_id = 'wait-7d', visit = visit + 1 where id in (select id from enrollment where journey_id = $1 and version_no = 2 order by id limit 1000)`, [journey]);
  await rows.sql.run(`update enrollment set state = 'exited', reason = 'removed' where id in (select id from enrollment where journey_id = $1 and version_no = 2 order by id desc limit 100)`, [journey]);
  started = [];
  const undo = await queue(journey, 'undo', { jobId: id });
  await twoAtOnce(journey);
  expect(await jobOf(undo)).toMatchObject({ state: 'completed', total: 10_000 - stays, done: 10_000 - stays, result: { moved: 10_000 - stays - 1_100, stayed: 1_100 } });
  expect((await rows.runs(journey)).filter((run) => run.version === 2)).toHaveLength(1_100);
  expect(started.every((cohort) => cohort.versionNo === 1)).toBe(true);
  expect(await rows.sql.rows('select 1 from journey_migration where job_id = $1', [id])).toEqual([]);
  expect(cohortsBefore).toHaveLength(10_000);
  // The counters say what the rows say.
  expect(await rows.sql.rows(`select version_no as version, node_id as node, state, sum(n)::int as n from enrollment_count where journey_id = $1 group by 1, 2, 3 having sum(n) <> 0 order by 1, 2, 3`, [journey])).toEqual(
    await rows.sql.rows('select version_no as version, node_id as node, state, count(*)::int as n from enrollment where journey_id = $1 group by 1, 2, 3 order by 1, 2, 3', [journey]));
}, 240_000);

test('a step of the same name but another kind is another step; only people of earlier versions move, or of the one asked for', async () => {
  const ids = await people(3);
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  await letIn(journey, ids.slice(0, 1));
  await rows.publishNext(journey, graphOf(enters({ kind: 'manual' }), wait('3d'), wait('5d')));
  await letIn(journey, ids.slice(1, 2));
  const changed = graphOf(enters({ kind: 'manual' }), wait('3d'));
  await rows.publishNext(journey, { ...changed, nodes: changed.nodes.map((node) => (node.id === 'wait-3d' ? { ...node, kind: 'time-window' as const, config: {} } : node)) });
  await rows.publishNext(journey, changed);
  await letIn(journey, ids.slice(2));
  const toOther = await queue(journey, 'migrate', { to: 3, from: null });
  await work(journey);
  expect(await jobOf(toOther)).toMatchObject({ total: 2, result: { moved: 0, stayed: 2 } });
  await queue(journey, 'migrate', { to: 4, from: 2 });
  await work(journey);
  expect((await rows.runs(journey)).map((run) => run.version)).toEqual([1, 4, 4]);
});

test('whose mail is under way stays, so that she gets one of the two versions', async () => {
  const [ada, bob] = await people(2);
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), send('welcome')));
  await letIn(journey, [ada!, bob!]);
  const [run] = await rows.runs(journey);
  const mail = (await rows.sql.first<{ no: number }>(`insert into mail (kind, ref_id, version_no, step_id) values ('journey', $1, 1, 'welcome') returning no`, [journey]))!.no;
  await rows.sql.run('insert into message (mail_no, ordinal, customer_id, enrollment_id, visit) values ($1, 1, $2, $3, 1)', [mail, ada, run!.id]);
  await rows.publishNext(journey, graphOf(enters({ kind: 'manual' }), send('welcome'), wait('1d')));
  const id = await queue(journey, 'migrate', { to: 2, from: null });
  await work(journey);
  expect(await jobOf(id)).toMatchObject({ result: { moved: 1, stayed: 1 } });
  expect((await rows.runs(journey)).map((each) => [each.customerId, each.version])).toEqual([[ada, 1], [bob, 2]]);
});

test('a move that is under way in the old cohort loses: nobody is in two places', async () => {
  const ids = await people(1_000);
  const journey = await rows.publish(first);
  await letIn(journey, ids);
  await rows.publishNext(journey, second);
  await queue(journey, 'migrate', { to: 2, from: null });
  const [{ cohortId } = { cohortId: 0 }] = await rows.runs(journey);
  const moves = rows.sql.run(`update enrollment set node_id = 'wait-5d', visit = visit + 1 where id in (select id from enrollment where cohort_id = $1 and node_id = 'wait-3d' and visit = 1 and state = 'active' order by id limit 500 for update) and cohort_id = $1`, [cohortId]);
  await Promise.all([moves, work(journey)]);
  for (const run of await rows.runs(journey)) expect([[1, 'wait-5d', 2], [2, 'wait-3d', 1], [1, 'wait-3d', 1]]).toContainEqual([run.version, run.node, run.visit]);
  expect(await rows.sql.rows('select count(*)::int as n from enrollment where journey_id = $1', [journey])).toEqual([{ n: 1_000 }]);
});
