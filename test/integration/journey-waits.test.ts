import { afterAll, beforeAll, expect, test } from 'vitest';
import { peopleOf } from '../support/fault-campaign.ts';
import { update, waitFor } from '../support/journey-dsl.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, customers, enrollAll, overdue, pathsOf, publish, rowsOf, standings, waitSeconds, type PublishedJourney } from '../support/published-journey.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';

let organization: TestOrganization;
let worker: SendWorker;

beforeAll(async () => {
  organization = await createTestOrganization();
  worker = await startSendWorker();
}, 120_000);
afterAll(async () => {
  await worker.stop('SIGTERM');
  await organization.close();
}, 60_000);

const use = <R extends object>(text: string, values: readonly unknown[] = []) => organization.container.tenants.use(organization.orgId, ({ sql }) => sql.rows<R>(text, values));
const resting = (journey: PublishedJourney, count: number) =>
  expect.poll(() => rowsOf(journey, `select 1 from enrollment where journey_id = $1 and due_at > arrived_at`).then((rows) => rows.length), { timeout: 30_000 }).toBe(count);
const happens = (name: string, ids: readonly number[], properties: object = {}) => use<{ id: number }>(
  `insert into event (type, customer_id, occurred_at, source, detail) select 'custom', c, now(), 'api', $3 from unnest($1::bigint[]) with ordinality u(c, n) where $2::text is not null order by n returning id`, [ids, name, JSON.stringify({ name, properties })]);

test('a wait ends on its second, not before', async () => {
  const journey = await publish(organization, null, waitSeconds(4), update('city', { mode: 'set', value: 'On' }));
  await enrollAll(journey, await customers(organization, peopleOf({ ok: 20 }, 'second')));
  await expect.poll(() => activeIn(journey), { timeout: 30_000 }).toBe(0);
  const [{ least, most }] = (await rowsOf<{ least: number; most: number }>(journey,
    `select extract(epoch from min(s.left_at - s.arrived_at))::float8 as least, extract(epoch from max(s.left_at - s.arrived_at))::float8 as most
       from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and s.node_id = 'wait-4-s'`)) as [{ least: number; most: number }];
  expect(least).toBeGreaterThanOrEqual(4);
  expect(most).toBeLessThan(8);
}, 60_000);

test('an event that came between her arrival and the moment her waiting was written is not lost', async () => {
  const journey = await publish(organization, null, waitFor('order_placed', '2h', update('city', { mode: 'set', value: 'Buyer' }), update('city', { mode: 'set', value: 'Other' }), { filters: [{ property: 'total', operator: 'at_least', value: 10 }] }));
  const ids = await customers(organization, peopleOf({ ok: 4 }, 'race'));
  await worker.stop('SIGTERM');
  await enrollAll(journey, ids);
  // Applied, for all the outbox knows, before the cohort began: nobody's waiting stands in the rows yet.
  await happens('order_placed', [ids[0]!, ids[1]!], { total: 20 });
  await happens('order_placed', [ids[2]!], { total: 5 });
  await happens('cart_left', [ids[3]!], { total: 20 });
  worker = await startSendWorker();
  await expect.poll(() => standings(journey), { timeout: 40_000 }).toEqual({ 'completed update-city': 2, 'active wait-for-order-placed': 2 });
  const paths = await pathsOf(journey);
  for (const id of ids.slice(0, 2)) expect(paths.get(id)).toEqual(['wait-for-order-placed:happened', 'update-city:next']);
  const [step] = await rowsOf<{ detail: unknown }>(journey, `select s.detail from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 and s.port = 'happened' limit 1`);
  expect(step!.detail).toMatchObject({ event: 'order_placed' });
  expect(await overdue(journey)).toEqual([]);
}, 90_000);

test('so it is where she comes to the wait from another step and is put to rest as she comes', async () => {
  const journey = await publish(organization, null, update('city', { mode: 'set', value: 'On' }), waitFor('order_placed', '2h', update('city', { mode: 'set', value: 'Buyer' }), []));
  const ids = await customers(organization, peopleOf({ ok: 3 }, 'ahead'));
  // Already applied, for all the outbox knows, and a little after she will have come.
  await use(`insert into event (type, customer_id, occurred_at, source, detail) values ('custom', $1, now() + interval '20 seconds', 'api', '{"name": "order_placed"}')`, [ids[1]]);
  await enrollAll(journey, ids);
  await expect.poll(() => standings(journey), { timeout: 30_000 }).toEqual({ 'completed update-city-2': 1, 'active wait-for-order-placed': 2 });
  expect((await pathsOf(journey)).get(ids[1]!)).toEqual(['update-city:next', 'wait-for-order-placed:happened', 'update-city-2:next']);
  // Nobody visited the step to put the others to rest.
  expect(await rowsOf(journey, `select count(*)::int as n from enrollment where journey_id = $1 and state = 'active' and wake_event = 'custom:order_placed' and due_at = arrived_at + interval '2 hours'`)).toEqual([{ n: 2 }]);
}, 60_000);

test('the event that brought her in does not end her wait for another of its kind', async () => {
  const journey = await publish(organization, null, waitFor('order_placed', '2h', update('city', { mode: 'set', value: 'Again' }), []));
  const [id] = await customers(organization, ['again@x.example']);
  const [event] = await use<{ id: number }>(`insert into event (type, customer_id, occurred_at, source, detail) values ('custom', $1, now() + interval '2 seconds', 'api', '{"name": "order_placed"}') returning id`, [id]);
  await enrollAll(journey, [id!], event!.id);
  await resting(journey, 1);
  await expect.poll(() => rowsOf<{ wake: string | null }>(journey, 'select wake_event as wake, woken_by from enrollment where journey_id = $1'), { timeout: 30_000 }).toEqual([{ wake: 'custom:order_placed', woken_by: null }]);
}, 60_000);

test('an event wakes whom it concerns within two seconds, the others time out', async () => {
  const journey = await publish(organization, null, waitFor('order_placed', '1h', update('city', { mode: 'set', value: 'Buyer' }), update('city', { mode: 'set', value: 'Other' })));
  const ids = await customers(organization, peopleOf({ ok: 6 }, 'wake'));
  await enrollAll(journey, ids);
  await resting(journey, 6);
  const events = await happens('order_placed', ids.slice(0, 3));
  const toldAt = Date.now();
  await use(`insert into outbox (topic, ids) values ('event', $1)`, [events.map((event) => event.id)]);
  organization.container.gateway.nudgeOutbox(organization.orgId);
  await expect.poll(() => standings(journey), { timeout: 30_000, interval: 50 }).toEqual({ 'completed update-city': 3, 'active wait-for-order-placed': 3 });
  expect(Date.now() - toldAt).toBeLessThan(6_000);
}, 60_000);
