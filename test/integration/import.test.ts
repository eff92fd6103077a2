import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createImportActivities } from '../../activities/imports.ts';
import { createServices, type Services } from '../../api/services.ts';
import { eraseCustomers } from '../../infra/customers/erase.ts';
import { createAddressHash } from '../../infra/customers/erasure.ts';
import { HOLD_FIELDS } from '../../infra/fields/catalogue.ts';
import { importFiles } from '../../infra/imports/files.ts';
import { stagingTable } from '../../infra/imports/job.ts';
import { liveIndex } from '../../search/versions.ts';
import { asActivity } from '../support/activity.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const state = mkdtempSync(join(tmpdir(), 'fermata-import-'));
let organization: TestOrganization;
let services: Services;
let worker: WorkerProcess;

beforeAll(async () => {
  organization = await createTestOrganization({ config: { FERMATA_STATE_DIR: state } });
  services = createServices(organization.container);
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 90_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await organization?.close();
}, 90_000);

const upload = (content: string | Buffer, input: { listName?: string; start?: boolean } = {}) =>
  services.imports.upload(organization.orgId, 'Ada', Readable.from([Buffer.from(content)]), { fileName: 'people.csv', start: true, ...input });

async function ended(id: string) {
  for (let i = 0; i < 600; i++) {
    const job = await services.imports.get(organization.orgId, id);
    if (['completed', 'failed', 'cancelled'].includes(job.state)) return job;
    await sleep(100);
  }
  throw new Error('the import does not end');
}

test('a thousand rows with forty bad ones: 960 people once and 40 rejected with reasons, though the worker is killed midway', async () => {
  const bad = ['not-an-address', '', 'a b@example.com', 'ada@'];
  const lines = ['email,first_name,city,plan_type,signup_date,score'];
  for (let i = 0; i < 1_000; i++) {
    const email = i % 25 === 0 ? bad[(i / 25) % 4]! : `person${i}@example.com`;
    lines.push(`${email},"Name, ${i}",${i % 2 === 0 ? 'London' : 'Paris'},premium,2026-01-${String(1 + (i % 28)).padStart(2, '0')},${i % 100}`);
  }
  const { id } = await upload(`${lines.join('\n')}\n`, { listName: 'Kill test' });
  await sleep(150);
  await worker.kill('SIGKILL');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
  const job = await ended(id);
  expect(job).toMatchObject({ state: 'completed', rowsTotal: 1_000, rowsDone: 1_000, created: 960, updated: 0, skipped: 40, problem: null });
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    expect((await sql.first<{ n: number }>(`select count(*) as n from customer where email like 'person%'`))!.n).toBe(960);
    expect((await sql.first<{ n: number }>('select count(*) as n from list_member m join list l on l.id = m.list_id where l.name = $1', ['Kill test']))!.n).toBe(960);
    expect(await sql.rows('select key, type from custom_field order by key')).toEqual([{ key: 'plan_type', type: 'text' }, { key: 'signup_date', type: 'date' }]);
  });
  const rejected = (await readFile(importFiles(organization.container.config, organization.orgId, id).rejected, 'utf8')).trim().split('\n');
  expect(rejected).toHaveLength(41);
  expect(rejected[0]).toBe('email,first_name,city,plan_type,signup_date,score,line,reason');
  expect(rejected[1]).toContain('not-an-address,"Name, 0",London,premium,2026-01-01,0,2,');
  const rule = { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'london' }, { field: 'plan_type', operator: 'equals', value: 'Premium' }] };
  expect(await services.segments.count(organization.orgId, rule)).toMatchObject({ mailable: 480, total: 480 });
}, 120_000);

test('the same file again changes nobody; the last row of an address wins; a broken quote costs its own row', async () => {
  const first = await ended((await upload('email;vorname_x\nada@bücher.de;Ada\nbob@example.org;Bob\n')).id);
  expect(first).toMatchObject({ created: 2, updated: 0, skipped: 0 });
  const again = await ended((await upload('email;vorname_x\nada@xn--bcher-kva.de;Ada\nbob@example.org;Bob\nbob@example.org;Robert\n"broken;x\ncat@example.org;Cat\n')).id);
  expect(again).toMatchObject({ created: 1, updated: 2, skipped: 2, rowsTotal: 5 });
  const bob = (await services.customers.list(organization.orgId, { limit: 10, search: 'bob@example' })).data;
  expect(bob).toHaveLength(1);
  expect(bob[0]).toMatchObject({ email: 'bob@example.org', custom: { vorname_x: 'Robert' } });
}, 60_000);

test('a suppressed address stays suppressed when it is uploaded', async () => {
  await services.suppressions.add(organization.orgId, 'manual', { email: 'Never@Example.org', reason: 'unsubscribed' });
  await ended((await upload('email\nnever@example.org\n')).id);
  const [found] = (await services.customers.list(organization.orgId, { limit: 10, search: 'never@' })).data;
  expect(found).toMatchObject({ mailable: false, isUnsubscribed: true, suppressionStatus: 'suppressed' });
}, 60_000);

test('who was erased and suppressed stays suppressed when she is uploaded, and a stranger beside her is not', async () => {
  const { orgId, container } = organization;
  const hash = createAddressHash(container.secrets)('erased@example.org');
  await container.tenants.use(orgId, ({ sql }) => sql.run(`insert into suppression_hash (hash, reason, source) values ($1, 'complaint', 'webhook')`, [hash]));
  await ended((await upload('email\nErased@Example.org\nnew@example.org\n')).id);
  await container.tenants.use(orgId, async ({ sql }) => {
    expect(await sql.rows(`select email_key, mailable from customer where email_key in ('erased@example.org', 'new@example.org') order by 1`)).toEqual([{ email_key: 'erased@example.org', mailable: false }, { email_key: 'new@example.org', mailable: true }]);
    expect(await sql.rows(`select reason, source from suppression where email_key = 'erased@example.org'`)).toEqual([{ reason: 'complaint', source: 'webhook' }]);
    expect(await sql.rows('select 1 from suppression_hash')).toEqual([]);
  });
}, 60_000);

test('customers know the imports that wrote them, and only those', async () => {
  const written = async () => organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    const row = await sql.first<{ imports: number[]; version: number }>(`select imports, version from customer where email_key = 'often@example.org'`);
    return row && { files: (await sql.rows<{ file: string }>('select file_name as file from import_job where no = any($1) order by no', [row.imports])).map(({ file }) => file), version: row.version };
  });
  const named = (fileName: string, content: string, listName?: string) =>
    services.imports.upload(organization.orgId, 'Ada', Readable.from([Buffer.from(content)]), { fileName, start: true, ...(listName === undefined ? {} : { listName }) });
  await ended((await named('one.csv', 'email,city\noften@example.org,Rome\n')).id);
  await ended((await named('same.csv', 'email,city\noften@example.org,Rome\n')).id);
  expect(await written()).toEqual({ files: ['one.csv'], version: 1 });
  await ended((await named('list.csv', 'email,city\noften@example.org,\n', 'Often')).id);
  await ended((await named('city.csv', 'email,city\noften@example.org,Oslo\n', 'Often')).id);
  expect(await written()).toEqual({ files: ['one.csv', 'list.csv', 'city.csv'], version: 3 });
  // Of a long life the newest hundred.
  const long = (set: string) => organization.container.tenants.use(organization.orgId, ({ sql }) => sql.first(
    `update customer set ${set} where email_key = 'often@example.org' returning cardinality(imports) as known, imports[1] as first, imports[cardinality(imports)] > 0 as "isNewest"`));
  await long('imports = array(select generate_series(-99, 0))');
  await ended((await named('later.csv', 'email,city\noften@example.org,Bern\n')).id);
  expect(await long('imports = imports')).toEqual({ known: 100, first: -98, isNewest: true });
  await long('imports = array(select generate_series(-98, 0))');
  await ended((await named('last.csv', 'email,city\noften@example.org,Graz\n')).id);
  expect(await long('imports = imports')).toEqual({ known: 100, first: -98, isNewest: true });
}, 60_000);

test('the same file imported by two people at once: everybody once, no deadlock, the counts add up', async () => {
  const rows = Array.from({ length: 30_000 }, (_, i) => `twin${(i * 7_919) % 30_000}@example.net,Name ${i % 30_000}`);
  const content = `email,nick_twin\n${rows.join('\n')}\n`;
  const jobs = await Promise.all((await Promise.all([upload(content, { listName: 'Twins' }), upload(content, { listName: 'Twins' })])).map(({ id }) => ended(id)));
  expect(jobs).toMatchObject([{ state: 'completed', rowsTotal: 30_000, rowsDone: 30_000, skipped: 0, problem: null }, { state: 'completed', rowsTotal: 30_000, rowsDone: 30_000, skipped: 0, problem: null }]);
  expect(jobs[0]!.created + jobs[1]!.created).toBe(30_000);
  expect(jobs[0]!.updated + jobs[1]!.updated).toBe(30_000);
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    expect(await sql.first(`select count(*)::int as people, count(distinct email_key)::int as addresses from customer where email_key like 'twin%'`)).toEqual({ people: 30_000, addresses: 30_000 });
    expect(await sql.first(`select count(*)::int as n from list_member m join list l on l.id = m.list_id where l.name = 'Twins'`)).toEqual({ n: 30_000 });
    expect(await sql.rows(`select count(*)::int as n from custom_field where key = 'nick_twin'`)).toEqual([{ n: 1 }]);
  });
}, 120_000);

test('a file that comes in while the index is rebuilt is whole in the new one', async () => {
  const { orgId, container } = organization;
  const content = `email,city,tier_rebuilt\n${Array.from({ length: 40_000 }, (_, i) => `rebuilt${i}@example.net,Rebuiltville,${i % 3}`).join('\n')}\n`;
  const version = () => container.tenants.use(orgId, async (tenant) => (await liveIndex(tenant)).version);
  const before = await version();
  const { id } = await upload(content);
  await container.gateway.startReindex({ orgId, reason: 'rebuild' });
  expect(await ended(id)).toMatchObject({ state: 'completed', created: 40_000 });
  await expect.poll(version, { timeout: 60_000 }).toBeGreaterThan(before);
  const counted = async (field: string, value: unknown) => (await services.segments.count(orgId, { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Rebuiltville' }, { field, operator: 'equals', value }] })).total;
  expect(await counted('tier_rebuilt', 0)).toBe(13_334);
  expect(await counted('email', 'rebuilt39999@example.net')).toBe(1);
}, 180_000);

test.for([
  ['a file without an email column', 'name,city\nAda,London\n', /email address/],
  ['an empty file', '', /empty/],
  ['a binary file', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13, 0, 1, 2, 3, 0, 0, 7, 8]), /not a text file/],
  ['more than 500 columns', `email,${Array.from({ length: 500 }, (_, i) => `c${i}`).join(',')}\n`, /501 columns/],
  ['two columns for one field', 'email,Email\na@example.org,b@example.org\n', /same field/],
] as const)('%s is refused with the fix and nothing is kept', async ([, content, message]) => {
  const known = async () => (await services.imports.list(organization.orgId, { limit: 200 })).data.length;
  const before = await known();
  await expect(upload(content as string | Buffer)).rejects.toThrow(message);
  expect(await known()).toBe(before);
});

test('a cell of 1 MB costs its row', async () => {
  const job = await ended((await upload(`email,note_big\nbig@example.org,${'x'.repeat(1_048_576)}\nsmall@example.org,ok\n`)).id);
  expect(job).toMatchObject({ state: 'completed', created: 1, skipped: 1 });
}, 60_000);

test('an import whose file is gone is refused with what to do', async () => {
  const { id } = await upload('email\nlost@example.com\n', { start: false });
  await rm(importFiles(organization.container.config, organization.orgId, id).source);
  await expect(services.imports.start(organization.orgId, id, {})).rejects.toMatchObject({ code: 'invalid', message: 'The uploaded file is gone. Upload it again.' });
});

test('while a file is read a second time, nobody who is erased waits for it', async () => {
  const { id } = await upload('email,shoe\nagain@example.com,42\n', { start: false });
  const table = stagingTable(id);
  const { container, orgId } = organization;
  await container.tenants.use(orgId, async ({ sql }) => {
    await sql.run(`update import_job set state = 'validating' where id = $1`, [id]);
    await sql.run(`create table ${table} (email_key text)`);
    let staged: Promise<unknown> = Promise.resolve();
    // The new field waits for this lock, and the reading transaction stays open.
    await sql.transaction(async (held) => {
      await held.run(HOLD_FIELDS);
      staged = asActivity(createImportActivities(container, () => false).stageImport, { orgId, importId: id });
      await expect.poll(() => held.first(`select 1 from pg_locks where not granted and relation = 'custom_field'::regclass`), { timeout: 10_000 }).toBeDefined();
      await sql.transaction(async (tx) => {
        await tx.run(`set local lock_timeout = '2s'`);
        await eraseCustomers(tx, container.secrets, { customerIds: [], emailKeys: ['again@example.com'], neverMail: false, actor: 'Ada' });
      });
    });
    await staged;
    expect(await sql.first(`select count(*)::int as n from ${table} where no > 0`)).toEqual({ n: 1 });
    await sql.run(`update import_job set state = 'cancelled' where id = $1`, [id]);
    await sql.run(`drop table ${table}`);
  });
});
