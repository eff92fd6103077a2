import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FREEZE_AUDIENCE } from '../../infra/customers/erase.ts';
import { createAddressHash } from '../../infra/customers/erasure.ts';
import { scrubImports } from '../../infra/customers/kept-files.ts';
import { suppress } from '../../infra/mail/ledger.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { createLaunchedCampaign, ledgerOf, type TestCampaign } from '../support/campaign.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** Erased people are nowhere, counts stay, and who was suppressed gets no mail when she comes again. */

const state = mkdtempSync(join(tmpdir(), 'fermata-erasure-'));
let api: TestApi;
let admin: TestUser;
let worker: WorkerProcess;
let sink: SmtpSink;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  admin = await api.signIn('admin');
  sink = await startSmtpSink();
  worker = await startWorker({ FERMATA_STATE_DIR: state, FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
  await admin.post('/fields', { key: 'secret', type: 'text' });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await sink?.close();
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const add = async (email: string, more: object = {}): Promise<number> => (await admin.post('/customers', { email, ...more })).body.id as number;
const ended = async (path: string): Promise<Reply['body']> => {
  await expect.poll(async () => (await admin.get(path)).body.state, { timeout: 60_000, interval: 50 }).toMatch(/completed|failed|cancelled/);
  return (await admin.get(path)).body;
};
const upload = async (content: string, query = 'start=true') => {
  const reply = await admin.request('POST', `/imports?fileName=people.csv&${query}`, content, { 'content-type': 'text/csv', 'idempotency-key': `k${Math.random()}` });
  expect(reply.status).toBe(201);
  return reply.body.id as string;
};
const searched = () => expect.poll(async () => (await sql('select 1 from erased_address')).length, { timeout: 60_000 }).toBe(0);

/** Where a text still stands: tables of the organization and kept files. */
async function tracesOf(...texts: string[]): Promise<string[]> {
  const found: string[] = [];
  const tables = await sql<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1");
  for (const { name } of tables) {
    for (const row of await sql<{ content: string }>(`select t::text as content from "${name}" t`)) if (texts.some((text) => row.content.toLowerCase().includes(text))) found.push(`${name}: ${row.content.slice(0, 200)}`);
  }
  for (const name of readdirSync(state, { recursive: true, encoding: 'utf8' })) {
    const path = join(state, name);
    if (statSync(path).isFile() && texts.some((text) => readFileSync(path, 'utf8').toLowerCase().includes(text))) found.push(name);
  }
  return found;
}

test('nothing of her is left anywhere, and the counts stay', async () => {
  const list = (await admin.post('/lists', { name: 'Erased' })).body;
  const id = await add('Canary@Example.com', { firstName: 'Canarina', listIds: [list.id], custom: { secret: 'feathers' } });
  await admin.patch(`/customers/${id}`, { email: 'canary.new@example.com', lastName: 'Yellow' });
  await admin.post('/suppressions', { email: 'canary.new@example.com', reason: 'unsubscribed', note: 'canary.new wants no mail' });
  // Imported, rejected (the bad row names her too), in a preview, and in a file that was never started.
  await ended(`/imports/${await upload('email,secret\ncanary.new@example.com,plumage\nother@example.com,x\n"canary.new@example.com" <canary.new@example.com>,y\n')}`);
  const untouched = await upload('email\nsomebody.else@example.com\n');
  await ended(`/imports/${untouched}`);
  const never = await upload('email;note\nnobody@example.com;see canary.new@example.com\n', '');
  const exported = (await admin.post('/exports', { kind: 'customers' })).body.id as string;
  expect(await ended(`/exports/${exported}`)).toMatchObject({ available: true });
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  await sql(`insert into message (mail_no, ordinal, customer_id, connection_no, state, reply, ended_at) values ($1, 1, $2, 1, 3, '550 <canary.new@example.com> unknown', now())`, [mail!.no, id]);
  await sql(`insert into mail_count (mail_no, hour, failed) values ($1, date_trunc('hour', now(), 'UTC'), 1)`, [mail!.no]);
  await sql(`insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, detail) values ('bounced', $2, $1, 1, now(), 'smtp', '{"class": "soft", "reply": "canary.new@example.com is full"}')`, [mail!.no, id]);
  await sql(`insert into caught_mail (sender, recipient, subject, size_bytes, source) values ('news@shop.example', 'Canary.New@example.com', 'For you', 3, 'abc'), ('news@shop.example', 'other@example.com, canary.new@example.com', 'For both', 3, 'abc'), ('news@shop.example', 'other@example.com', 'For other', 3, 'abc')`);
  expect((await tracesOf('canary')).length).toBeGreaterThan(8);

  expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
  await searched();
  expect(await tracesOf('canary', 'feathers', 'plumage')).toEqual([]);
  expect((await admin.get('/customers?search=canary&count=true')).body.count).toBe(0);
  expect((await admin.get(`/exports/${exported}/file`)).status).toBe(404);
  expect((await admin.get(`/imports/${never}`)).body).toMatchObject({ state: 'cancelled' });
  expect(readdirSync(state, { recursive: true, encoding: 'utf8' }).some((name) => name.includes(untouched))).toBe(true);
  expect(await sql('select state, reason, reply from message where mail_no = $1', [mail!.no])).toEqual([{ state: 3, reason: null, reply: null }]);
  expect(await sql('select type, customer_id, detail from event where mail_no = $1', [mail!.no])).toEqual([{ type: 'bounced', customer_id: null, detail: null }]);
  expect(await sql('select recipient from caught_mail')).toEqual([{ recipient: 'other@example.com' }]);
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(0);
  expect(await sql(`select subject, detail from audit where action = 'customer.erased'`)).toEqual([{ subject: `customer ${id}`, detail: null }]);
}, 120_000);

test('an upload that was not read yet does not bring back who is erased meanwhile, nor her suppression', async () => {
  const ids = [await add('between@example.com'), await add('between.gone@example.com')];
  await admin.post('/suppressions', { email: 'between.gone@example.com', reason: 'complaint' });
  const importId = await upload('email\nbetween@example.com\nbetween.gone@example.com\nbeside@example.com\n', '');
  await sql(`update import_job set state = 'queued' where id = $1`, [importId]);
  for (const id of ids) expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
  await api.container.gateway.startImport({ orgId: api.orgId, importId });
  expect(await ended(`/imports/${importId}`)).toMatchObject({ state: 'completed', created: 1, updated: 0 });
  await searched();
  expect(await tracesOf('between')).toEqual([]);
  expect((await admin.post('/customers', { email: 'between.gone@example.com' })).body).toMatchObject({ mailable: false, suppressionStatus: 'suppressed' });
}, 120_000);

test.each(['not read yet', 'read and not applied'])('a file of suppressions that is %s does not bring back who is erased meanwhile, but blocks her', async (when) => {
  const [gone, here] = [`${when === 'not read yet' ? 'early' : 'late'}.gone@example.com`, `${when === 'not read yet' ? 'early' : 'late'}.here@example.com`];
  const ids = [await add(gone), await add(here)];
  const reply = await admin.request('POST', '/suppressions/import?fileName=list.csv', `email\n${here}\n${gone}\n`, { 'content-type': 'text/csv' });
  const importId = reply.body.id as string;
  const { pool } = await api.container.tenants.use(api.orgId, (tenant) => Promise.resolve(tenant));
  const holder = await pool.connect();
  try {
    if (when === 'not read yet') await sql(`update import_job set state = 'queued' where id = $1`, [importId]);
    else {
      // The batch waits for a customer row, and gives way: what is staged is there, and nothing of it applied.
      await holder.query('begin');
      await holder.query('select 1 from customer where id = $1 for update', [ids[1]]);
      await admin.post(`/imports/${importId}/start`);
      await expect.poll(() => sql(`select 1 as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`), { timeout: 30_000 }).toHaveLength(1);
      await sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    }
    expect((await admin.delete(`/customers/${ids[0]}`)).status).toBe(204);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  if (when === 'not read yet') await api.container.gateway.startImport({ orgId: api.orgId, importId });
  expect(await ended(`/imports/${importId}`)).toMatchObject({ state: 'completed', created: 1 });
  // The file itself goes when kept files are searched, as everywhere.
  expect((await tracesOf(gone)).filter((trace) => trace.includes(': '))).toEqual([]);
  expect((await admin.get(`/customers/${ids[1]}`)).body).toMatchObject({ suppressionStatus: 'suppressed' });
  expect((await admin.post('/customers', { email: gone })).body).toMatchObject({ mailable: false, suppressionStatus: 'suppressed' });
}, 120_000);

test('an upload that is started while its file is searched keeps it, and is searched again when it has ended', async () => {
  const importId = await upload('email\nstarted@example.com\n', '');
  const scope = { config: api.container.config, secrets: api.container.secrets, orgId: api.orgId };
  const hash = createAddressHash(api.container.secrets)('started@example.com');
  const scrub = (only: string[] | null, meanwhile?: string) => api.container.tenants.use(api.orgId, ({ sql: real }) => scrubImports({
    ...real,
    run: async (query, values) => {
      if (meanwhile !== undefined && String(query).includes('update import_job')) await real.run(meanwhile, [importId]);
      return real.run(query, values);
    },
  }, scope, only, () => undefined));
  const isKept = () => readdirSync(state, { recursive: true, encoding: 'utf8' }).some((name) => name.includes(importId));
  await sql('insert into erased_address (hash) values ($1)', [hash]);
  expect(await scrub(null, `update import_job set state = 'queued' where id = $1`)).toEqual([importId]);
  expect([isKept(), (await admin.get(`/imports/${importId}`)).body.state]).toEqual([true, 'queued']);

  // Somebody erased since waits for a search of all files; those searched for already need only this one.
  await sql(`insert into erased_address (hash) values ('later')`);
  await sql(`update import_job set state = 'completed' where id = $1`, [importId]);
  expect(await scrub([importId])).toEqual([]);
  expect(isKept()).toBe(false);
  expect(await sql(`select convert_from(hash, 'UTF8') as hash from erased_address`)).toEqual([{ hash: 'later' }]);
  await sql(`delete from erased_address`);
}, 60_000);

test('an unsubscribed customer erased and uploaded again gets no mail, by whatever way she comes', async () => {
  const hidden = (await sql('select 1 from suppression_hash')).length;
  for (const [i, way] of ['file', 'added', 'put', 'batch', 'renamed'].entries()) {
    const email = `again${i}@example.com`;
    const id = await add(email);
    await admin.post('/suppressions', { email, reason: i === 0 ? 'hard_bounce' : 'unsubscribed' });
    expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
    expect((await admin.get(`/suppressions?search=${email}`)).body.data).toEqual([]);
    if (way === 'file') expect(await ended(`/imports/${await upload(`email\n${email}\n`)}`)).toMatchObject({ state: 'completed', created: 1 });
    if (way === 'added') await admin.post('/customers', { email: email.toUpperCase() });
    if (way === 'put') await admin.request('PUT', `/customers/by-email/${email}`, {});
    if (way === 'batch') await admin.post('/customers/batch', { customers: [{ email }, { email: 'fresh@example.com' }] });
    if (way === 'renamed') await admin.patch(`/customers/${await add('before@example.com')}`, { email });
    expect(await sql('select mailable, is_suppressed, is_unsubscribed, is_bounced from customer where email_key = $1', [email]), way).toEqual([{ mailable: false, is_suppressed: true, is_unsubscribed: i !== 0, is_bounced: i === 0 }]);
    expect((await admin.get(`/suppressions?search=${email}`)).body.data).toEqual([expect.objectContaining({ reason: i === 0 ? 'hard_bounce' : 'unsubscribed' })]);
  }
  expect(await sql(`select mailable from customer where email_key = 'fresh@example.com'`)).toEqual([{ mailable: true }]);
  expect((await sql('select 1 from suppression_hash')).length).toBe(hidden);
}, 120_000);

test('never mail this address again blocks her though she was not suppressed; without it she may come back', async () => {
  for (const [email, neverMail] of [['never@example.com', true], ['welcome@example.com', false]] as const) {
    expect((await admin.delete(`/customers/${await add(email)}?neverMail=${neverMail}`)).status).toBe(204);
    expect((await admin.post('/customers', { email })).body.mailable).toBe(!neverMail);
  }
});

test('an erased recipient of a running campaign is skipped, and the campaign completes with counts that agree', async () => {
  const recipients = Array.from({ length: 60 }, (_, i) => `slow-100.e${i}@x.example`);
  const campaign: TestCampaign = await createLaunchedCampaign({ orgId: api.orgId, container: api.container, close: () => Promise.resolve() }, { recipients, port: sink.port, parallel: 2 });
  await api.container.gateway.startCampaign(campaign);
  const ledger = () => ledgerOf({ orgId: api.orgId, container: api.container, close: () => Promise.resolve() }, campaign.mailNo);
  await expect.poll(async () => (await ledger())['sent'] ?? 0, { timeout: 60_000, interval: 20 }).toBeGreaterThan(4);
  const [sending, pending] = [await sql<{ id: number }>('select customer_id as id from message where mail_no = $1 and state = 1', [campaign.mailNo]), await sql<{ id: number }>('select customer_id as id from message where mail_no = $1 and state = 0 order by ordinal desc limit 10', [campaign.mailNo])];
  const ids = [...sending, ...pending].map((row) => row.id);
  await Promise.all(ids.map(async (id) => expect((await admin.delete(`/customers/${id}`)).status).toBe(204)));
  await expect.poll(async () => (await sql<{ state: string }>('select state from campaign where id = $1', [campaign.campaignId]))[0]!.state, { timeout: 90_000 }).toBe('completed');
  const counts = await ledger();
  expect(counts['pending'] ?? 0).toBe(0);
  expect(counts['sending'] ?? 0).toBe(0);
  expect(counts['skipped']).toBeGreaterThanOrEqual(10);
  expect(await sql('select distinct reason, reply from message where mail_no = $1 and state = 4', [campaign.mailNo])).toEqual([{ reason: 'erased', reply: null }]);
  const [counted] = await sql('select sum(sent)::int as sent, sum(skipped)::int as skipped, sum(failed)::int as failed, sum(in_doubt)::int as in_doubt from mail_count where mail_no = $1', [campaign.mailNo]);
  expect(counted).toEqual({ sent: counts['sent'], skipped: counts['skipped'], failed: counts['failed'] ?? 0, in_doubt: counts['in_doubt'] ?? 0 });
  const delivered = (await sink.rows()).filter((row) => row.recipient.startsWith('slow-100.e')).map((row) => row.recipient);
  expect(new Set(delivered).size).toBe(delivered.length);
}, 180_000);

test('an audience frozen at the moment of an erasure does not hold the campaign up', async () => {
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  await sql(`insert into campaign (id, mail_no, name, created_by, state, phase) values (gen_random_uuid(), $1, 'Freezing', 'Ada', 'running', 'resolving')`, [mail!.no]);
  const id = await add('frozen@example.com');
  // The freeze's transaction has seen her; the erasure commits before it.
  const { pool } = await api.container.tenants.use(api.orgId, (tenant) => Promise.resolve(tenant));
  const freezing = await pool.connect();
  await freezing.query('begin');
  await freezing.query(FREEZE_AUDIENCE);
  await freezing.query('insert into message (mail_no, ordinal, customer_id, connection_no) values ($1, 1, $2, 1)', [mail!.no, id]);
  expect((await admin.delete(`/customers/${id}`)).status).toBe(204);
  await freezing.query('commit');
  freezing.release();
  await expect.poll(() => sql('select state, reason from message where mail_no = $1', [mail!.no]), { timeout: 60_000 }).toEqual([{ state: 4, reason: 'erased' }]);
  await sql(`update campaign set state = 'cancelled', phase = null where mail_no = $1`, [mail!.no]);
}, 90_000);

test('an export that runs while somebody is erased begins again, and does not hold her', async () => {
  for (let from = 0; from < 30_000; from += 1_000) {
    await admin.post('/customers/batch', { customers: Array.from({ length: 1_000 }, (_, i) => ({ email: `run${from + i}@run.example`, lastName: 'x'.repeat(300) })) });
  }
  const early = (await sql<{ id: number }>(`select id from customer where email_key = 'run1@run.example'`))[0]!.id;
  const exportId = (await admin.post('/exports', { kind: 'customers' })).body.id as string;
  await expect.poll(() => readdirSync(state, { recursive: true, encoding: 'utf8' }).some((name) => name.includes(exportId) && name.endsWith('.part') && statSync(join(state, name)).size > 100_000), { timeout: 60_000, interval: 2 }).toBe(true);
  expect((await admin.delete(`/customers/${early}`)).status).toBe(204);
  await ended(`/exports/${exportId}`);
  const file = await admin.get(`/exports/${exportId}/file`);
  // Had it ended before the erasure, its file would be gone.
  if (file.status === 200) expect(file.body).not.toContain('run1@run.example');
  else expect(file.status).toBe(404);
}, 120_000);

test('adding, changing, listing, suppressing and erasing the same people at once never fails', async () => {
  const emails = Array.from({ length: 12 }, (_, i) => `busy${i}@example.com`);
  const ids = await Promise.all(emails.map((email) => add(email)));
  const list = (await admin.post('/lists', { name: 'Busy' })).body;
  const replies: number[] = [];
  const note = async (reply: Promise<Reply>) => void replies.push((await reply).status);
  for (let round = 0; round < 6; round++) {
    await Promise.all([
      note(admin.post('/customers/batch', { customers: [...emails].reverse().map((email) => ({ email, city: `City ${round}`, listIds: [list.id] })) })),
      note(admin.post('/customers/batch', { customers: emails.map((email) => ({ email, firstName: `Name ${round}` })) })),
      ...emails.map((email, i) => note(admin.request('PUT', `/customers/by-email/${email}`, { score: round * 100 + i }))),
      ...emails.slice(0, 4).map((email) => note(admin.post('/suppressions', { email, reason: 'manual' }))),
      note(admin.request('DELETE', `/lists/${list.id}/members`, { emails })),
      api.container.tenants.use(api.orgId, ({ sql }) => sql.transaction((tx) => suppress(tx, { customerIds: ids, reason: 'unsubscribed', source: 'tracking_link', causes: ids.map(() => '') }))),
      note(admin.delete(`/customers/${ids[round]}?neverMail=true`)),
      ...Array.from({ length: 4 }, (_, i) => note(admin.post('/customers', { email: `busy-new-${round}-${i}@example.com` }))),
    ]);
  }
  // Who is erased while she is written may be a conflict, or gone when she is to be shown; nothing else may go wrong.
  expect(replies.filter((status) => ![200, 201, 204, 404, 409].includes(status))).toEqual([]);
  const [standing] = await sql<{ wrong: number }>(`select count(*)::int as wrong from customer c where c.is_suppressed <> exists (select 1 from suppression p where p.email_key = c.email_key)`);
  expect(standing!.wrong).toBe(0);
}, 120_000);
