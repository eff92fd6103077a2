import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServices, type Services } from '../../api/services.ts';
import { importFiles } from '../../infra/imports/files.ts';
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
