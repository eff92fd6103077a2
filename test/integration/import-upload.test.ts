import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeOldFiles } from '../../infra/imports/retention.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const state = mkdtempSync(join(tmpdir(), 'fermata-upload-'));
let api: TestApi;
let member: TestUser;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state, FERMATA_UPLOAD_LIMIT_MB: '2' });
  member = await api.signIn('member');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const upload = (content: string, query = 'fileName=people.csv', headers: Readonly<Record<string, string>> = {}) =>
  member.request('POST', `/imports?${query}`, content, { 'content-type': 'text/csv', ...headers });

/** Files of uploads that lie there now. */
const kept = () => readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.csv')).sort();

async function ended(id: string): Promise<Reply['body']> {
  await expect.poll(async () => (await member.get(`/imports/${id}`)).body.state, { timeout: 60_000, interval: 100 }).toMatch(/completed|failed|cancelled/);
  return (await member.get(`/imports/${id}`)).body;
}

test('a file is shown as it will be read before it is started, and comes in as the mapping says', async () => {
  const uploaded = await upload('\ufeffEmail;Vorname;stufe;is_bounced\nada@example.org;Ada;7;yes\nbob@example.org;;x;no\n', `fileName=leute.csv&listName=Leute ${randomUUID().slice(0, 4)}`);
  expect(uploaded.status).toBe(201);
  expect(uploaded.body).toMatchObject({ state: 'uploaded', fileName: 'leute.csv', createdBy: 'Test member', temporalUrl: null });
  const { preview } = uploaded.body;
  expect(preview).toMatchObject({ encoding: 'utf8', delimiter: ';', header: ['Email', 'Vorname', 'stufe', 'is_bounced'], rows: [['ada@example.org', 'Ada', '7', 'yes'], ['bob@example.org', '', 'x', 'no']] });
  expect(preview.columns.map((column: { target: string }) => column.target)).toEqual(['email', 'custom:Vorname', 'custom:stufe', 'ignore']);
  expect(preview.problems).toEqual([]);
  expect(preview.notes).toEqual([{ field: 'columns[3].target', message: expect.stringContaining('is_bounced') }]);
  expect((await member.get(`/imports/${uploaded.body.id}/preview`)).body).toEqual(preview);

  const columns = preview.columns.map((column: object, i: number) => ({ ...column, target: ['email', 'first_name', 'score', 'ignore'][i] }));
  const started = await member.post(`/imports/${uploaded.body.id}/start`, { columns });
  expect(started).toMatchObject({ status: 200, body: { temporalUrl: expect.stringContaining('import') } });
  expect((await member.post(`/imports/${uploaded.body.id}/start`)).status).toBe(409);
  expect(await ended(uploaded.body.id)).toMatchObject({ state: 'completed', rowsTotal: 2, created: 2, skipped: 0, warnings: 1 });
  const { body } = await member.get('/customers?sort=email&limit=2');
  expect(body.data.map((one: { email: string; firstName: string; score: number; isBounced: boolean }) => [one.email, one.firstName, one.score, one.isBounced])).toEqual([
    ['ada@example.org', 'Ada', 7, false], ['bob@example.org', null, null, false],
  ]);
});

test('empty cells keep the old value, or clear it when asked to', async () => {
  const run = async (content: string, options: object = {}) => {
    const { body } = await upload(content);
    await member.post(`/imports/${body.id}/start`, options);
    return ended(body.id);
  };
  const eve = async () => {
    const row = await api.container.tenants.use(api.orgId, ({ sql }) => sql.first<{ city: string | null; custom: object }>(`select city, custom from customer where email_key = 'eve@example.org'`));
    return [row?.city, row?.custom];
  };
  await run('email,city,tier\neve@example.org,Bonn,gold\n');
  await run('email,city,tier\neve@example.org,,\n');
  expect(await eve()).toEqual(['Bonn', { tier: 'gold' }]);
  await run('email,city,tier\neve@example.org,,\n', { emptyCellsClear: true });
  expect(await eve()).toEqual([null, {}]);
});

test('where empty cells clear, columns the file lacks and values that do not fit change nothing', async () => {
  const run = async (content: string, emptyCellsClear: boolean) => {
    const { body } = await upload(content);
    await member.post(`/imports/${body.id}/start`, { emptyCellsClear });
    return ended(body.id);
  };
  const fay = () => api.container.tenants.use(api.orgId, ({ sql }) => sql.first(`select first_name, city, score, timezone, custom, version from customer where email_key = 'fay@example.org'`));
  await run('email,first_name,city,score,timezone,rank\nfay@example.org,Fay,Rome,5,Europe/Rome,a\n', false);
  expect(await run('email,city,score,timezone,grade\nfay@example.org,,many,Nowhere/City,b\n', true)).toMatchObject({ warnings: 2, updated: 1 });
  expect(await fay()).toEqual({ first_name: 'Fay', city: null, score: 5, timezone: 'Europe/Rome', custom: { rank: 'a', grade: 'b' }, version: 2 });
  await run('email,score,timezone,grade\nfay@example.org,,,\n', true);
  expect(await fay()).toEqual({ first_name: 'Fay', city: null, score: null, timezone: null, custom: { rank: 'a' }, version: 3 });
  await run('email,score,timezone,grade\nfay@example.org,,,\n', true);
  expect(await fay()).toMatchObject({ version: 3 });
});

test('dates are read by the pattern chosen for their column and kept as ISO; others stay text with a warning', async () => {
  const { body } = await upload('email,seen_on,born_on\ngil@example.org,31/12/2025,5.4.1990\nhal@example.org,12/31/2025,\nida@example.org,1/2/2026 3:05 pm,1990-04-05\n');
  // No pattern fits all of the second column; the third has one.
  expect(body.preview.notes).toEqual([{ field: 'columns[2].type', message: 'Column 3 (born_on) looks like dates written DD.MM.YYYY. Choose the type date and how they are written, or they come in as text.' }]);
  const columns = body.preview.columns.map((column: object, i: number) => ({ ...column, ...(i === 0 ? {} : { type: 'date', datePattern: i === 1 ? 'DD/MM/YYYY' : 'DD.MM.YYYY' }) }));
  await member.post(`/imports/${body.id}/start`, { columns });
  expect(await ended(body.id)).toMatchObject({ created: 3, warnings: 1, skipped: 0 });
  const rows = await api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<{ custom: object }>(`select custom from customer where email_key in ('gil@example.org', 'hal@example.org', 'ida@example.org') order by email_key`));
  expect(rows.map((row) => row.custom)).toEqual([{ seen_on: '2025-12-31', born_on: '1990-04-05' }, { seen_on: '12/31/2025' }, { seen_on: '2026-02-01T15:05:00', born_on: '1990-04-05' }]);
  const fields = (await member.get('/fields')).body.data as { key: string; type: string }[];
  expect(fields.filter((field) => /_on$/.test(field.key)).map((field) => field.type)).toEqual(['date', 'date']);
  expect((await member.post(`/imports/${body.id}/start`, { columns: [{ header: 'x', target: 'email', type: 'text', datePattern: 'DD-YY' }] })).body.errors[0].field).toBe('columns[0].datePattern');
});

test('an upload that is discarded loses its file at once; ended ones lose theirs after seven days and the history says so', async () => {
  const { body: unwanted } = await upload('email\nkim@example.org\n');
  expect(kept()).toContainEqual(expect.stringContaining(unwanted.id));
  expect((await member.post(`/imports/${unwanted.id}/cancel`)).body).toMatchObject({ state: 'cancelled', startedAt: null, fileRemovedAt: expect.any(String) });
  expect(kept()).not.toContainEqual(expect.stringContaining(unwanted.id));
  expect((await member.get(`/imports/${unwanted.id}/preview`)).status).toBe(409);

  const { body: old } = await upload('email\nlea@example.org\nbad\n', 'start=true');
  const { body: never } = await upload('email\nmia@example.org\n');
  const { body: fresh } = await upload('email\nnat@example.org\nbad\n', 'start=true');
  for (const { id } of [old, fresh]) await ended(id);
  const sweep = () => api.container.tenants.use(api.orgId, ({ sql }) => removeOldFiles(sql, { FERMATA_STATE_DIR: state }, api.orgId));
  expect(await sweep()).toBe(0);
  await api.container.tenants.use(api.orgId, ({ sql }) => sql.run(`update import_job set created_at = created_at - interval '7 days 1 minute', ended_at = ended_at - interval '7 days 1 minute' where id = any($1)`, [[old.id, never.id]]));
  expect(await sweep()).toBe(2);
  expect(kept().filter((name) => name.includes(old.id) || name.includes(never.id))).toEqual([]);
  expect(kept().filter((name) => name.includes(fresh.id))).toHaveLength(2);
  expect((await member.get(`/imports/${old.id}`)).body).toMatchObject({ state: 'completed', created: 1, skipped: 1, fileRemovedAt: expect.any(String) });
  expect((await member.get(`/imports/${never.id}`)).body).toMatchObject({ state: 'cancelled', problem: 'It was never started, so its file was removed.' });
  expect((await member.get(`/imports/${old.id}/rejected`)).body.detail).toMatch(/kept for 7 days.*removed/);
  expect((await member.get(`/imports/${fresh.id}/rejected`)).status).toBe(200);
});

test('a list that was deleted after the upload gets nobody; the history keeps its name', async () => {
  const { body } = await upload('email\nola@example.org\n', 'listName=Short-lived');
  expect((await member.delete(`/lists/${body.list.id}`)).status).toBe(204);
  await member.post(`/imports/${body.id}/start`);
  expect(await ended(body.id)).toMatchObject({ state: 'completed', created: 1, list: { id: null, name: 'Short-lived' } });
});

test('a file that belongs to no import goes after a day', async () => {
  const folder = join(state, 'imports', api.orgId);
  const orphan = join(folder, `${randomUUID()}.csv`);
  writeFileSync(orphan, 'email\n');
  const sweep = () => api.container.tenants.use(api.orgId, ({ sql }) => removeOldFiles(sql, { FERMATA_STATE_DIR: state }, api.orgId));
  await sweep();
  expect(existsSync(orphan)).toBe(true);
  utimesSync(orphan, new Date(), new Date(Date.now() - 25 * 3_600_000));
  await sweep();
  expect(existsSync(orphan)).toBe(false);
});

test('a file with only a header is completed with 0 rows', async () => {
  const { body } = await upload('email,city\n', 'fileName=nobody.csv&start=true');
  expect(await ended(body.id)).toMatchObject({ state: 'completed', rowsTotal: 0, rowsDone: 0, created: 0, skipped: 0 });
});

test('rejected rows are downloaded with their columns, line and reason; formulas are disarmed', async () => {
  const { body } = await upload('email,note\n=cmd|x,+1\ntwice@example.org,first\ntwice@example.org,last\n', 'fileName=bad.csv&start=true');
  await ended(body.id);
  const file = await member.get(`/imports/${body.id}/rejected`);
  expect(file.headers.get('content-disposition')).toBe('attachment; filename=bad-rejected.csv');
  expect(file.body.split('\n')).toEqual([
    'email,note,line,reason',
    `'=cmd|x,'+1,2,Not an email address: expected a form like ada@example.com.`,
    'twice@example.org,first,3,The address comes again in line 4; the last row wins.',
    '',
  ]);
});

test.for([
  ['without an email column that is to start at once', 'name,city\nAda,London\n', 'email', /No column is chosen.*name, city/, 'start=true'],
  ['with two columns of one name that is to start at once', 'email,city,City\n', 'columns[2].target', /“city” and “City”/, 'start=true'],
  ['that is empty', '', 'file', /empty/, ''],
  ['without a header line', 'ada@example.org,Ada\n', 'file', /an address in column 1.*Put a line with the names above it/, ''],
  ['with 10,000 columns', `email,${Array.from({ length: 9_999 }, (_, i) => `c${i}`).join(',')}\n`, 'file', /10,000 columns; at most 500/, ''],
] as const)('a file %s is refused with the field and the fix, and nothing is kept', async ([, content, field, message, query]) => {
  const before = kept();
  const answer = await upload(content, query);
  expect(answer.status).toBe(422);
  expect(answer.body.errors[0]).toEqual({ field, message: expect.stringMatching(message) });
  expect(kept()).toEqual(before);
});

test('a file over the limit is refused with 413 while it still comes, and nothing is kept', async () => {
  const before = kept();
  const answer = await upload(`email,note\n${`a@example.org,${'x'.repeat(1_000)}\n`.repeat(5_000)}`);
  expect(answer.status).toBe(413);
  expect(answer.body.detail).toMatch(/larger than 2 MB/);
  expect(kept()).toEqual(before);
});

test('a sender who breaks off leaves nothing behind', async () => {
  const before = kept();
  const token = (await member.post('/auth/token', { email: member.email, password: member.password })).body.token as string;
  const sending = request(`${api.baseUrl}/api/v1/imports?fileName=half.csv&start=true`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv', 'content-length': '1000000' } });
  sending.on('error', () => undefined);
  sending.write('email\nhalf@example.org\n');
  await expect.poll(kept, { timeout: 10_000 }).toHaveLength(before.length + 1);
  sending.destroy();
  await expect.poll(kept, { timeout: 10_000 }).toEqual(before);
  expect((await member.get('/imports')).body.data.some((row: { fileName: string }) => row.fileName === 'half.csv')).toBe(false);
});

test('the same upload under one Idempotency-Key is one import', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const first = await upload('email\nonce@example.org\n', 'fileName=once.csv', headers);
  const again = await upload('email\nonce@example.org\n', 'fileName=once.csv', headers);
  expect(again.body.id).toBe(first.body.id);
});

test('a cancelled import stays cancelled, keeps what is applied, and its staging table goes', async () => {
  const rows = Array.from({ length: 40_000 }, (_, i) => `stop${i}@example.net`);
  const { body } = await upload(`email\n${rows.join('\n')}\n`, 'fileName=stop.csv&start=true');
  await expect.poll(async () => (await member.get(`/imports/${body.id}`)).body.rowsDone, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
  expect((await member.post(`/imports/${body.id}/cancel`)).body.state).toBe('cancelled');
  const count = () => api.container.tenants.use(api.orgId, async ({ sql }) => ({
    people: (await sql.first<{ n: number }>(`select count(*) as n from customer where email like 'stop%'`))!.n,
    staging: (await sql.rows(`select 1 from pg_class where relname like $1`, [`%${body.id.replaceAll('-', '')}%`])).length,
  }));
  await expect.poll(async () => (await count()).staging, { timeout: 20_000 }).toBe(0);
  const job = (await member.get(`/imports/${body.id}`)).body;
  expect(job.state).toBe('cancelled');
  expect((await count()).people).toBe(job.created);
});
