import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const state = mkdtempSync(join(tmpdir(), 'fermata-suppression-import-'));
let api: TestApi;
let member: TestUser;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  member = await api.signIn('member');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const upload = (content: string, query = '') => member.request('POST', `/suppressions/import?${query}`, content, { 'content-type': 'text/csv' });

async function ended(id: string): Promise<Reply['body']> {
  await expect.poll(async () => (await member.get(`/imports/${id}`)).body.state, { timeout: 60_000, interval: 50 }).toMatch(/completed|failed|cancelled/);
  return (await member.get(`/imports/${id}`)).body;
}
const everybody = async () => (await member.post('/segments/count', { rule: { op: 'and', parts: [] } })).body;

test('a file of addresses is shown, started, and suppresses customers and strangers; existing entries keep their reason', async () => {
  const ada = (await member.post('/customers', { email: 'ada@example.com' })).body;
  const eve = (await member.post('/customers', { email: 'eve@example.com' })).body;
  await member.post('/suppressions', { email: 'eve@example.com', reason: 'complaint' });
  const uploaded = await upload('Email;Name;Note\nADA@example.com;Ada;sold to us\neve@example.com;Eve;\nstranger@example.org;;old list\nnobody;;\nstranger@EXAMPLE.org;;newer list\n', 'fileName=gone.csv');
  expect(uploaded).toMatchObject({ status: 201, body: { kind: 'suppressions', state: 'uploaded', list: null, preview: { problems: [], delimiter: ';' } } });
  expect(uploaded.body.preview.columns.map((column: { target: string }) => column.target)).toEqual(['email', 'ignore', 'note']);
  expect(uploaded.body.preview.notes.map((note: { message: string }) => note.message)).toEqual(['Column 2 (Name) is left out: only email and note are taken.']);
  expect((await member.get('/imports?kind=customers')).body.data).toEqual([]);
  expect((await member.get('/imports?kind=suppressions')).body.data).toHaveLength(1);
  const { id } = uploaded.body;
  expect((await member.post(`/imports/${id}/start`)).status).toBe(200);
  expect(await ended(id)).toMatchObject({ state: 'completed', rowsTotal: 5, rowsDone: 5, created: 2, updated: 1, skipped: 2 });

  const entries = (await member.get('/suppressions?count=true')).body;
  expect(entries.count).toBe(3);
  expect(Object.fromEntries(entries.data.map((row: { email: string; reason: string; source: string; note: string | null }) => [row.email.toLowerCase(), [row.reason, row.source, row.note]]))).toEqual({
    'ada@example.com': ['list_import', 'csv_import', 'sold to us'], 'eve@example.com': ['complaint', 'manual', null], 'stranger@example.org': ['list_import', 'csv_import', 'newer list'],
  });
  expect(entries.data.find((row: { email: string }) => row.email === 'eve@example.com').history).toMatchObject([{ reason: 'list_import', source: 'csv_import', note: null }]);
  expect((await member.get(`/customers/${ada.id}`)).body).toMatchObject({ suppressionStatus: 'suppressed', mailable: false, isUnsubscribed: false, version: 2 });
  expect((await member.get(`/customers/${eve.id}`)).body).toMatchObject({ version: 2 });
  expect(await everybody()).toMatchObject({ total: 2, mailable: 0 });
  expect((await member.get(`/imports/${id}/rejected`)).body.split('\n')).toEqual([
    'Email,Name,Note,line,reason', 'nobody,,,5,Not an email address: expected a form like ada@example.com.', 'stranger@example.org,,old list,4,The address comes again in line 6; the last row wins.', '',
  ]);
  expect(await sql(`select actor, detail from audit where action = 'suppression.imported' and subject = $1`, [id])).toEqual([{ actor: 'Test member', detail: { state: 'completed', added: 2, already: 1 } }]);
});

test('the same file again changes nothing', async () => {
  const before = await sql('select email_key, reason, history::text, created_at from suppression order by 1');
  const versions = await sql('select email_key, version from customer order by 1');
  const { body } = await upload('email\nada@example.com\neve@example.com\nstranger@example.org\n', 'start=true');
  expect(await ended(body.id)).toMatchObject({ state: 'completed', created: 0, updated: 3, skipped: 0 });
  expect(await sql('select email_key, reason, history::text, created_at from suppression order by 1')).toEqual(before);
  expect(await sql('select email_key, version from customer order by 1')).toEqual(versions);
});

test('who is uploaded while her address is being suppressed by file is suppressed, whichever comes first', async () => {
  const people = Array.from({ length: 12_000 }, (_, i) => `both${i}@example.net`).join('\n');
  const [list, file] = await Promise.all([
    upload(`email\n${people}\n`, 'start=true'),
    member.request('POST', '/imports?start=true', `email\n${people}\n`, { 'content-type': 'text/csv' }),
  ]);
  expect(await ended(list.body.id)).toMatchObject({ state: 'completed', created: 12_000 });
  expect(await ended(file.body.id)).toMatchObject({ state: 'completed', created: 12_000 });
  expect(await sql(`select count(*)::int as people, count(*) filter (where mailable)::int as mailable from customer where email like 'both%'`)).toEqual([{ people: 12_000, mailable: 0 }]);
});

test('a file takes customers before entries, as everybody does: who has a customer never waits for its entries', async () => {
  await member.post('/customers', { email: 'first@order.example' });
  await member.post('/suppressions', { email: 'second@order.example', reason: 'complaint' });
  const { pool } = await api.container.tenants.use(api.orgId, (tenant) => Promise.resolve(tenant));
  const other = await pool.connect();
  await other.query('begin');
  await other.query(`select 1 from customer where email_key = 'first@order.example' for update`);
  const { body } = await upload('email\nsecond@order.example\nfirst@order.example\n', 'start=true');
  await expect.poll(() => sql(`select 1 as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`), { timeout: 30_000 }).toHaveLength(1);
  await other.query(`set local lock_timeout = '2s'`);
  await other.query(`delete from suppression where email_key = 'second@order.example'`);
  await other.query('commit');
  other.release();
  expect(await ended(body.id)).toMatchObject({ state: 'completed', created: 2 });
  expect((await member.get('/customers?search=first@order.example')).body.data).toMatchObject([{ mailable: false }]);
});

test('a column that is no address and no note cannot be chosen, and the address column must be', async () => {
  const { body } = await upload('address,why\nx@example.com,y\n');
  expect(body.preview.problems).toEqual([{ field: 'email', message: expect.stringMatching(/No column is chosen as the email address/) }]);
  const columns = (targets: string[]) => body.preview.columns.map((column: object, i: number) => ({ ...column, target: targets[i] }));
  expect((await member.post(`/imports/${body.id}/start`)).body.errors[0].field).toBe('email');
  expect((await member.post(`/imports/${body.id}/start`, { columns: columns(['email', 'city']) })).body.errors).toEqual([{ field: 'columns[1].target', message: expect.stringContaining('city') }]);
  expect((await member.post(`/imports/${body.id}/start`, { columns: columns(['email', 'note']) })).status).toBe(200);
  expect(await ended(body.id)).toMatchObject({ state: 'completed', created: 1 });
  expect((await member.get('/suppressions?search=x@example.com')).body.data).toMatchObject([{ note: 'y', reason: 'list_import', source: 'csv_import' }]);
});
