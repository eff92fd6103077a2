import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createEventRecorder, type Recorded } from '../../api/modules/events/recorder.ts';
import { readEvents, type ReadEvent } from '../../api/modules/events/input.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { enters, graphOf, wait } from '../support/journey-dsl.ts';
import { journeyRows, type JourneyRows } from '../support/journey-rows.ts';

/** What customers did, as programs tell it: POST /events. */

let api: TestApi;
let member: TestUser;
let rows: JourneyRows;
let n = 0;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  rows = await journeyRows(api);
}, 60_000);
afterAll(() => api.close());
beforeEach(() => { n += 1; });

const address = (name: string) => `${name}@events${n}.example`;
/** Tests ask faster than 1,000 events a second allow. */
const post = async (events: unknown[], headers: Record<string, string> = {}): Promise<Reply> => {
  for (;;) {
    const reply = await member.post('/events', { events }, headers);
    if (reply.status !== 429) return reply;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
const stored = (customerId: number) => rows.sql.rows(`select type, detail, source, occurred_at as at from event where customer_id = $1 order by id`, [customerId]);

test('an event is kept, told in the timeline, known to segments, and answered with its number', async () => {
  const [ada] = await rows.people(address('ada'));
  const at = new Date(Date.now() - 60_000).toISOString();
  const reply = await post([{ name: `order_placed_${n}`, email: `ADA@events${n}.example`, properties: { total: 12.5, items: ['a', 'b'] }, occurredAt: at }, { name: 'order.viewed', customerId: ada }]);
  expect([reply.status, reply.body]).toEqual([202, { accepted: 2, duplicates: 0, failed: 0, results: [{ index: 0, outcome: 'accepted', id: expect.any(Number) }, { index: 1, outcome: 'accepted', id: expect.any(Number) }] }]);
  expect(await stored(ada!)).toEqual([
    { type: 'custom', detail: { name: `order_placed_${n}`, properties: { total: 12.5, items: ['a', 'b'] } }, source: 'api', at: new Date(at) },
    { type: 'custom', detail: { name: 'order.viewed', properties: {} }, source: 'api', at: expect.any(Date) },
  ]);
  await rows.drain();
  expect((await member.get(`/customers/${ada}/timeline?kinds=events`)).body.data.map((entry: { detail: string }) => entry.detail).sort()).toEqual(['order.viewed', `order_placed_${n}`]);
  const rule = { op: 'and', parts: [{ event: 'custom', name: `order_placed_${n}`, operator: 'has_done' }] };
  expect((await member.post('/segments/count', { rule })).body).toMatchObject({ total: 1 });
});

test('each event is answered by itself: a wrong one costs no other', async () => {
  const [ada] = await rows.people(address('ada'));
  const year = 366 * 86_400_000;
  const wrong: [item: unknown, field: string, message: RegExp][] = [
    [{ email: address('ada') }, 'name', /required/],
    [{ name: 'Bought', email: address('ada') }, 'name', /1 to 64/],
    [{ name: 'x'.repeat(65), email: address('ada') }, 'name', /1 to 64/],
    [{ name: 'opened', email: address('ada') }, 'name', /mail events/],
    [{ name: 'bought' }, 'email', /whose event/],
    [{ name: 'bought', email: address('ada'), customerId: ada }, 'customerId', /not both/],
    [{ name: 'bought', email: 'nonsense' }, 'email', /Not an email address/],
    [{ name: 'bought', email: address('nobody') }, 'email', /createCustomer/],
    [{ name: 'bought', customerId: 999_999_999 }, 'customerId', /no customer/],
    [{ name: 'bought', customerId: ada, createCustomer: true }, 'createCustomer', /email/],
    [{ name: 'bought', customerId: ada, occurredAt: new Date(Date.now() - year - 60_000).toISOString() }, 'occurredAt', /a year ago/],
    [{ name: 'bought', customerId: ada, occurredAt: new Date(Date.now() + 360_000).toISOString() }, 'occurredAt', /5 minutes ahead/],
    [{ name: 'bought', customerId: ada, occurredAt: 'yesterday' }, 'occurredAt', /Expected a time/],
    [{ name: 'bought', customerId: ada, properties: { text: 'x'.repeat(33_000) } }, 'properties', /32,768/],
    [{ name: 'bought', customerId: ada, properties: [1] }, 'properties', /./],
    [{ name: 'bought', customerId: ada, surprise: 1 }, 'surprise', /no field/],
    ['bought', '', /./],
  ];
  const reply = await post([...wrong.map(([item]) => item), { name: 'bought', customerId: ada }]);
  expect(reply.body).toMatchObject({ accepted: 1, failed: wrong.length });
  for (const [i, [, field, message]] of wrong.entries()) {
    const [error] = reply.body.results[i].errors as { field: string; message: string }[];
    expect(error, JSON.stringify(wrong[i]![0])).toMatchObject({ field: field === '' ? `events[${i}]` : `events[${i}].${field}`, message: expect.stringMatching(message) });
  }
  expect(await stored(ada!)).toHaveLength(1);
});

test.each([['none', []], ['too many', Array.from({ length: 1_001 }, () => ({}))]])('a call with %s is refused as a whole', async (_, events) => {
  const reply = await member.post('/events', { events });
  expect([reply.status, reply.body.errors[0].field]).toEqual([422, 'events']);
});

test('the same id counts once in seven days, in one call and in several', async () => {
  const [ada] = await rows.people(address('ada'));
  const event = { name: 'bought', customerId: ada, id: `order-${n}` };
  expect((await post([event, event, { ...event, id: `other-${n}` }])).body.results.map((result: { outcome: string }) => result.outcome)).toEqual(['accepted', 'duplicate', 'accepted']);
  expect((await post([event])).body).toMatchObject({ accepted: 0, duplicates: 1 });
  const together = await Promise.all(Array.from({ length: 10 }, () => post([{ ...event, id: `together-${n}` }])));
  expect(together.reduce((sum, reply) => sum + reply.body.accepted, 0)).toBe(1);
  await rows.sql.run(`update event_key set received_at = now() - interval '8 days'`);
  expect((await post([event])).body).toMatchObject({ accepted: 1 });
  expect(await rows.sql.rows('select 1 from event_key k where k::text like $1', [`%order-${n}%`])).toEqual([]);
});

test('an event that was refused leaves its id free', async () => {
  const event = { name: 'bought', email: address('late'), id: `late-${n}` };
  expect((await post([event])).body).toMatchObject({ failed: 1 });
  expect((await post([{ ...event, createCustomer: true }])).body).toMatchObject({ accepted: 1 });
});

test('addresses nobody has become customers where that is asked, with the suppression they have', async () => {
  await member.post('/suppressions', { email: address('quiet'), reason: 'unsubscribed' });
  const reply = await post([
    { name: 'signed_up', email: ` ${address('new').toUpperCase()} `, createCustomer: true }, { name: 'signed_up', email: address('new'), createCustomer: true }, { name: 'signed_up', email: address('quiet'), createCustomer: true }]);
  expect(reply.body).toMatchObject({ accepted: 3 });
  expect(await rows.sql.rows(`select email_key as key, mailable, is_unsubscribed as left from customer where email_key like $1 order by 1`, [`%@events${n}.example`])).toEqual([
    { key: address('new'), mailable: true, left: false }, { key: address('quiet'), mailable: false, left: true }]);
  await rows.drain();
  expect((await member.get(`/customers?search=new@events${n}&count=true`)).body.count).toBe(1);
});

test('journeys react to an accepted event', async () => {
  const [ada] = await rows.people(address('ada'));
  const journey = await rows.publish(graphOf(enters({ kind: 'custom', name: 'cart_abandoned', filters: [] }), wait('2h')));
  await post([{ name: 'cart_abandoned', customerId: ada }]);
  await rows.drain();
  expect((await rows.runs(journey)).map((run) => run.customerId)).toEqual([ada]);
});

test('the same Idempotency-Key gives the same answer and no second event', async () => {
  const [ada] = await rows.people(address('ada'));
  const first = await post([{ name: 'bought', customerId: ada }], { 'idempotency-key': `key-${n}` });
  const second = await post([{ name: 'bought', customerId: ada }], { 'idempotency-key': `key-${n}` });
  expect(second.body).toEqual(first.body);
  expect(await stored(ada!)).toHaveLength(1);
});

test('more than 1,000 events a second are refused with the time to wait, and nothing of the call is taken', async () => {
  const [ada] = await rows.people(address('ada'));
  const replies = await Promise.all(Array.from({ length: 4 }, () => member.post('/events', { events: Array.from({ length: 400 }, () => ({ name: 'bought', customerId: ada })) })));
  const refused = replies.filter((reply) => reply.status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(2);
  expect(refused[0]!.headers.get('retry-after')).toBe('1');
  expect(refused[0]!.body.code).toBe('rate_limited');
  expect(await stored(ada!)).toHaveLength(400 * (4 - refused.length));
});

test('a key needs its scope, and only its organization is written to', async () => {
  const make = async (scopes: string[]) => (await api.services.apiKeys.create(api.orgId, { kind: 'user', id: 'x', name: 'x', email: null }, { name: 'events', scopes })).key;
  const [ada] = await rows.people(address('ada'));
  const body = { events: [{ name: 'bought', customerId: ada }] };
  expect((await api.client({ authorization: `Bearer ${await make(['customers:write'])}` }).post('/events', body)).status).toBe(403);
  const allowed = api.client({ authorization: `Bearer ${await make(['events:write'])}` });
  // The second of the test before is over soon.
  await expect.poll(async () => (await allowed.post('/events', body)).status, { timeout: 5_000 }).toBe(202);
});

test('requests of one moment share a commit, each with its own answers', async () => {
  const ids = await rows.people(...Array.from({ length: 30 }, (_, i) => address(`p${i}`)));
  const { container, orgId } = api;
  let transactions = 0;
  const recorder = createEventRecorder({
    ...container,
    tenants: {
      ...container.tenants,
      use: (id, work) => container.tenants.use(id, (tenant) => work({ ...tenant, sql: { ...tenant.sql, transaction: (inner) => { transactions += 1; return tenant.sql.transaction(inner); } } })),
    },
  });
  const read = (items: unknown[]) => readEvents(items, Date.now()).map((item) => (item as { event: ReadEvent }).event);
  const answers: Recorded[][] = await Promise.all(ids.map((customerId, i) => recorder.record(orgId, read([{ name: 'bought', customerId }, ...(i % 2 === 0 ? [{ name: 'bought', customerId: 999_999_999 }] : [])]))));
  expect(transactions).toBe(1);
  for (const [i, answer] of answers.entries()) {
    expect(answer.map((each) => each.outcome)).toEqual(i % 2 === 0 ? ['accepted', 'unknown'] : ['accepted']);
    const [first] = answer;
    expect(first?.outcome === 'accepted' && (await rows.sql.first<{ id: number }>('select customer_id as id from event where id = $1', [first.id]))?.id).toBe(ids[i]);
  }
});

test('erased in the same moment, nothing of hers is kept', async () => {
  const ids = await rows.people(...Array.from({ length: 10 }, (_, i) => address(`gone${i}`)));
  const admin = await api.signIn('admin');
  await Promise.all(ids.flatMap((id) => [post([{ name: 'bought', customerId: id, properties: { secret: 'canary' } }]), admin.delete(`/customers/${id}`)]));
  expect(await rows.sql.rows(`select 1 from event where detail::text like '%canary%'`)).toEqual([]);
}, 120_000);
