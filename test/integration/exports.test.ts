import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCsvReader } from '#domain/customer/csv.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** Files of people, lists, segments, suppressions and reports, by a real worker. */

const state = mkdtempSync(join(tmpdir(), 'fermata-export-'));
let api: TestApi;
let admin: TestUser;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  admin = await api.signIn('admin');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
  for (const [key, type] of [['plan', 'text'], ['spent', 'number'], ['joined', 'date'], ['vip', 'boolean'], ['Größe', 'text']]) await admin.post('/fields', { key, type });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = [], org = api.orgId) => api.container.tenants.use(org, ({ sql }) => sql.rows<T>(text, values));
const batch = async (customers: object[]) => {
  const reply = await admin.post('/customers/batch', { customers });
  expect(reply.body).toMatchObject({ failed: 0 });
  return (reply.body.results as { id: number }[]).map((result) => result.id);
};
const start = async (body: object, user = admin): Promise<string> => {
  const reply = await user.post('/exports', body);
  expect([reply.status, reply.body.problem]).toEqual([202, null]);
  return reply.body.id as string;
};
const ended = async (id: string): Promise<Reply['body']> => {
  await expect.poll(async () => (await admin.get(`/exports/${id}`)).body.state, { timeout: 60_000, interval: 50 }).toMatch(/completed|failed|cancelled/);
  return (await admin.get(`/exports/${id}`)).body;
};
/** The file of an export that is run to its end. */
const exported = async (body: object): Promise<string> => {
  const id = await start(body);
  expect(await ended(id)).toMatchObject({ state: 'completed', available: true });
  return (await admin.get(`/exports/${id}/file`)).body as string;
};
const rowsOf = (text: string): Record<string, string>[] => {
  const reader = createCsvReader(',');
  const [header, ...records] = [...reader.push(text), ...reader.end()].map((record) => record.cells);
  return records.map((cells) => Object.fromEntries(cells.map((cell, i) => [header![i]!, cell])));
};
const emailsOf = (text: string) => rowsOf(text).map((row) => row['email']).sort();

const difficult = [
  { email: 'Ada.Lovelace@example.com', firstName: 'Ada "the first"', lastName: 'Lovelace, Countess', city: 'London\nEngland', country: 'GB', phone: '+44 20 7946 0000', score: -7.25, timezone: 'Europe/London', custom: { plan: '=premium', spent: 1200.5, joined: '2024-02-29', vip: true, Größe: '@XL' } },
  { email: 'søren@example.dk'.replace('ø', 'o'), firstName: 'Søren', lastName: 'Ångström 日本 😀', city: '\'quoted\'', country: '-', score: 0, custom: { plan: '0012', spent: 'not a number', joined: 'soon', vip: 'maybe', Größe: 'semi;colon|pipe' } },
  { email: 'tabs@example.com', firstName: 'a\tb', lastName: '"', city: 'line one\r\nline two', score: 1e-7, custom: { plan: 'null', spent: -3, vip: false } },
  { email: 'empty@example.com' },
];

test('a raw export of everybody imports back to the same people', async () => {
  await batch(difficult);
  const file = await exported({ kind: 'customers', raw: true });
  expect(file.split('\n')[0]).toBe('email,first_name,last_name,phone,city,country,score,timezone,plan,spent,joined,vip,Größe');
  const otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  const bob = await api.signIn('owner', otherOrg);
  const upload = await bob.request('POST', '/imports?fileName=back.csv&start=true', file, { 'content-type': 'text/csv' });
  expect(upload.status).toBe(201);
  await expect.poll(async () => (await bob.get(`/imports/${upload.body.id}`)).body, { timeout: 60_000, interval: 100 }).toMatchObject({ state: 'completed', created: 4, skipped: 0 });
  const people = (org: string) => sql('select email, email_key, first_name, last_name, phone, city, country, score, timezone, custom from customer order by email_key', [], org);
  const [mine, theirs] = [await people(api.orgId), await people(otherOrg)];
  expect(mine).toHaveLength(4);
  expect(theirs).toEqual(mine);
}, 120_000);

test('what a spreadsheet would run as a formula gets an apostrophe, unless values are raw', async () => {
  const filter = { search: 'ada.lovelace' };
  const [row] = rowsOf(await exported({ kind: 'customers', filter, columns: ['email', 'phone', 'score', 'plan', 'Größe'] }));
  expect(row).toEqual({ email: 'Ada.Lovelace@example.com', phone: `'+44 20 7946 0000`, score: `'-7.25`, plan: `'=premium`, Größe: `'@XL` });
  const [raw] = rowsOf(await exported({ kind: 'customers', filter, raw: true, columns: ['phone', 'score', 'plan'] }));
  expect(raw).toEqual({ phone: '+44 20 7946 0000', score: '-7.25', plan: '=premium' });
});

test('lists, segments and filters give exactly their people; extra columns are there when asked for', async () => {
  const list = (await admin.post('/lists', { name: 'Paged' })).body;
  await batch(Array.from({ length: 900 }, (_, i) => ({ email: `p${i}@paged.example`, city: i % 3 === 0 ? 'Rome' : 'Oslo', ...(i % 2 === 0 ? { listIds: [list.id] } : {}) })));
  const rule = { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Rome' }, { field: 'email', operator: 'ends_with', value: '@paged.example' }] };
  const segment = (await admin.post('/segments', { name: 'Romans', rule })).body;
  const expected = (keep: (i: number) => boolean) => Array.from({ length: 900 }, (_, i) => i).filter(keep).map((i) => `p${i}@paged.example`).sort();
  expect(emailsOf(await exported({ kind: 'list', listId: list.id }))).toEqual(expected((i) => i % 2 === 0));
  expect(emailsOf(await exported({ kind: 'segment', segmentId: segment.id }))).toEqual(expected((i) => i % 3 === 0));
  const both = await exported({ kind: 'customers', filter: { listId: list.id, segmentId: segment.id }, columns: ['id', 'email', 'lists', 'suppression_status', 'is_bounced', 'created_at'] });
  expect(emailsOf(both)).toEqual(expected((i) => i % 6 === 0));
  const chosen = rowsOf(both).slice(0, 3).map((row) => Number(row['id']));
  expect(rowsOf(await exported({ kind: 'customers', ids: [...chosen, chosen[0]], columns: ['id'] })).map((row) => Number(row['id'])).sort()).toEqual([...chosen].sort());
  expect(rowsOf(both)[0]).toMatchObject({ id: expect.stringMatching(/^\d+$/), lists: 'Paged', suppression_status: 'active', is_bounced: 'false', created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) });
}, 120_000);

test('suppressions, events and recipients are exported with what is known of them', async () => {
  await admin.post('/suppressions', { email: 'gone@example.com', reason: 'complaint', note: 'wrote, angrily' });
  expect(rowsOf(await exported({ kind: 'suppressions' })).find((row) => row['email'] === 'gone@example.com')).toMatchObject({ reason: 'complaint', source: 'manual', note: 'wrote, angrily' });
  const [reader] = await batch([{ email: 'reader@example.com' }]);
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  const [campaign] = await sql<{ id: string }>(`insert into campaign (id, mail_no, name, created_by) values (gen_random_uuid(), $1, 'Spring', 'Ada') returning id::text`, [mail!.no]);
  await sql(`insert into link (mail_no, no, url) values ($1, 0, 'https://shop.example/')`, [mail!.no]);
  await sql(`insert into message (mail_no, ordinal, customer_id, connection_no, state, reply, ended_at, open_count, first_opened_at) values ($1, 1, $2, 1, 2, '250 ok', now(), 1, now())`, [mail!.no, reader]);
  await sql(`insert into event (type, customer_id, mail_no, ordinal, link_no, occurred_at, source, machine) values ('clicked', $2, $1, 1, 0, now(), 'tracking_link', false)`, [mail!.no, reader]);
  const about = { campaignId: campaign!.id };
  expect(rowsOf(await exported({ kind: 'events', ...about })).map((row) => [row['event_type'], row['customer_email'], row['campaign'], row['url'], row['machine']])).toEqual([
    ['clicked', 'reader@example.com', 'Spring', 'https://shop.example/', 'false'], ['sent', 'reader@example.com', 'Spring', '', 'false'],
  ]);
  expect(rowsOf(await exported({ kind: 'recipients', ...about }))).toEqual([expect.objectContaining({ email: 'reader@example.com', state: 'sent', reply: '250 ok', opens: '1' })]);
  expect(rowsOf(await exported({ kind: 'events' })).length).toBeGreaterThanOrEqual(2);
}, 120_000);

test('recipients are exported as their list is filtered', async () => {
  const campaign = await createSentCampaign(api, { recipients: ['ann@filter.example', 'bob@filter.example', 'cleo@filter.example'], variant: 'case when o = 2 then 2 else 1 end' });
  await sql("update message set state = case ordinal when 3 then 3 else 2 end, reason = case ordinal when 3 then 'blocked' end, first_opened_at = case ordinal when 1 then now() end where mail_no = $1", [campaign.mailNo]);
  const about = { kind: 'recipients', campaignId: campaign.campaignId };
  const of = async (recipients: object) => emailsOf(await exported({ ...about, recipients }));
  expect(await of({ state: 'failed', reason: 'blocked' })).toEqual(['cleo@filter.example']);
  expect(await of({ engagement: 'not_opened', variant: 'B', connection: campaign.connectionId })).toEqual(['bob@filter.example']);
  expect(await of({ search: 'ann@filter.example' })).toEqual(['ann@filter.example']);
  expect(await of({ search: 'nobody-is-called-so' })).toEqual([]);
  expect((await of({})).length).toBe(3);
  const id = await start({ ...about, recipients: { search: 'ann@filter.example' } });
  expect(await ended(id)).toMatchObject({ title: 'Filtered recipients of Spring', rowsTotal: 1 });
  await expect.poll(() => sql("select options ? 'recipients' as kept from export_job where id = $1", [id]), { timeout: 20_000 }).toEqual([{ kept: false }]);
}, 120_000);

test('the file is an attachment nobody sniffs or keeps; it goes after seven days', async () => {
  const id = await start({ kind: 'suppressions' });
  const told = ((await admin.get(`/exports/${id}/live`)).body as string).split('\n\n').filter((part) => part.startsWith('data: ')).map((part) => JSON.parse(part.slice(6)));
  const job = await ended(id);
  expect(told.at(-1)).toEqual(job);
  expect(job).toMatchObject({ title: 'Suppressions', fileSize: expect.any(Number), availableUntil: expect.any(String), temporalUrl: expect.stringContaining(id) });
  const file = await admin.get(`/exports/${id}/file`);
  expect(Object.fromEntries(['content-type', 'content-disposition', 'x-content-type-options', 'cache-control', 'content-length'].map((name) => [name, file.headers.get(name)]))).toEqual({
    'content-type': 'text/csv; charset=utf-8', 'content-disposition': `attachment; filename=${job.fileName}`, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'content-length': String(job.fileSize),
  });
  await sql(`update export_job set ended_at = now() - interval '7 days 1 minute' where id = $1`, [id]);
  await asActivity(createSweepActivities(api.container).sweep);
  expect((await admin.get(`/exports/${id}`)).body).toMatchObject({ state: 'completed', available: false, availableUntil: null });
  expect((await admin.get(`/exports/${id}/file`)).body.detail).toBe('The file of this export is gone. Export again.');
  expect(readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(id))).toEqual([]);
});

test('a worker killed while it writes leaves no half file: the next attempt begins again', async () => {
  for (let from = 0; from < 40_000; from += 1_000) await batch(Array.from({ length: 1_000 }, (_, i) => ({ email: `k${from + i}@kill.example`, lastName: 'x'.repeat(200) })));
  const id = await start({ kind: 'customers', filter: { search: 'kill.example' } });
  await expect.poll(() => readdirSync(state, { recursive: true, encoding: 'utf8' }).some((name) => name.includes(id) && name.endsWith('.part')), { timeout: 60_000, interval: 2 }).toBe(true);
  await worker.kill('SIGKILL');
  expect((await admin.get(`/exports/${id}/file`)).status).toBe(404);
  expect((await admin.get(`/exports/${id}`)).body.state).toBe('running');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
  expect(await ended(id)).toMatchObject({ state: 'completed', rowsTotal: 40_000, rowsDone: 40_000 });
  const emails = emailsOf((await admin.get(`/exports/${id}/file`)).body as string);
  expect([emails.length, new Set(emails).size]).toEqual([40_000, 40_000]);
  await expect.poll(() => readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(id))).toEqual([expect.stringMatching(/\.csv$/)]);
}, 180_000);

test('cancelled, nothing of it is kept', async () => {
  const id = await start({ kind: 'customers', filter: { search: 'kill.example' } });
  expect((await admin.post(`/exports/${id}/cancel`)).body.state).toBe('cancelled');
  await expect.poll(() => readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(id)), { timeout: 30_000 }).toEqual([]);
  expect((await admin.get(`/exports/${id}`)).body).toMatchObject({ state: 'cancelled', available: false });
});

test.each([
  ['a list export without a list', { kind: 'list' }, 'listId'],
  ['a list that does not exist', { kind: 'list', listId: randomUUID() }, 'listId'],
  ['recipients of a campaign that does not exist', { kind: 'recipients', campaignId: randomUUID() }, 'campaignId'],
  ['a filter where none belongs', { kind: 'suppressions', filter: {} }, 'filter'],
  ['a filter of recipients where there are none', { kind: 'events', recipients: {} }, 'recipients'],
  ['an unknown state of recipients', { kind: 'recipients', campaignId: randomUUID(), recipients: { state: 'lost' } }, 'recipients.state'],
  ['chosen people and a filter at once', { kind: 'customers', ids: [1], filter: {} }, 'ids'],
  ['a column there is not', { kind: 'customers', columns: ['email', 'shoe'] }, 'columns[1]'],
])('%s is refused by name', async (_, body, field) => {
  const reply = await admin.post('/exports', body);
  expect([reply.status, reply.body.errors[0].field]).toEqual([422, field]);
});

test('members export suppressions and reports, not people, and do not see who does', async () => {
  const member = await api.signIn('member');
  expect((await member.post('/exports', { kind: 'customers' })).status).toBe(403);
  const id = await start({ kind: 'suppressions' }, member);
  expect((await member.get(`/exports/${id}`)).status).toBe(200);
  const people = await start({ kind: 'customers', filter: { search: 'ada' } });
  for (const path of ['', '/file', '/live']) expect((await member.get(`/exports/${people}${path}`)).status).toBe(404);
  expect((await member.get('/exports?limit=200')).body.data.map((row: { kind: string }) => row.kind)).not.toContain('customers');
});

test('a key exports only what its scopes let it read, and sees no other exports', async () => {
  const keyFor = async (...scopes: string[]) => api.client({ authorization: `Bearer ${(await admin.post('/api-keys', { name: scopes.join(), scopes })).body.key}` });
  const [customers, suppressions] = [await keyFor('customers:read'), await keyFor('customers:read', 'suppression:write')];
  for (const [kind, scope] of [['suppressions', 'suppression:read'], ['events', 'reports:read'], ['recipients', 'reports:read']]) {
    expect((await customers.post('/exports', { kind })).body).toMatchObject({ status: 403, detail: `This API key lacks the scope ${scope}.` });
  }
  expect((await suppressions.post('/exports', { kind: 'suppressions' })).status).toBe(202);
  const id = await start({ kind: 'suppressions' });
  await ended(id);
  expect((await suppressions.get(`/exports/${id}/file`)).status).toBe(200);
  for (const path of ['', '/file', '/live']) expect((await customers.get(`/exports/${id}${path}`)).status).toBe(404);
  expect((await customers.post(`/exports/${id}/cancel`)).status).toBe(404);
  const kinds = new Set((await customers.get('/exports?limit=200')).body.data.map((row: { kind: string }) => row.kind));
  expect([...kinds].sort()).toEqual(['customers', 'list', 'segment']);
});

test('an export of another organization is not there', async () => {
  const otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  const bob = await api.signIn('owner', otherOrg);
  const id = await start({ kind: 'suppressions' }, bob);
  for (const path of ['', '/file', '/live']) expect((await admin.get(`/exports/${id}${path}`)).status).toBe(404);
  expect((await admin.post(`/exports/${id}/cancel`)).status).toBe(404);
});
