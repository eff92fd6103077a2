import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';

let api: TestApi;
let admin: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.signIn('admin');
  await admin.post('/fields', { key: 'plan', type: 'text' });
}, 60_000);
afterAll(() => api.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const batch = (customers: unknown[], headers: Record<string, string> = {}) => admin.post('/customers/batch', { customers }, headers);

test('a thousand customers are written at once, each with its result and one outbox row for all', async () => {
  const list = (await admin.post('/lists', { name: 'Thousand' })).body;
  const before = (await sql('select 1 from outbox')).length;
  const customers = Array.from({ length: 1_000 }, (_, i) => ({ email: `bulk${i}@thousand.example`, firstName: `No ${i}`, score: i, custom: { plan: 'basic' }, listIds: [list.id] }));
  const reply = await batch(customers);
  expect(reply.status).toBe(200);
  expect(reply.body).toMatchObject({ created: 1_000, updated: 0, unchanged: 0, failed: 0 });
  expect(reply.body.results[7]).toEqual({ index: 7, outcome: 'created', id: expect.any(Number) });
  expect((await admin.get(`/customers/${reply.body.results[7].id}`)).body).toMatchObject({ email: 'bulk7@thousand.example', firstName: 'No 7', score: 7, custom: { plan: 'basic' }, version: 1, lists: [{ name: 'Thousand' }] });
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(1_000);
  expect((await sql('select 1 from outbox')).length).toBe(before + 1);
  expect((await batch([...customers, { email: 'one.too.many@thousand.example' }])).status).toBe(422);
});

test('created, updated, unchanged and failed items are told apart, and errors name item and field', async () => {
  await batch([{ email: 'same@mixed.example', city: 'Rome', custom: { plan: 'basic' } }, { email: 'other@mixed.example', city: 'Oslo' }]);
  const reply = await batch([
    { email: 'SAME@mixed.example', city: 'Rome' },
    { email: 'other@mixed.example', city: null, custom: { plan: 'gold' } },
    { email: 'new@mixed.example' },
    { email: 'nobody' },
    { email: 'zone@mixed.example', timezone: 'Mars/Base', custom: { shoe: 42 } },
    { email: 'field@mixed.example', custom: { shoe: 42 } },
    { email: 'list@mixed.example', listIds: [randomUUID()] },
    { email: 'odd@mixed.example', isBounced: true, score: 'seven' },
    'no object',
  ]);
  expect(reply.body).toMatchObject({ created: 1, updated: 1, unchanged: 1, failed: 6 });
  expect(reply.body.results.map((result: { outcome: string }) => result.outcome)).toEqual(['unchanged', 'updated', 'created', ...Array.from({ length: 6 }, () => 'failed')]);
  expect(reply.body.results.slice(3).map((result: { errors: { field: string }[] }) => result.errors.map((error) => error.field))).toEqual([
    ['customers[3].email'], ['customers[4].timezone'], ['customers[5].custom.shoe'], ['customers[6].listIds[0]'], ['customers[7].score', 'customers[7].isBounced'], ['customers[8]'],
  ]);
  expect(await sql(`select email, city, custom, version from customer where email_key like '%@mixed.example' order by custom->>'plan', email`)).toEqual([
    { email: 'same@mixed.example', city: 'Rome', custom: { plan: 'basic' }, version: 1 },
    { email: 'other@mixed.example', city: null, custom: { plan: 'gold' }, version: 2 },
    { email: 'new@mixed.example', city: null, custom: {}, version: 1 },
  ]);
});

test('one address twice in a batch is one customer: later values win, lists are added up', async () => {
  const [first, second] = [(await admin.post('/lists', { name: 'Twin 1' })).body, (await admin.post('/lists', { name: 'Twin 2' })).body];
  const reply = await batch([{ email: 'twin@batch.example', city: 'Rome', phone: '1', listIds: [first.id] }, { email: 'TWIN@batch.example', city: 'Oslo', listIds: [second.id] }]);
  expect(reply.body.results[0].id).toBe(reply.body.results[1].id);
  expect((await admin.get(`/customers/${reply.body.results[0].id}`)).body).toMatchObject({ city: 'Oslo', phone: '1', lists: [{ name: 'Twin 1' }, { name: 'Twin 2' }], version: 1 });
});

test('the same batch under one Idempotency-Key is written once', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const first = await batch([{ email: 'once@batch.example', score: 1 }], headers);
  await admin.request('PUT', '/customers/by-email/once%40batch.example', { score: 2 });
  const again = await batch([{ email: 'once@batch.example', score: 1 }], headers);
  expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true']);
  expect(await sql(`select score from customer where email_key = 'once@batch.example'`)).toEqual([{ score: 2 }]);
  expect((await batch([{ email: 'twice@batch.example' }], headers)).status).toBe(422);
});

test('every edit is in the timeline with who made it, field by field; what did not change is not', async () => {
  const id = (await admin.post('/customers', { email: 'edits@example.com', city: 'Rome', score: 1, custom: { plan: 'basic' } })).body.id as number;
  await admin.patch(`/customers/${id}`, { city: 'Rome', score: 2, email: 'Edits@example.com' });
  await admin.request('PUT', '/customers/by-email/edits%40example.com', { city: null, custom: { plan: 'gold' } });
  await batch([{ email: 'edits@example.com', score: 2, custom: { plan: 'gold' } }]);
  const { key } = await api.services.apiKeys.create(api.orgId, { kind: 'user', id: 'x', name: 'x', email: null }, { name: 'Shop', scopes: ['customers:write'] });
  await api.client({ authorization: `Bearer ${key}` }).post('/customers/batch', { customers: [{ email: 'edits@example.com', custom: { plan: null } }] });
  const { data } = (await admin.get(`/customers/${id}/timeline?kinds=fields`)).body;
  expect(data.map((entry: { actor: string; changes: unknown }) => [entry.actor, entry.changes])).toEqual([
    ['Shop', [{ field: 'custom.plan', from: 'gold', to: null }]],
    ['Test admin', [{ field: 'city', from: 'Rome', to: null }, { field: 'custom.plan', from: 'basic', to: 'gold' }]],
    ['Test admin', [{ field: 'email', from: 'edits@example.com', to: 'Edits@example.com' }, { field: 'score', from: 1, to: 2 }]],
  ]);
  expect((await admin.get(`/customers/${id}`)).body.version).toBe(4);
});

test('lists given to a change are then all of hers, and who is taken off one has a line for it', async () => {
  const [kept, left, joined] = [(await admin.post('/lists', { name: 'Kept' })).body, (await admin.post('/lists', { name: 'Left' })).body, (await admin.post('/lists', { name: 'Joined' })).body];
  const id = (await admin.post('/customers', { email: 'lists@example.com', listIds: [kept.id, left.id] })).body.id as number;
  const changed = await admin.patch(`/customers/${id}`, { version: 1, listIds: [kept.id, joined.id] });
  expect(changed.body).toMatchObject({ version: 2, lists: [{ name: 'Joined' }, { name: 'Kept' }] });
  expect((await admin.get(`/customers/${id}/timeline?kinds=list_removed`)).body.data).toEqual([expect.objectContaining({ detail: 'Left', listId: left.id, actor: 'Test admin' })]);
  expect((await admin.patch(`/customers/${id}`, { version: 2, listIds: [kept.id, joined.id] })).body.version).toBe(2);
});

test('two batches of the same people from both ends, and single writes between, all succeed', async () => {
  const customers = Array.from({ length: 200 }, (_, i) => ({ email: `cross${i}@example.com`, city: 'A' }));
  const replies = await Promise.all([
    batch(customers), batch([...customers].reverse().map((each) => ({ ...each, city: 'B' }))), batch(customers.slice(50)),
    ...Array.from({ length: 20 }, (_, i) => admin.request('PUT', `/customers/by-email/cross${i * 7}%40example.com`, { city: 'C' })),
  ]);
  expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 23 }, () => 200));
  expect(await sql(`select count(*)::int as people from customer where email_key like 'cross%'`)).toEqual([{ people: 200 }]);
}, 60_000);

test('a batch writes to one organization alone', async () => {
  const otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  const bob = await api.signIn('owner', otherOrg);
  await batch([{ email: 'shared@example.com', city: 'Rome' }]);
  const reply = await bob.post('/customers/batch', { customers: [{ email: 'shared@example.com', city: 'Oslo' }] });
  expect(reply.body).toMatchObject({ created: 1 });
  expect(await sql(`select city from customer where email_key = 'shared@example.com'`)).toEqual([{ city: 'Rome' }]);
});
