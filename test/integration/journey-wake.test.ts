import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { applySentRound, drainRound } from '../../activities/indexing.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { createJourneyEngine } from '../../infra/journeys/nudge.ts';
import { findOverdue } from '../../infra/journeys/overdue.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import { enters, graphOf, wait, waitFor } from '../support/journey-dsl.ts';
import { journeyRows, type JourneyRows, type Run } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Events wake who waits for them: those that arrived before, once, whatever else comes, in whatever order. */

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

const people = (...names: readonly string[]) => rows.people(...names.map((name) => `${name}@wake${n}.example`));
const letIn = (journeyId: string, customerIds: readonly number[]) => organization.container.tenants.use(organization.orgId, ({ org, sql }) =>
  sql.transaction((tx) => enter({ org, tx, versions, now: Date.now() }, journeyId, customerIds.map((customerId) => ({ customerId })))));
/** People who have arrived at the wait, a second ago, as the engine leaves them. */
const waiting = async (event: string, customerIds: readonly number[], more: Parameters<typeof waitFor>[4] = {}) => {
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), waitFor(event, '7d', [], [], more)));
  await letIn(journey, customerIds);
  await rows.sql.run(`update enrollment set arrived_at = now() - interval '1 second', due_at = now() + interval '7 days', wake_event = $2 where journey_id = $1`, [journey, event]);
  return journey;
};
const wokenBy = async (journey: string) => (await rows.runs(journey)).map((run: Run) => [run.customerId, run.wokenBy]);

test('an event wakes her who waits for it, and her run is told', async () => {
  const [ada, bob] = await people('ada', 'bob');
  const journey = await waiting('order_placed', [ada!, bob!]);
  const [event] = await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed' }, { customerId: bob!, type: 'custom', name: 'order_viewed' });
  const told = await rows.drain();
  expect(await wokenBy(journey)).toEqual([[ada, event], [bob, null]]);
  const [run] = await rows.runs(journey);
  expect(told.woken).toEqual([{ journeyId: journey, versionNo: 1, cohortId: run!.cohortId, nodes: ['wait-for-order-placed'] }]);
});

test('what happened before she arrived does not, however late it comes', async () => {
  const [ada] = await people('ada');
  const journey = await waiting('order_placed', [ada!]);
  await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed', at: Date.now() - 60_000 });
  expect((await rows.drain()).woken).toEqual([]);
  expect(await wokenBy(journey)).toEqual([[ada, null]]);
});

test('the first of several counts; the second changes nothing and tells nobody', async () => {
  const [ada] = await people('ada');
  const journey = await waiting('order_placed', [ada!]);
  const [first] = await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed' }, { customerId: ada!, type: 'custom', name: 'order_placed' });
  expect((await rows.drain()).woken).toHaveLength(1);
  await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed' });
  expect((await rows.drain()).woken).toEqual([]);
  expect(await wokenBy(journey)).toEqual([[ada, first]]);
});

test('properties, campaign and machines are told apart', async () => {
  const [ada, bob, robot] = await people('ada', 'bob', 'robot');
  const shop = await createSentCampaign(organization, { recipients: [`reader@wake${n}.example`] });
  const rich = await waiting('order_placed', [ada!, bob!], { filters: [{ property: 'total', operator: 'greater_than', value: 50 }] });
  const opened = await waiting('opened', [ada!, bob!, robot!], { campaign: shop.campaignId });
  await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed', properties: { total: 51 } }, { customerId: bob!, type: 'custom', name: 'order_placed', properties: { total: 50 } });
  await rows.happen({ customerId: ada!, type: 'opened', mailNo: shop.mailNo }, { customerId: bob!, type: 'opened' }, { customerId: robot!, type: 'opened', mailNo: shop.mailNo, machine: true });
  await rows.drain();
  expect((await wokenBy(rich)).filter(([, event]) => event !== null).map(([id]) => id)).toEqual([ada]);
  expect((await wokenBy(opened)).filter(([, event]) => event !== null).map(([id]) => id)).toEqual([ada]);
});

test('a mail that is sent to her wakes her, though the ledger keeps no events of that', async () => {
  const mail = await createSentCampaign(organization, { recipients: [`ada@wake${n}.example`], ago: '0 seconds' });
  const ada = (await rows.sql.first<{ id: number }>('select id from customer where email_key = $1', [`ada@wake${n}.example`]))!.id;
  const journey = await waiting('sent', [ada], { campaign: mail.campaignId });
  await rows.sql.run('update message set ended_at = now() where mail_no = $1', [mail.mailNo]);
  await rows.sql.run(`insert into outbox (topic, ids, payload) values ('sent', '{1,1}', $1)`, [JSON.stringify({ mail: mail.mailNo })]);
  await organization.container.tenants.use(organization.orgId, (tenant) => applySentRound(tenant));
  expect((await rows.runs(journey))[0]!.wokenBy).not.toBeNull();
});

test('an event applied by two at once wakes once', async () => {
  const [ada] = await people('ada');
  const journey = await waiting('order_placed', [ada!]);
  const [event] = await rows.happen({ customerId: ada!, type: 'custom', name: 'order_placed' });
  const told = await Promise.all([rows.drain(), rows.drain(), rows.drain()]);
  expect(told.flatMap((each) => each.woken)).toHaveLength(1);
  expect(await wokenBy(journey)).toEqual([[ada, event]]);
});

test('who moves on in the very moment is woken where she is then, or not at all', async () => {
  const ids = await people(...Array.from({ length: 200 }, (_, i) => `mover${i}`));
  const journey = await waiting('order_placed', ids);
  await rows.sql.run(`update enrollment set node_id = 'elsewhere' where journey_id = $1 and id % 2 = 0`, [journey]);
  await Promise.all([
    rows.sql.run(`update enrollment set node_id = case node_id when 'elsewhere' then 'wait-for-order-placed' else 'elsewhere' end, visit = visit + 1 where journey_id = $1`, [journey]),
    rows.happen(...ids.map((id) => ({ customerId: id, type: 'custom', name: 'order_placed' }))).then(() => rows.drain()),
  ]);
  for (const run of await rows.runs(journey)) if (run.wokenBy !== null) expect(run.node === 'wait-for-order-placed' || run.visit === 2).toBe(true);
  await rows.drain();
});

test('a storm of 10,000 wakes is a signal a cohort, in seconds', async () => {
  const ids = await rows.people(...Array.from({ length: 10_000 }, (_, i) => `storm${i}@wake${n}.example`));
  const journey = await waiting('order_placed', ids);
  await rows.happen(...ids.map((id) => ({ customerId: id, type: 'custom', name: 'order_placed' })));
  const startedAt = performance.now();
  const told = await rows.drain();
  const seconds = (performance.now() - startedAt) / 1_000;
  expect(told.woken).toHaveLength(10);
  expect(await rows.sql.rows('select count(*)::int as woken from enrollment where journey_id = $1 and woken_by is not null', [journey])).toEqual([{ woken: 10_000 }]);
  process.stderr.write(`10,000 wakes were applied in ${seconds.toFixed(1)} s\n`);
  expect(seconds).toBeLessThan(30);
  await rows.sql.run(`update journey set state = 'paused' where id = $1`, [journey]);
}, 120_000);

test('a word that was lost is found: due for a minute, or woken ten seconds ago, in a journey that runs', async () => {
  const [ada, bob, eve] = await people('ada', 'bob', 'eve');
  const journey = await rows.publish(graphOf(enters({ kind: 'manual' }), wait('3d')));
  await letIn(journey, [ada!, bob!, eve!]);
  const find = async () => (await findOverdue(rows.sql, Date.now())).filter((each) => each.journeyId === journey);
  expect(await find()).toEqual([]);
  await rows.sql.run(`update enrollment set due_at = now() + interval '1 hour' where journey_id = $1`, [journey]);
  await rows.sql.run(`update enrollment set due_at = now() - interval '61 seconds' where journey_id = $1 and customer_id = $2`, [journey, ada]);
  const [run] = await rows.runs(journey);
  expect(await find()).toEqual([{ journeyId: journey, versionNo: 1, cohortId: run!.cohortId, nodes: ['wait-3d'] }]);
  await rows.sql.run('update cohort set parked = true where journey_id = $1', [journey]);
  expect(await find()).toEqual([]);
  await rows.sql.run('update cohort set parked = false where journey_id = $1', [journey]);
  await rows.sql.run(`update enrollment set due_at = now() + interval '1 hour', woken_by = 1, woken_at = now() - interval '11 seconds' where journey_id = $1 and customer_id = $2`, [journey, ada]);
  expect(await find()).toHaveLength(1);
  await rows.sql.run(`update journey set state = 'paused' where id = $1`, [journey]);
  expect(await find()).toEqual([]);
});

test('runs are told through Temporal, and one that cannot be told holds up nothing', async () => {
  const [ada] = await people('ada');
  const journey = await rows.publish(graphOf(enters({ kind: 'event', event: 'clicked' }), wait('3d')));
  const { gateway } = organization.container;
  const engine = createJourneyEngine({ logger: organization.container.logger, gateway: { ...gateway, startCohort: () => Promise.reject(new Error('Temporal is away')) } }, Date.now);
  await rows.happen({ customerId: ada!, type: 'clicked' });
  await organization.container.tenants.use(organization.orgId, (tenant) => drainRound(tenant, () => undefined, engine));
  expect(await rows.runs(journey)).toHaveLength(1);
});
