import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createJourneyControlActivities } from '../../activities/journey-control/index.ts';
import { eraseCustomers } from '../../infra/customers/erase.ts';
import { suppressCustomers } from '../../infra/customers/bulk-actions.ts';
import { newId } from '../../infra/ids.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { queueJob } from '../../infra/journeys/jobs.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import { suppress } from '../../infra/mail/ledger.ts';
import { asActivity } from '../support/activity.ts';
import { followOutbox } from '../support/indexing.ts';
import { enters, graphOf, wait } from '../support/journey-dsl.ts';
import { journeyRows, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** What always ends a run, whatever step she stands on; segments that end runs; and what is left of who is erased: counts. */

let organization: TestOrganization;
let rows: JourneyRows;
let n = 0;
const versions = createVersions();

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());
beforeEach(() => { n += 1; });

const people = (...names: readonly string[]) => rows.people(...names.map((name) => `${name}@exits${n}.example`));
const letIn = (journeyId: string, ...customerIds: readonly number[]) => organization.container.tenants.use(organization.orgId, ({ org, sql }) =>
  sql.transaction((tx) => enter({ org, tx, versions, now: Date.now() }, journeyId, customerIds.map((customerId) => ({ customerId })))));
const inside = async (...names: readonly string[]) => {
  const ids = await people(...names);
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  await letIn(journey, ...ids);
  return { ids, journey };
};
const endsOf = async (journey: string) => (await rows.runs(journey)).map((run) => [run.customerId, run.state, run.reason]);

test.each([
  ['unsubscribes', 'unsubscribed', (id: number) => rows.sql.transaction((tx) => suppress(tx, { customerIds: [id], reason: 'unsubscribed', source: 'tracking_link', causes: [''] }))],
  ['bounces', 'bounced', (id: number) => rows.sql.transaction((tx) => suppress(tx, { customerIds: [id], reason: 'hard_bounce', source: 'webhook', causes: [''] }))],
  ['is suppressed by hand', 'suppressed', (id: number) => rows.sql.transaction((tx) => suppressCustomers(tx, [id], 'manual', null))],
  ['complains', 'complained', (id: number) => rows.happen({ customerId: id, type: 'complained' })],
  ['unsubscribes at her provider', 'unsubscribed', (id: number) => rows.happen({ customerId: id, type: 'unsubscribed' })],
] as const)('who %s leaves as %s, and nobody else does', async (_, reason, act) => {
  const { ids: [ada, bob], journey } = await inside('ada', 'bob');
  await act(ada!);
  await rows.drain();
  expect(await endsOf(journey)).toEqual([[ada, 'exited', reason], [bob, 'active', null]]);
  expect(await rows.sql.rows(`select count(*)::int as due from enrollment where journey_id = $1 and state <> 'active' and (due_at is not null or ended_at is null)`, [journey])).toEqual([{ due: 0 }]);
  await rows.drain();
  expect(await endsOf(journey)).toEqual([[ada, 'exited', reason], [bob, 'active', null]]);
});

test('all her runs end, and those that ended before stay as they are', async () => {
  const [ada] = await people('ada');
  const journeys = await Promise.all(Array.from({ length: 3 }, () => rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')))));
  for (const journey of journeys) await letIn(journey, ada!);
  await rows.sql.run(`update enrollment set state = 'completed', ended_at = now() where journey_id = $1`, [journeys[0]]);
  await rows.sql.transaction((tx) => suppressCustomers(tx, [ada!], 'manual', null));
  await rows.drain();
  expect((await Promise.all(journeys.map(endsOf))).flat()).toEqual([[ada, 'completed', null], [ada, 'exited', 'suppressed'], [ada, 'exited', 'suppressed']]);
});

test('a change that has nothing to do with mail ends nothing', async () => {
  const { ids: [ada], journey } = await inside('ada');
  await rows.sql.run(`update customer set city = 'Rome', version = version + 1 where id = $1`, [ada]);
  await rows.sql.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[ada]]);
  await rows.drain();
  expect(await endsOf(journey)).toEqual([[ada, 'active', null]]);
});

test('members of an exit segment leave with the next look through it, by their own rows; a segment as the goal is counted', async () => {
  const segment = newId();
  await rows.sql.run('insert into segment (id, name, rule) values ($1, $2, $3)', [segment, `Romans ${segment}`, JSON.stringify({ op: 'and', parts: [{ field: 'city', operator: 'equals', value: `Rome ${n}` }] })]);
  const [ada, bob, eve] = await people('ada', 'bob', 'eve');
  const leaving = await rows.publish(graphOf(enters({ kind: 'manual' }, { exits: { goal: true, segment } }), wait('3d')));
  const ending = await rows.publish(graphOf(enters({ kind: 'manual' }, { goal: { kind: 'segment', segment } }), wait('3d')));
  const counting = await rows.publish(graphOf(enters({ kind: 'manual' }, { goal: { kind: 'segment', segment }, exits: { goal: false } }), wait('3d')));
  for (const journey of [leaving, ending, counting]) await letIn(journey, ada!, bob!, eve!);
  // Of a run that ended long ago nothing is counted any more; of one that ended last week it is.
  await rows.sql.run(`update enrollment set state = 'completed', ended_at = now() - interval '31 days' where journey_id = $1 and customer_id = $2`, [counting, bob]);
  await rows.sql.run(`update enrollment set state = 'completed', ended_at = now() - interval '7 days' where journey_id = $1 and customer_id = $2`, [counting, eve]);
  await rows.sql.run('update customer set city = $2, version = version + 1 where id = any($1)', [[bob, eve], `Rome ${n}`]);
  await rows.sql.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[bob, eve]]);
  const { passJourneySegments } = createJourneyControlActivities(organization.container, () => false);
  const stop = followOutbox(organization);
  try {
    expect(await asActivity(passJourneySegments, { orgId: organization.orgId })).toEqual({ exited: 0, goals: 0 });
    await rows.sql.run(`update journey_segment set checked_at = now() - interval '16 minutes'`);
    expect(await asActivity(passJourneySegments, { orgId: organization.orgId })).toEqual({ exited: 2, goals: 3 });
    await rows.sql.run(`update journey_segment set checked_at = now() - interval '16 minutes'`);
    expect(await asActivity(passJourneySegments, { orgId: organization.orgId })).toEqual({ exited: 0, goals: 0 });
  } finally {
    await stop();
  }
  expect(await endsOf(leaving)).toEqual([[ada, 'active', null], [bob, 'exited', 'segment'], [eve, 'exited', 'segment']]);
  expect((await rows.runs(ending)).map((run) => [run.reason, run.hasGoal])).toEqual([[null, false], ['goal', true], ['goal', true]]);
  expect((await rows.runs(counting)).map((run) => [run.state, run.hasGoal])).toEqual([['active', false], ['completed', false], ['completed', true]]);
});

test('of who is erased nothing is left but counts', async () => {
  const { ids: [canary, bob], journey } = await inside('canary', 'bob');
  const [run] = await rows.runs(journey);
  const ended = await rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  await letIn(ended, canary!);
  await rows.sql.run(`update enrollment set state = 'completed', ended_at = now() where journey_id = $1`, [ended]);
  await rows.sql.run(`insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at, detail) values ($1, 1, 'condition', 'yes', now(), now(), '{"email": "canary@exits.example"}')`, [run!.id]);
  await rows.sql.run(`insert into journey_webhook (enrollment_id, visit, message_id, body, response, first_at, next_at) values ($1, 2, 'msg', '{"email": "canary@exits.example"}', 'hello canary', now(), now())`, [run!.id]);
  await rows.sql.run(`insert into journey_refusal (journey_id, customer_id, reason) values ($1, $2, 'reentry')`, [journey, canary]);
  const [typed, tried] = await rows.sql.transaction(async (tx) => [
    await queueJob(tx, { journeyId: journey, action: 'enroll', options: { emails: [`Canary@exits${n}.example `, 'bob@other.example'], addresses: 2, createUnknown: true }, by: 'Ada' }),
    await queueJob(tx, { journeyId: journey, action: 'dry_run', options: { days: 30 }, by: 'Ada' })]);
  await rows.sql.run('insert into journey_job_staging (job_id, customer_id) values ($1, $2)', [tried, canary]);
  await rows.sql.run(`update journey_job set state = 'completed', result = $2 where id = $1`, [tried, JSON.stringify({ simulation: { steps: [{ node: 'a', ports: [{ port: 'yes', examples: [{ customerId: canary, because: 'city: “canary”' }] }] }] } })]);

  await rows.sql.transaction((tx) => eraseCustomers(tx, organization.container.secrets, { customerIds: [canary!], neverMail: false, actor: 'Ada' }));
  expect(await endsOf(journey)).toEqual([[canary, 'exited', 'erased'], [bob, 'active', null]]);
  expect((await rows.runs(ended)).map((each) => each.state)).toEqual(['completed']);
  expect(await rows.sql.rows('select port, detail from enrollment_step where enrollment_id = $1', [run!.id])).toEqual([{ port: 'yes', detail: null }]);
  expect(await rows.sql.rows('select body, response, state from journey_webhook where enrollment_id = $1', [run!.id])).toEqual([{ body: '', response: null, state: 'failed' }]);
  expect(await rows.sql.rows('select 1 from journey_refusal where customer_id = $1 union all select 1 from journey_job_staging where customer_id = $1', [canary])).toEqual([]);
  expect(await rows.sql.rows(`select id::text, options->'emails' as emails from journey_job where journey_id = $1`, [journey])).toEqual([{ id: typed, emails: ['', 'bob@other.example'] }]);
  for (const { name } of await rows.sql.rows<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' and table_name like '%journey%' or table_name like 'enrollment%'")) {
    expect((await rows.sql.rows<{ text: string }>(`select t::text as text from "${name}" t`)).filter(({ text }) => text.toLowerCase().includes('canary')), name).toEqual([]);
  }
  // Counted still: two entered the one journey, one the other.
  expect(await rows.sql.rows(`select journey_id::text as journey, sum(n)::int as n from enrollment_count where journey_id = any($1::uuid[]) and state <> 'goal' group by 1 order by n`, [[journey, ended]])).toEqual([{ journey: ended, n: 1 }, { journey, n: 2 }]);
});

test('erased and let in at the same moment, she is not inside', async () => {
  const ids = await people(...Array.from({ length: 20 }, (_, i) => `race${i}`));
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  await Promise.all(ids.flatMap((id) => [
    letIn(journey, id), rows.sql.transaction((tx) => eraseCustomers(tx, organization.container.secrets, { customerIds: [id], neverMail: false, actor: 'Ada' }))]));
  expect((await rows.runs(journey)).filter((run) => run.state === 'active')).toEqual([]);
});
