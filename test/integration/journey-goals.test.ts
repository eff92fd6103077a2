import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EntryConfig, Goal } from '#domain/journey/entry.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import { enters, graphOf, wait } from '../support/journey-dsl.ts';
import { journeyRows, type JourneyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Goals by events: once a run, by version, from the entry until 30 days after the end. */

let organization: TestOrganization;
let rows: JourneyRows;
let n = 0;
const versions = createVersions();
const DAY = 86_400_000;

beforeAll(async () => {
  organization = await createTestOrganization();
  rows = await journeyRows(organization);
}, 60_000);
afterAll(() => organization.close());
beforeEach(() => { n += 1; });

const people = (...names: readonly string[]) => rows.people(...names.map((name) => `${name}@goals${n}.example`));
const letIn = (journeyId: string, ...customerIds: readonly number[]) => organization.container.tenants.use(organization.orgId, ({ org, sql }) =>
  sql.transaction((tx) => enter({ org, tx, versions, now: Date.now() }, journeyId, customerIds.map((customerId) => ({ customerId })))));
const withGoal = (goal: Goal, rest: Partial<EntryConfig> = {}) => graphOf(enters({ kind: 'manual' }, { goal, ...rest }), wait('3d'));
const bought: Goal = { kind: 'custom', name: 'order_placed', filters: [{ property: 'total', operator: 'at_least', value: 10 }] };
const buys = (customerId: number, total: number, at?: number) => ({ customerId, type: 'custom', name: 'order_placed', properties: { total }, ...(at === undefined ? {} : { at }) });
const outcomes = async (journey: string) => (await rows.runs(journey)).map((run) => [run.customerId, run.state, run.reason, run.hasGoal]);
const counted = async (journey: string) => rows.sql.rows(`select version_no as version, sum(n)::int as goals from enrollment_count where journey_id = $1 and state = 'goal' group by 1 having sum(n) <> 0 order by 1`, [journey]);

test('who reaches the goal leaves by it and is counted for her version, once', async () => {
  const [ada, bob] = await people('ada', 'bob');
  const journey = await rows.publish(withGoal(bought));
  await letIn(journey, ada!, bob!);
  await rows.happen(buys(ada!, 10), buys(bob!, 9));
  await rows.drain();
  expect(await outcomes(journey)).toEqual([[ada, 'exited', 'goal', true], [bob, 'active', null, false]]);
  await rows.happen(buys(ada!, 100));
  await rows.drain();
  expect(await counted(journey)).toEqual([{ version: 1, goals: 1 }]);
});

test('where the goal ends no run she is counted and stays', async () => {
  const [ada] = await people('ada');
  const journey = await rows.publish(withGoal(bought, { exits: { goal: false } }));
  await letIn(journey, ada!);
  await rows.happen(buys(ada!, 10), buys(ada!, 20));
  await rows.drain();
  expect(await outcomes(journey)).toEqual([[ada, 'active', null, true]]);
  expect(await counted(journey)).toEqual([{ version: 1, goals: 1 }]);
});

test('a goal before she entered does not count; within 30 days after her run it does, later not', async () => {
  const [before, soon, late] = await people('before', 'soon', 'late');
  const journey = await rows.publish(withGoal(bought));
  await letIn(journey, before!, soon!, late!);
  await rows.sql.run(`update enrollment set state = 'completed', due_at = null, entered_at = now() - interval '60 days', ended_at = now() - interval '40 days' where journey_id = $1 and customer_id <> $2`, [journey, before]);
  // One that comes late counts by when it happened, as far as the run is still looked at.
  await rows.sql.run(`update enrollment set ended_at = now() - interval '20 days' where journey_id = $1 and customer_id = $2`, [journey, soon]);
  await rows.happen(buys(before!, 10, Date.now() - DAY), buys(soon!, 10), buys(late!, 10));
  await rows.drain();
  expect(await outcomes(journey)).toEqual([[before, 'active', null, false], [soon, 'completed', null, true], [late, 'completed', null, false]]);
});

test('a mail event as the goal: any, of a campaign, of a journey, of a step', async () => {
  const [ada] = await people('ada');
  const campaign = await createSentCampaign(organization, { recipients: [`reader@goals${n}.example`] });
  const journeys = await Promise.all([
    rows.publish(withGoal({ kind: 'event', event: 'clicked' })),
    rows.publish(withGoal({ kind: 'event', event: 'clicked', campaign: campaign.campaignId })),
  ]);
  const own = await rows.publish(withGoal({ kind: 'event', event: 'clicked', journey: journeys[0]!, step: 'welcome' }));
  const other = await rows.publish(withGoal({ kind: 'event', event: 'clicked', journey: journeys[0]!, step: 'offer' }));
  for (const journey of [...journeys, own, other]) await letIn(journey, ada!);
  const mail = (await rows.sql.first<{ no: number }>(`insert into mail (kind, ref_id, version_no, step_id) values ('journey', $1, 1, 'welcome') returning no`, [journeys[0]]))!.no;
  await rows.happen({ customerId: ada!, type: 'clicked', mailNo: mail, machine: true });
  await rows.drain();
  expect((await Promise.all([...journeys, own, other].map(outcomes))).flat().map((each) => each[3])).toEqual([false, false, false, false]);
  await rows.happen({ customerId: ada!, type: 'clicked', mailNo: mail });
  await rows.drain();
  expect((await Promise.all([...journeys, own, other].map(outcomes))).flat().map((each) => each[3])).toEqual([true, false, true, false]);
});

test('each version counts for itself, and the event that lets her in is not her goal', async () => {
  const [ada, bob] = await people('ada', 'bob');
  const graph = graphOf(enters({ kind: 'custom', name: 'order_placed', filters: [] }, { goal: { kind: 'custom', name: 'order_placed', filters: [] } }), wait('3d'));
  const journey = await rows.publish(graph);
  await rows.happen(buys(ada!, 1));
  await rows.drain();
  expect(await outcomes(journey)).toEqual([[ada, 'active', null, false]]);
  await rows.publishNext(journey, graph);
  await rows.happen(buys(ada!, 1), buys(bob!, 1));
  await rows.drain();
  await rows.happen(buys(bob!, 1));
  await rows.drain();
  expect(await outcomes(journey)).toEqual([[ada, 'exited', 'goal', true], [bob, 'exited', 'goal', true]]);
  expect(await counted(journey)).toEqual([{ version: 1, goals: 1 }, { version: 2, goals: 1 }]);
});
