import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServices } from '../../api/services.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';
import { createTestContainer, createTestOrganization } from '../support/organization.ts';

let api: TestApi;
let admin: TestUser;
let stopIndexing: () => Promise<void>;
let list: { id: string };
let segment: { id: string };

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));

/** 60 people: every second in Rome, every third on the list, every fifth suppressed, scores 0 to 59. */
const COUNT = 60;
const email = (i: number) => `person${String(i).padStart(2, '0')}@list.example`;

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.signIn('admin');
  stopIndexing = followOutbox(api);
  await admin.post('/fields', { key: 'plan', type: 'text' });
  list = (await admin.post('/lists', { name: 'Thirds' })).body;
  segment = (await admin.post('/segments', { name: 'Romans', rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Rome' }] } })).body;
  await admin.post('/customers/batch', {
    customers: Array.from({ length: COUNT }, (_, i) => ({
      email: email(i), lastName: `Name${i % 7}`, city: i % 2 === 0 ? 'Rome' : 'Oslo', score: i, custom: { plan: i % 4 === 0 ? 'gold' : 'basic' }, ...(i % 3 === 0 ? { listIds: [list.id] } : {}),
    })),
  });
  for (let i = 0; i < COUNT; i += 5) await admin.post('/suppressions', { email: email(i) });
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const expected = (keep: (i: number) => boolean) => Array.from({ length: COUNT }, (_, i) => i).filter(keep).map(email);
const allPages = async (body: Record<string, unknown>, limit = 7): Promise<string[]> => {
  const emails: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await admin.post('/customers/search', { ...body, limit, ...(cursor === undefined ? { count: true } : { cursor }) });
    expect(page.status).toBe(200);
    emails.push(...page.body.data.map((row: { email: string }) => row.email));
    cursor = page.body.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return emails;
};

test.each([
  ['everybody', {}, () => true],
  ['a list', { list: true }, (i: number) => i % 3 === 0],
  ['a segment', { segment: true }, (i: number) => i % 2 === 0],
  ['a status', { status: 'mailable' }, (i: number) => i % 5 !== 0],
  ['a text', { search: 'name3 LIST.exam' }, (i: number) => i % 7 === 3],
  ['fields', { rule: { op: 'and', parts: [{ field: 'score', operator: 'between', value: [10, 40] }, { field: 'plan', operator: 'equals', value: 'GOLD' }] } }, (i: number) => i >= 10 && i <= 40 && i % 4 === 0],
  ['all of it together', { list: true, segment: true, status: 'suppressed', search: 'list.example', rule: { op: 'or', parts: [{ field: 'score', operator: 'less_than', value: 31 }] } }, (i: number) => i % 30 === 0 && i < 31],
] as const)('%s in pages, by every order, with its count', async (_, { list: byList, segment: bySegment, ...filter }: { list?: boolean; segment?: boolean; [other: string]: unknown }, keep) => {
  const body = { ...filter, ...(byList === true ? { listId: list.id } : {}), ...(bySegment === true ? { segmentId: segment.id } : {}) };
  const people = expected(keep);
  expect(people.length).toBeGreaterThan(0);
  expect(await allPages({ ...body, sort: 'oldest' })).toEqual(people);
  expect(await allPages({ ...body, sort: 'newest' })).toEqual([...people].reverse());
  expect(await allPages({ ...body, sort: 'email' })).toEqual([...people].sort());
  expect((await admin.post('/customers/search', { ...body, count: true, limit: 1 })).body.count).toBe(people.length);
});

test.each([
  ['a segment that does not exist', { segmentId: '0197b7a0-0000-7000-8000-000000000000' }, 'segmentId'],
  ['a list that does not exist', { listId: '0197b7a0-0000-7000-8000-000000000000' }, 'listId'],
  ['an unknown field', { rule: { op: 'and', parts: [{ field: 'shoe', operator: 'equals', value: '42' }] } }, 'rule.parts[0].field'],
  ['a wrong value', { rule: { op: 'and', parts: [{ field: 'score', operator: 'equals', value: 'seven' }] } }, 'rule.parts[0].value'],
  ['an unknown filter', { shoe: 1 }, 'shoe'],
])('%s is refused by name', async (_, body, field) => {
  const reply = await admin.post('/customers/search', body);
  expect([reply.status, reply.body.errors[0].field]).toEqual([422, field]);
});

test('signs that mean something to a search server are taken literally', async () => {
  await admin.post('/customers', { email: 'star@signs.example', lastName: 'a*b?c\\d' });
  const found = async (search: string) => (await admin.get(`/customers?search=${encodeURIComponent(search)}`)).body.data.length as number;
  expect(await found('a*b?c\\d')).toBe(1);
  expect(await found('*b?c')).toBe(1);
  for (const search of ['a**b', 'a?b', '.*', 'name*']) expect(await found(search), search).toBe(0);
});

test('while the index stays behind, everybody is counted all the same, the last one too', async () => {
  await stopIndexing();
  const before = (await admin.get('/customers?limit=1&count=true')).body.count as number;
  const { id } = (await admin.post('/customers', { email: 'late@elsewhere.example' })).body;
  expect((await admin.get('/customers?limit=1&count=true')).body.count).toBe(before + 1);
  stopIndexing = followOutbox(api);
  expect((await admin.get('/customers?limit=1&count=true')).body.count).toBe(before + 1);
  expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
});

test('everybody is counted as customers come and go from all sides at once', async () => {
  const everybody = async (): Promise<[counted: number, real: number]> => [(await admin.get('/customers?limit=1&count=true')).body.count, (await sql<{ n: number }>('select count(*)::int as n from customer'))[0]!.n];
  const ids: number[] = [];
  await Promise.all(Array.from({ length: 30 }, async (_, i) => ids.push((await admin.post('/customers', { email: `busy${i}@count.example` })).body.id)));
  await Promise.all([
    ...ids.slice(0, 15).map((id) => admin.delete(`/customers/${id}`)),
    ...Array.from({ length: 10 }, (_, i) => admin.post('/customers/batch', { customers: Array.from({ length: 20 }, (_, j) => ({ email: `busy${(i * 7 + j) % 60}@batch.example` })) })),
  ]);
  const [counted, real] = await everybody();
  expect(counted).toBe(real);
  await sql(`delete from customer where email_key like 'busy%'`);
  expect(await everybody()).toEqual([real - (15 + 60), real - (15 + 60)]);
});

test('with the index away, everybody and lists are still read, with counts; what needs it says so', async () => {
  const container = await createTestContainer({ ...(process.env as Record<string, string>), DATABASE_URL: api.container.config.DATABASE_URL, ELASTICSEARCH_URL: 'http://127.0.0.1:9' });
  const { customers } = createServices(container);
  try {
    for (const sort of ['newest', 'oldest', 'email'] as const) {
      const page = await customers.list(api.orgId, { limit: 10, count: true, sort });
      expect([page.data.length, page.count]).toEqual([10, (await admin.get('/customers?limit=1&count=true')).body.count]);
    }
    expect(await customers.list(api.orgId, { limit: 200, count: true, listId: list.id })).toMatchObject({ count: 20, nextCursor: null });
    for (const query of [{ search: 'list' }, { status: 'mailable' }, { segmentId: segment.id }, { listId: list.id, sort: 'email' }] as const) {
      await expect(customers.list(api.orgId, { limit: 10, ...query }), JSON.stringify(query)).rejects.toMatchObject({ code: 'unavailable', message: 'The search index cannot be reached at the moment. Try again in a minute.' });
    }
    const id = (await customers.list(api.orgId, { limit: 1 })).data[0]!.id;
    // One customer with her segments and timeline needs the database alone, and writes go on.
    expect((await customers.segmentsOf(api.orgId, id)).data).toBeDefined();
    expect((await customers.timeline(api.orgId, id, { limit: 10 })).data.length).toBeGreaterThan(0);
    expect(await customers.update(api.orgId, 'Ada', id, undefined, { phone: '1' })).toMatchObject({ phone: '1' });
  } finally {
    await container.close();
  }
}, 60_000);

test('what another organization has is not found', async () => {
  const bob = await api.signIn('owner', (await createTestOrganization({ container: api.container })).orgId);
  expect((await bob.post('/customers/search', { count: true })).body).toEqual({ data: [], nextCursor: null, count: 0 });
  for (const body of [{ listId: list.id }, { segmentId: segment.id }]) expect((await bob.post('/customers/search', body)).status).toBe(422);
});
