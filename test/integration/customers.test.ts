import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';

let api: TestApi;
let admin: TestUser;
let stopIndexing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.signIn('admin');
  stopIndexing = followOutbox(api);
  await admin.post('/fields', { key: 'plan', type: 'text' });
  await admin.post('/fields', { key: 'spent', label: 'Spent', type: 'number' });
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const add = async (email: string, more: object = {}) => (await admin.post('/customers', { email, ...more })).body;

test('a customer is added, read, changed field by field and shown as typed', async () => {
  const list = (await admin.post('/lists', { name: 'Newsletter' })).body;
  const made = await admin.post('/customers', { email: ' Ada@Example.com ', firstName: 'Ada', score: 7.5, timezone: 'Europe/London', custom: { plan: 'premium', spent: 120 }, listIds: [list.id] });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    email: 'Ada@Example.com', firstName: 'Ada', lastName: null, score: 7.5, custom: { plan: 'premium', spent: 120 }, mailable: true,
    suppressionStatus: 'active', lists: [{ id: list.id, name: 'Newsletter' }], version: 1,
  });
  const changed = await admin.patch(`/customers/${made.body.id}`, { version: 1, city: 'London', custom: { plan: null, spent: 'a lot' } });
  expect(changed.body).toMatchObject({ city: 'London', firstName: 'Ada', custom: { spent: 'a lot' }, lists: [{ id: list.id }], version: 2 });
  expect((await admin.get(`/customers/${made.body.id}`)).body).toEqual(changed.body);
});

test('a stale version is a conflict and changes nothing', async () => {
  const { id } = await add('stale@example.com');
  await admin.patch(`/customers/${id}`, { version: 1, city: 'Rome' });
  const reply = await admin.patch(`/customers/${id}`, { version: 1, city: 'Oslo' });
  expect([reply.status, reply.body.code]).toEqual([409, 'conflict']);
  expect((await admin.get(`/customers/${id}`)).body.city).toBe('Rome');
});

test.each([
  ['an address that is none', { email: 'nobody' }, 'email'],
  ['a time zone that does not exist', { email: 'x@example.com', timezone: 'Mars/Base' }, 'timezone'],
  ['a custom field nobody made', { email: 'x@example.com', custom: { shoe: '42' } }, 'custom.shoe'],
  ['a list that does not exist', { email: 'x@example.com', listIds: ['0197b7a0-0000-7000-8000-000000000000'] }, 'listIds[0]'],
  ['a field that cannot be written', { email: 'x@example.com', isBounced: true }, 'isBounced'],
])('%s is refused by name', async (_, body, field) => {
  const reply = await admin.post('/customers', body);
  expect([reply.status, reply.body.errors[0].field]).toEqual([422, field]);
  expect(await sql('select 1 from customer where email_key = $1', ['x@example.com'])).toEqual([]);
});

test('a text with a NUL or half a surrogate pair is refused, in bodies and queries', async () => {
  for (const name of ['a\u0000b', '\ud800']) expect((await admin.post('/lists', { name })).status).toBe(422);
  expect((await admin.get('/customers?search=a%00b')).status).toBe(422);
});

test('one address is one customer, however it is spelled and however often it comes at once', async () => {
  const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => admin.post('/customers', { email: i % 2 === 0 ? 'twin@example.com' : 'TWIN@example.com' })));
  expect(replies.map((reply) => reply.status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
  await Promise.all(Array.from({ length: 8 }, (_, i) => admin.request('PUT', '/customers/by-email/put%40example.com', { city: `City ${i}` })));
  expect(await sql('select version from customer where email_key = $1', ['put@example.com'])).toEqual([{ version: 8 }]);
  const other = await add('other@example.com');
  expect((await admin.patch(`/customers/${other.id}`, { version: 1, email: 'Twin@Example.com' })).status).toBe(409);
});

test('by address, lists are added to and never taken away', async () => {
  const [first, second] = [(await admin.post('/lists', { name: 'First' })).body, (await admin.post('/lists', { name: 'Second' })).body];
  await admin.request('PUT', '/customers/by-email/lists%40example.com', { listIds: [first.id] });
  const reply = await admin.request('PUT', '/customers/by-email/lists%40example.com', { listIds: [second.id] });
  expect(reply.body.lists).toEqual([{ id: first.id, name: 'First' }, { id: second.id, name: 'Second' }]);
});

test('suppression belongs to the address: a new address leaves it, an old one brings it', async () => {
  await admin.post('/suppressions', { email: 'gone@example.com', reason: 'unsubscribed' });
  const made = await add('gone@example.com');
  expect(made).toMatchObject({ mailable: false, isUnsubscribed: true, suppressionStatus: 'suppressed' });
  const same = await admin.patch(`/customers/${made.id}`, { version: 1, email: 'Gone@example.com' });
  expect(same.body).toMatchObject({ email: 'Gone@example.com', mailable: false, isUnsubscribed: true });
  const moved = await admin.patch(`/customers/${made.id}`, { version: 2, email: 'fresh@example.com' });
  expect(moved.body).toMatchObject({ mailable: true, isUnsubscribed: false, suppressionStatus: 'active' });
});

test('every change leaves one outbox row with a new version, and search sees it at once', async () => {
  const { id } = await add('Grace.Hopper@navy.example', { firstName: 'Grace', lastName: 'Hopper' });
  const found = async (search: string) => (await admin.get(`/customers?search=${encodeURIComponent(search)}&count=true`)).body;
  expect(await found('hopper grace')).toMatchObject({ count: 1, data: [{ id }] });
  expect(await found('HOPPER@na')).toMatchObject({ count: 1, data: [{ id }] });
  await admin.patch(`/customers/${id}`, { version: 1, lastName: 'Murray' });
  expect((await found('hopper murray')).count).toBe(1);
  await admin.patch(`/customers/${id}`, { version: 2, email: 'grace@sea.example' });
  expect((await found('hopper')).count).toBe(0);
});

test('pages hold everyone once, by every order, with and without the index', async () => {
  const list = (await admin.post('/lists', { name: 'Paged' })).body;
  const emails = Array.from({ length: 25 }, (_, i) => `page${String((i * 7) % 25).padStart(2, '0')}@paged.example`);
  for (const email of emails) await add(email, { listIds: [list.id] });
  for (const filter of ['', '&search=paged.example']) {
    for (const [sort, expected] of [['newest', [...emails].reverse()], ['oldest', emails], ['email', [...emails].sort()]] as const) {
      const seen: string[] = [];
      let cursor = '';
      do {
        const page = (await admin.get(`/customers?listId=${list.id}&sort=${sort}&limit=10&count=true${filter}${cursor}`)).body;
        expect(page.count).toBe(25);
        seen.push(...page.data.map((row: { email: string }) => row.email));
        cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
      } while (cursor !== '');
      expect(seen, `${sort}${filter}`).toEqual(expected);
    }
  }
  const foreign = (await admin.get(`/customers?sort=email&limit=1`)).body.nextCursor;
  expect((await admin.get(`/customers?limit=1&cursor=${foreign}`)).status).toBe(422);
});

test('status filters agree with the flags', async () => {
  await admin.post('/suppressions', { email: 'bounced@status.example', reason: 'hard_bounce' });
  await add('bounced@status.example');
  await add('fine@status.example');
  for (const [status, expected] of [['mailable', ['fine@status.example']], ['bounced', ['bounced@status.example']], ['suppressed', ['bounced@status.example']], ['unsubscribed', []]] as const) {
    const searched = (await admin.get(`/customers?status=${status}&search=status.example`)).body.data;
    expect(searched.map((row: { email: string }) => row.email)).toEqual(expected);
    const browsed = (await admin.get(`/customers?status=${status}&limit=200`)).body.data.filter((row: { email: string }) => row.email.endsWith('status.example'));
    expect(browsed.map((row: { email: string }) => row.email)).toEqual(expected);
  }
});

test('deleting erases: row, memberships and search are empty, the address stays blocked, the receipt names no address', async () => {
  const list = (await admin.post('/lists', { name: 'Erased' })).body;
  const { id } = await add('erase.me@example.com', { listIds: [list.id] });
  await admin.post('/suppressions', { email: 'erase.me@example.com' });
  expect((await (await api.signIn('member')).delete(`/customers/${id}`)).status).toBe(403);
  expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
  expect((await admin.get(`/customers/${id}`)).status).toBe(404);
  expect((await admin.delete(`/customers/${id}`)).status).toBe(404);
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(0);
  expect((await admin.get('/customers?search=erase.me&count=true')).body.count).toBe(0);
  expect((await admin.get('/suppressions?search=erase.me')).body.data).toEqual([]);
  expect((await add('erase.me@example.com')).mailable).toBe(false);
  expect(await sql('select subject, detail from audit where action = $1', ['customer.erased'])).toEqual([{ subject: `customer ${id}`, detail: null }]);
});

test('the timeline tells what happened, newest first, page by page, machines marked', async () => {
  const list = (await admin.post('/lists', { name: 'Timeline' })).body;
  const { id } = await add('timeline@example.com', { listIds: [list.id] });
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  const [campaign] = await sql<{ id: string }>(`insert into campaign (id, mail_no, name, created_by) values (gen_random_uuid(), $1, 'Spring', 'Ada') returning id`, [mail!.no]);
  await sql(`insert into message (mail_no, ordinal, customer_id, connection_no, state, ended_at) values ($1, 1, $2, 1, 2, now() + interval '1 minute')`, [mail!.no, id]);
  await sql(`insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, machine) values
    ('opened', $2, $1, 1, now() + interval '2 minutes', 'pixel', true), ('opened', $2, $1, 1, now() + interval '3 minutes', 'pixel', false),
    ('clicked', $2, $1, 1, now() + interval '4 minutes', 'link', false), ('unsubscribed', $2, $1, 1, now() + interval '4 minutes', 'link', false)`, [mail!.no, id]);
  const kinds: string[] = [];
  let cursor = '';
  do {
    const page = (await admin.get(`/customers/${id}/timeline?limit=2${cursor}`)).body;
    kinds.push(...page.data.map((entry: { kind: string }) => entry.kind));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  expect(kinds.slice(0, 5)).toEqual(['unsubscribed', 'clicked', 'opened', 'opened', 'sent']);
  expect(kinds.slice(5).sort()).toEqual(['created', 'list_added']);
  const { data } = (await admin.get(`/customers/${id}/timeline`)).body;
  expect(data.map((entry: { machine: boolean }) => entry.machine)).toEqual([false, false, false, true, false, false, false]);
  expect(data[4]).toMatchObject({ kind: 'sent', title: 'Mail sent', detail: 'Spring', campaignId: campaign!.id });
});

test('fields: reserved and odd keys are refused, case is significant and pointed out', async () => {
  expect((await admin.post('/fields', { key: 'Email', type: 'text' })).status).toBe(422);
  expect((await admin.post('/fields', { key: 'plan type', type: 'text' })).body.errors).toEqual([{ field: 'key', message: expect.stringContaining('plan_type') }]);
  expect((await admin.post('/fields', { key: 'plan', type: 'text' })).status).toBe(409);
  const twin = await admin.post('/fields', { key: 'Plan', type: 'text' });
  expect([twin.status, twin.body.notice]).toEqual([201, 'The field plan differs from this one only by case.']);
  const { data } = (await admin.get('/fields')).body;
  expect(data.map((field: { key: string; label: string }) => [field.key, field.label])).toEqual([['plan', 'plan'], ['spent', 'Spent'], ['Plan', 'Plan']]);
});
