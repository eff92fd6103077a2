import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Visit } from '#domain/journey/board.ts';
import { visitStep } from '../../activities/journeys/cohort.ts';
import { addToList } from '../../infra/customers/bulk-actions.ts';
import { eraseCustomers } from '../../infra/customers/erase.ts';
import { settled } from '../../infra/db/contention.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { depart } from '../../infra/journeys/move.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import { suppress } from '../../infra/mail/ledger.ts';
import { addTo, enters, graphOf, update, wait, waitFor } from '../support/journey-dsl.ts';
import { journeyRows, newList, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/** Everything that touches a run at the same time: nobody is lost, doubled or left behind, and nobody waits crosswise for good. */

let organization: TestOrganization;
let rows: JourneyRows;
const versions = createVersions();

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());

const RUNTIME_MS = 8_000;

test('entries, moves with effects, wakes, goals, suppressions and erasures side by side', async () => {
  const { container, orgId } = organization;
  const list = await newList(rows.sql);
  const trigger = { kind: 'custom', name: 'came', filters: [] } as const;
  const graph = graphOf(enters(trigger, { reentry: 'concurrent', goal: { kind: 'custom', name: 'bought', filters: [] }, exits: { goal: false } }), update('score', { mode: 'add', value: '1' }), waitFor('paid', '7d', [addTo(list)], []), wait('3d'));
  const journey = await rows.publish(graph);
  const byList = await rows.publish(graphOf(enters({ kind: 'list', list }, { reentry: 'after_completion' }), wait('3d')));
  const ids = await rows.people(...Array.from({ length: 200 }, (_, i) => `race${i}@races.example`));
  const random = <T>(of: readonly T[]) => of[Math.floor(Math.random() * of.length)]!;
  const several = () => [...new Set(Array.from({ length: 20 }, () => random(ids)))];
  const until = Date.now() + RUNTIME_MS;
  const done: Record<string, number> = {};
  let failure: unknown;
  const keep = async (name: string, act: () => Promise<unknown>) => {
    while (Date.now() < until && failure === undefined) {
      await act().catch((error: unknown) => (failure ??= error));
      done[name] = (done[name] ?? 0) + 1;
    }
  };
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const moves = [
    ['update-score', 'next', 'wait-for-paid', { kind: 'field', field: 'score', mode: 'add', value: 1 }], ['wait-for-paid', 'happened', `add-to-${list}`.slice(0, 40), null], ['wait-for-paid', 'timed_out', 'wait-3d', null],
  ] as const;
  const addNode = [...nodes.keys()].find((id) => id.startsWith('add-to'))!;

  const move = async () => {
    const [node, port, next, change] = random(moves);
    const members = await rows.sql.rows<{ enrollmentId: number; customerId: number; visit: number; cohortId: number }>(
      `select id as "enrollmentId", customer_id as "customerId", visit, cohort_id as "cohortId" from enrollment where journey_id = $1 and node_id = $2 and state = 'active' order by random() limit 30`, [journey, node]);
    for (const [cohortId, hers] of Map.groupBy(members, (member) => member.cohortId)) {
      await depart(rows.sql, { place: { journeyId: journey, cohortId, node }, journeyName: 'Race', reentry: 'concurrent', now: Date.now() },
        hers.map((member) => ({ member, port, next: nodes.get(next.startsWith('add-to') ? addNode : next), because: null, change })));
    }
    const adding = await rows.sql.rows<{ enrollmentId: number; customerId: number; visit: number; cohortId: number }>(
      `select id as "enrollmentId", customer_id as "customerId", visit, cohort_id as "cohortId" from enrollment where journey_id = $1 and node_id = $2 and state = 'active' limit 10`, [journey, addNode]);
    for (const [cohortId, hers] of Map.groupBy(adding, (member) => member.cohortId)) {
      await depart(rows.sql, { place: { journeyId: journey, cohortId, node: addNode }, journeyName: 'Race', reentry: 'concurrent', now: Date.now() },
        hers.map((member) => ({ member, port: 'next', next: nodes.get('wait-3d'), because: null, change: { kind: 'list', listId: list, in: true } as const })));
    }
  };

  await Promise.all([
    keep('drains', () => rows.drain()), keep('drains', () => rows.drain()),
    keep('events', () => rows.happen(...several().flatMap((customerId) => [{ customerId, type: 'custom', name: random(['came', 'paid', 'bought']) }, { customerId, type: random(['opened', 'clicked']) }]))),
    keep('moves', move), keep('moves', move),
    keep('entries', () => container.tenants.use(orgId, ({ org, sql }) => settled(sql, (tx) => enter({ org, tx, versions, now: Date.now() }, journey, several().map((customerId) => ({ customerId })))))),
    keep('additions', () => settled(rows.sql, (tx) => addToList(tx, list, several()))),
    keep('suppressions', async () => {
      await settled(rows.sql, (tx) => suppress(tx, { customerIds: [random(ids)], reason: random(['unsubscribed', 'hard_bounce']), source: 'webhook', causes: [''] }));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }),
    keep('erasures', async () => {
      await settled(rows.sql, (tx) => eraseCustomers(tx, container.secrets, { customerIds: [random(ids)], neverMail: false, actor: 'Ada' }));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }),
  ]);
  if (failure !== undefined) throw failure;
  await rows.drain();
  process.stderr.write(`${Object.entries(done).map(([name, count]) => `${name}: ${count}`).join(', ')}\n`);

  expect(Object.keys(done).sort()).toEqual(['additions', 'drains', 'entries', 'erasures', 'events', 'moves', 'suppressions']);
  // Whoever gets no mail any more, or is not there any more, is inside nowhere.
  expect(await rows.sql.rows(`select e.id from enrollment e left join customer c on c.id = e.customer_id where e.state = 'active' and (c.id is null or not c.mailable)`)).toEqual([]);
  // The counters say what the rows say.
  for (const id of [journey, byList]) {
    expect(await rows.sql.rows(`select node_id as node, state, reason, sum(n)::int as n from enrollment_count where journey_id = $1 group by 1, 2, 3 having sum(n) <> 0 order by 1, 2, 3`, [id])).toEqual(await rows.sql.rows(
      `select node_id as node, state, coalesce(reason, '') as reason, count(*)::int as n from enrollment where journey_id = $1 group by 1, 2, 3
       union all select '', 'goal', '', count(*)::int from enrollment where journey_id = $1 and goal_at is not null having count(*) > 0 order by 1, 2, 3`, [id]));
  }
  expect(await rows.sql.rows('select node_id as node, port, sum(n)::int as n from step_count where journey_id = $1 group by 1, 2 order by 1, 2', [journey])).toEqual(
    await rows.sql.rows('select s.node_id as node, s.port, count(*)::int as n from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 group by 1, 2 order by 1, 2', [journey]));
  // Each arrival left one line of path, or is where she stands.
  expect(await rows.sql.rows(`select e.id from enrollment e where e.journey_id = $1 and e.visit - 1 <> (select count(*) from enrollment_step s where s.enrollment_id = e.id and s.visit < e.visit)`, [journey])).toEqual([]);
  // Only one run at a time where that is the rule.
  expect(await rows.sql.rows(`select customer_id from enrollment where journey_id = $1 and state = 'active' group by 1 having count(*) > 1`, [byList])).toEqual([]);
  expect(await rows.sql.rows('select 1 from outbox')).toEqual([]);
}, 120_000);

test('whom an attempt moved that died before it told of them is looked for by the next', async () => {
  const { container, orgId } = organization;
  const graph = graphOf(enters({ kind: 'manual' }), update('city', { mode: 'set', value: 'Rome' }), wait('3d'));
  const journey = await rows.publish(graph);
  const ids = await rows.people('untold1@races.example', 'untold2@races.example');
  const entered = await container.tenants.use(orgId, ({ org, sql }) => settled(sql, (tx) => enter({ org, tx, versions, now: Date.now() - 1_000 }, journey, ids.map((customerId) => ({ customerId })))));
  const { cohortId, versionNo } = entered!.cohorts[0]!;
  const visit = (attempt: number): Promise<Visit> => new MockActivityEnvironment({ attempt, currentAttemptScheduledTimestampMs: Date.now() })
    .run(() => visitStep({ ...container, versions }, { orgId, journeyId: journey, versionNo, cohortId, node: 'update-city' }));
  expect((await visit(1)).arrivals).toMatchObject([{ node: 'wait-3d', count: 2 }]);
  expect(await visit(2)).toMatchObject({ arrivals: [{ node: '*', activity: 'muster' }], nextDue: null, paused: false });
});
