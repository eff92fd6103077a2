import { afterAll, beforeAll, expect, test } from 'vitest';
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
  expect((await member.post('/segments/count', { rule: everyone })).body).toEqual({ mailable: 1, total: 1 });
  const added = await member.post('/suppressions', { email: ' ADA@example.com ', note: 'asked by phone' });
  expect([added.status, added.body]).toEqual([201, { email: 'ADA@example.com', reason: 'manual', source: 'manual', note: 'asked by phone', createdAt: expect.any(String) }]);
  expect((await member.get(`/customers/${id}`)).body).toMatchObject({ mailable: false, suppressionStatus: 'suppressed', isUnsubscribed: false, isBounced: false, version: 2 });
  expect((await member.post('/segments/count', { rule: everyone })).body).toEqual({ mailable: 0, total: 1 });
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

test('the first reason stays, later ones join its history', async () => {
  await member.post('/suppressions', { email: 'twice@example.com', reason: 'complaint' });
  expect((await member.post('/suppressions', { email: 'twice@example.com', reason: 'unsubscribed' })).body.reason).toBe('complaint');
  expect(await sql(`select history -> 0 ->> 'reason' as reason from suppression where email_key = 'twice@example.com'`)).toEqual([{ reason: 'unsubscribed' }]);
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
