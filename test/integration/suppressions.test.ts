import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEEP_SUPPRESSIONS } from '../../infra/customers/suppression-lock.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';

let api: TestApi;
let member: TestUser;
let stopIndexing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  stopIndexing = followOutbox(api);
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const everyone = { op: 'and', parts: [] };

test('suppressing flags the customer in the same transaction and takes her out of counts at once', async () => {
  const { id } = (await member.post('/customers', { email: 'ada@example.com' })).body;
  expect((await member.post('/segments/count', { rule: everyone })).body).toMatchObject({ mailable: 1, total: 1 });
  const added = await member.post('/suppressions', { email: ' ADA@example.com ', note: 'asked by phone' });
  expect([added.status, added.body]).toEqual([201, { email: 'ADA@example.com', reason: 'manual', source: 'manual', cause: null, note: 'asked by phone', createdAt: expect.any(String), customerId: id, history: [] }]);
  expect((await member.get(`/customers/${id}`)).body).toMatchObject({ mailable: false, suppressionStatus: 'suppressed', isUnsubscribed: false, isBounced: false, version: 2 });
  expect((await member.post('/segments/count', { rule: everyone })).body).toMatchObject({ mailable: 0, total: 1 });
});

test.each([
  ['unsubscribed', { isUnsubscribed: true, isBounced: false }],
  ['hard_bounce', { isUnsubscribed: false, isBounced: true }],
  ['complaint', { isUnsubscribed: false, isBounced: false }],
])('the reason %s sets its own flag, and unsuppressing clears it', async (reason, flags) => {
  const email = `${reason}@flags.example`;
  const { id } = (await member.post('/customers', { email })).body;
  await member.post('/suppressions', { email, reason });
  expect((await member.get(`/customers/${id}`)).body).toMatchObject({ ...flags, mailable: false });
  expect((await member.delete(`/suppressions/${encodeURIComponent(email)}`, { note: 'she came back' })).status).toBe(204);
  expect((await member.get(`/customers/${id}`)).body).toMatchObject({ isUnsubscribed: false, isBounced: false, suppressionStatus: 'active', mailable: true });
});

test('an address that is no customer is suppressed too, and she is so from her first moment', async () => {
  expect((await member.post('/suppressions', { email: 'later@example.com', reason: 'unsubscribed' })).status).toBe(201);
  expect((await member.post('/customers', { email: 'Later@Example.com' })).body).toMatchObject({ mailable: false, isUnsubscribed: true });
});

test('a customer made at the moment her address is suppressed is never mailable', async () => {
  for (let i = 0; i < 15; i++) {
    const email = `race${i}@example.com`;
    await Promise.all([member.post('/customers', { email }), member.post('/suppressions', { email })]);
  }
  expect(await sql(`select email from customer where email like 'race%' and mailable`)).toEqual([]);
});

test('while customers are being made nobody suppresses or lets go, and the entries can be vacuumed', async () => {
  await member.post('/suppressions', { email: 'turn@example.com' });
  const { pool } = await api.container.tenants.use(api.orgId, (tenant) => Promise.resolve(tenant));
  const making = await pool.connect();
  await making.query('begin');
  await making.query(KEEP_SUPPRESSIONS);
  const changes = [member.post('/suppressions', { email: 'waits@example.com' }), member.delete('/suppressions/turn%40example.com', { note: 'x' })];
  await expect.poll(() => sql(`select mode from pg_locks where relation = 'suppression_lock'::regclass and not granted`)).toEqual([{ mode: 'RowExclusiveLock' }, { mode: 'RowExclusiveLock' }]);
  await sql('vacuum suppression');
  expect((await member.get('/suppressions?search=turn@example.com')).body.data).toHaveLength(1);
  await making.query('commit');
  making.release();
  expect((await Promise.all(changes)).map(({ status }) => status)).toEqual([201, 204]);
});

test('the first reason stays, later ones join its history', async () => {
  await member.post('/suppressions', { email: 'twice@example.com', reason: 'complaint' });
  const again = (await member.post('/suppressions', { email: 'twice@example.com', reason: 'unsubscribed', note: 'by phone' })).body;
  expect(again).toMatchObject({ reason: 'complaint', history: [{ reason: 'unsubscribed', source: 'manual', note: 'by phone', cause: null, at: expect.stringMatching(/Z$/) }] });
});

test('unsuppressing wants a note, keeps it in the audit, and an unknown address is not found', async () => {
  await member.post('/suppressions', { email: 'note@example.com' });
  expect((await member.delete('/suppressions/note%40example.com', { note: '  ' })).body.errors[0].field).toBe('note');
  expect((await member.delete('/suppressions/note%40example.com')).status).toBe(422);
  expect((await member.delete('/suppressions/note%40example.com', { note: 'wrong person' })).status).toBe(204);
  expect((await member.delete('/suppressions/note%40example.com', { note: 'again' })).status).toBe(404);
  expect(await sql(`select action, detail from audit where subject = 'note@example.com' order by id`)).toEqual([
    { action: 'suppression.added', detail: { reason: 'manual' } }, { action: 'suppression.removed', detail: { note: 'wrong person' } },
  ]);
});

test('many are unsuppressed at once with one note, which her timeline shows; who was not suppressed stays as she is', async () => {
  const people = ['many1@example.com', 'many2@example.com'];
  const ids = [];
  for (const email of people) {
    ids.push((await member.post('/customers', { email })).body.id);
    await member.post('/suppressions', { email, reason: 'unsubscribed' });
  }
  await member.post('/suppressions', { email: 'many3@example.com' });
  const versions = () => sql(`select version from customer where email like 'many%' order by email`);
  const before = await versions();
  expect((await member.post('/suppressions/unsuppress', { emails: [...people, 'many3@example.com', 'nobody@example.com'] })).body.errors[0].field).toBe('note');
  expect((await member.post('/suppressions/unsuppress', { emails: ['many1@example.com', 'no address'], note: 'x' })).body.errors).toEqual([{ field: 'emails[1]', message: expect.stringMatching(/Not an email address/) }]);
  expect(await versions()).toEqual(before);
  const lifted = await member.post('/suppressions/unsuppress', { emails: [...people, 'MANY3@example.com', 'nobody@example.com'], note: 'asked to come back' });
  expect([lifted.status, lifted.body]).toEqual([200, { unsuppressed: 3, left: false }]);
  for (const id of ids) expect((await member.get(`/customers/${id}`)).body).toMatchObject({ isUnsubscribed: false, isBounced: false, suppressionStatus: 'active', mailable: true, version: 3 });
  expect(await sql(`select kind, actor, detail from customer_change where customer_id = any($1) order by customer_id`, [ids])).toEqual(
    ids.map(() => ({ kind: 'unsuppressed', actor: 'Test member', detail: { note: 'asked to come back' } })));
  expect(await sql(`select count(*)::int as n from audit where action = 'suppression.removed' and detail ->> 'note' = 'asked to come back'`)).toEqual([{ n: 3 }]);
});

test('all that a filter matches are unsuppressed, the others stay; a filter and names together are refused', async () => {
  for (const email of ['one@filter.example', 'two@filter.example']) await member.post('/suppressions', { email, reason: 'complaint' });
  await member.post('/suppressions', { email: 'three@filter.example' });
  const body = { filter: { search: '@FILTER.example', reason: 'complaint' }, note: 'wrong file' };
  expect((await member.post('/suppressions/unsuppress', { ...body, emails: ['one@filter.example'] })).status).toBe(422);
  expect((await member.post('/suppressions/unsuppress', { note: 'everybody' })).body.errors[0].field).toBe('emails');
  expect((await member.post('/suppressions/unsuppress', body)).body).toEqual({ unsuppressed: 2, left: false });
  expect((await member.get('/suppressions?search=filter.example')).body.data).toMatchObject([{ email: 'three@filter.example' }]);
});

test('days are the organization’s, both included; a day that is none is refused', async () => {
  await sql(`insert into suppression (email_key, email, reason, source, created_at) values
    ('day1@days.example', 'day1@days.example', 'manual', 'manual', '2026-03-01 00:00:00+00'), ('day2@days.example', 'day2@days.example', 'manual', 'manual', '2026-03-02 23:59:59.9+00')`);
  const found = async (query: string) => (await member.get(`/suppressions?search=days.example&${query}`)).body.data.map((row: { email: string }) => row.email);
  expect(await found('from=2026-03-01&to=2026-03-02')).toEqual(['day2@days.example', 'day1@days.example']);
  expect(await found('to=2026-03-01')).toEqual(['day1@days.example']);
  expect(await found('from=2026-03-03')).toEqual([]);
  expect((await member.get('/suppressions?from=soon')).body.errors).toEqual([{ field: 'from', message: expect.stringContaining('2026-01-31') }]);
});

test('a part of an address is found literally', async () => {
  for (const email of ['a_b@part.example', 'axb@part.example', 'per%cent@part.example']) await member.post('/suppressions', { email });
  const found = async (search: string) => (await member.get(`/suppressions?search=${encodeURIComponent(search)}`)).body.data.map((row: { email: string }) => row.email);
  expect(await found('A_B@PART')).toEqual(['a_b@part.example']);
  expect(await found('%cent@')).toEqual(['per%cent@part.example']);
  expect(await found('%')).toEqual(['per%cent@part.example']);
});

test('the source is the API for keys and manual for people', async () => {
  const { key } = await api.services.apiKeys.create(api.orgId, { kind: 'user', id: 'x', name: 'x', email: null }, { name: 'writer', scopes: ['suppression:write'] });
  expect((await api.client({ authorization: `Bearer ${key}` }).post('/suppressions', { email: 'key@example.com' })).body).toMatchObject({ source: 'api', reason: 'manual' });
  expect((await member.get('/suppressions?source=api')).body.data).toMatchObject([{ email: 'key@example.com' }]);
});

test('pages hold every entry once though many share an instant; filters narrow them', async () => {
  await sql(`insert into suppression (email_key, email, reason, source, created_at)
    select 'bulk' || n || '@bulk.example', 'bulk' || n || '@bulk.example', 'list_import', 'csv_import', '2026-01-31 12:00:00.123456+00' from generate_series(1, 25) n`);
  const seen: string[] = [];
  let cursor = '';
  do {
    const page = (await member.get(`/suppressions?search=BULK&reason=list_import&limit=10&count=true${cursor}`)).body;
    expect(page.count).toBe(25);
    seen.push(...page.data.map((row: { email: string }) => row.email));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  expect(new Set(seen).size).toBe(25);
  expect(seen).toHaveLength(25);
  expect((await member.get('/suppressions?search=bulk&reason=manual')).body.data).toEqual([]);
});

test('an address that is none is refused', async () => {
  expect((await member.post('/suppressions', { email: 'nobody' })).body.errors).toEqual([{ field: 'email', message: expect.stringContaining('ada@example.com') }]);
});
