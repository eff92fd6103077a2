import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createImportService } from '../../api/modules/imports/service.ts';
import { importFiles } from '../../infra/imports/files.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const ROWS = 60_000;
const BAD_EVERY = 25;
const GOOD = ROWS - ROWS / BAD_EVERY;

const state = mkdtempSync(join(tmpdir(), 'fermata-import-kill-'));
let organization: TestOrganization;
let worker: WorkerProcess;

beforeAll(async () => {
  organization = await createTestOrganization({ config: { FERMATA_STATE_DIR: state } });
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await organization?.close();
  rmSync(state, { recursive: true, force: true });
}, 120_000);

test('a worker killed while it reads the file and twice while it applies rows loses nobody and doubles nobody', async () => {
  const { orgId, container } = organization;
  const imports = createImportService(container);
  const timeline: string[] = [];
  const startedAt = performance.now();
  const note = (line: string) => timeline.push(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s ${line}`);
  const lines = ['email,first_name,city,visits'];
  for (let i = 0; i < ROWS; i++) lines.push(`${i % BAD_EVERY === 0 ? `nobody${i}` : `person${i}@example.com`},Name ${i},Paris,${i % 50}`);
  const { id } = await imports.upload(orgId, 'Ada', Readable.from([Buffer.from(`${lines.join('\n')}\n`)]), { fileName: 'many.csv', listName: 'Many', start: true });
  const standing = () => imports.get(orgId, id);
  const killAndReplace = async () => {
    await worker.kill('SIGKILL');
    const { state: at, rowsDone } = await standing();
    note(`killed while ${at} at ${rowsDone} rows`);
    worker = await startWorker({ FERMATA_STATE_DIR: state });
  };

  await expect.poll(async () => (await standing()).state, { timeout: 60_000, interval: 10 }).not.toBe('queued');
  await killAndReplace();
  for (const goal of [ROWS / 4, ROWS / 2]) {
    await expect.poll(async () => (await standing()).rowsDone, { timeout: 120_000, interval: 10 }).toBeGreaterThan(goal);
    await killAndReplace();
  }
  await expect.poll(async () => (await standing()).state, { timeout: 120_000, interval: 100 }).toBe('completed');
  note('completed');
  process.stderr.write(`${timeline.join('\n')}\n`);

  expect(await standing()).toMatchObject({ rowsTotal: ROWS, rowsDone: ROWS, created: GOOD, updated: 0, skipped: ROWS / BAD_EVERY, problem: null });
  await container.tenants.use(orgId, async ({ sql, search }) => {
    // Version 1: no batch was applied twice.
    expect(await sql.first(`select count(*)::int as people, max(version)::int as version, (select count(*)::int from list_member) as members from customer where email like 'person%'`))
      .toEqual({ people: GOOD, version: 1, members: GOOD });
    await expect.poll(async () => (await sql.first<{ n: number }>('select count(*)::int as n from outbox'))?.n, { timeout: 60_000 }).toBe(0);
    await search.client.indices.refresh({ index: search.customers });
    expect((await search.client.count({ index: search.customers, query: { term: { city: 'paris' } } })).count).toBe(GOOD);
  });
  const rejected = (await readFile(importFiles(container.config, orgId, id).rejected, 'utf8')).trim().split('\n');
  expect(rejected).toHaveLength(1 + ROWS / BAD_EVERY);
  expect(rejected.slice(1).every((line) => line.endsWith('Not an email address: expected a form like ada@example.com.'))).toBe(true);
}, 300_000);
