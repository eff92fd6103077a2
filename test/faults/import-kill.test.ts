import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServices, type Services } from '../../api/services.ts';
import { importFiles } from '../../infra/imports/files.ts';
import { compareBuckets } from '../../search/reconcile.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { liveIndex } from '../../search/versions.ts';
import { longMinutes, Timeline } from '../support/timeline.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const ROWS = 250_000;
const BAD_EVERY = 25;
/** Addresses that come a second time at the end of the file. */
const TWICE = 500;
const GOOD = ROWS - ROWS / BAD_EVERY;
const KILLS = longMinutes > 0 ? 12 : 4;
/** Reading the file takes a second, applying its rows some five, the index follows: every kill hits one of these. */
const LONGEST_WAIT_MS = 1_500;

const state = mkdtempSync(join(tmpdir(), 'fermata-import-kill-'));
let organization: TestOrganization;
let services: Services;
let worker: WorkerProcess;

beforeAll(async () => {
  organization = await createTestOrganization({ config: { FERMATA_STATE_DIR: state } });
  services = createServices(organization.container);
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await organization?.close();
  rmSync(state, { recursive: true, force: true });
}, 120_000);

test('the worker that imports and indexes is killed at random points: nobody is lost or doubled, in the tables and in the index', async () => {
  const timeline = new Timeline('import');
  const { orgId, container } = organization;
  const lines = ['email,first_name,city,visits'];
  for (let i = 0; i < ROWS; i++) lines.push(`${i % BAD_EVERY === 0 ? `nobody${i}` : `person${i}@example.com`},Name ${i},Paris,${i % 50}`);
  for (let n = 0; n < TWICE; n++) lines.push(`PERSON${1 + n * BAD_EVERY}@example.com,Again ${n},Paris,7`);
  const { id } = await services.imports.upload(orgId, 'Ada', Readable.from([Buffer.from(`${lines.join('\n')}\n`)]), { fileName: 'many.csv', listName: 'Many', start: true });
  const standing = () => services.imports.get(orgId, id);
  const waiting = () => container.tenants.use(orgId, async ({ sql }) => (await sql.first<{ n: number }>('select count(*)::int as n from outbox'))!.n);
  const isOver = async () => (await standing()).state === 'completed' && (await waiting()) === 0;
  const marks = async () => {
    const { state: at, bytesDone, rowsDone } = await standing();
    return `${at}: ${bytesDone} bytes read, ${rowsDone} rows done, ${await waiting()} changes not indexed`;
  };
  const killAndReplace = async () => {
    await worker.kill('SIGKILL');
    const left = await marks();
    timeline.note(`killed while ${left}`);
    worker = await startWorker({ FERMATA_STATE_DIR: state });
    // A dead worker is noticed by its silence of 10 s; the next kill is to hit work, not the wait for it.
    await expect.poll(async () => (await isOver()) || (await marks()) !== left, { timeout: 60_000, interval: 10 }).toBe(true);
  };

  await expect.poll(async () => (await standing()).state, { timeout: 60_000, interval: 5 }).not.toBe('queued');
  for (let n = 0; n < KILLS && !(await isOver()); n++) {
    await sleep(timeline.random() * (n === 0 ? LONGEST_WAIT_MS / 4 : LONGEST_WAIT_MS));
    await killAndReplace();
  }
  await expect.poll(async () => (await standing()).state, { timeout: 120_000, interval: 100 }).toBe('completed');
  timeline.note('completed');
  expect(await standing()).toMatchObject({ rowsTotal: ROWS + TWICE, rowsDone: ROWS + TWICE, created: GOOD, updated: 0, skipped: ROWS / BAD_EVERY + TWICE, problem: null });
  await container.tenants.use(orgId, async (tenant) => {
    // Version 1: no batch was applied twice.
    expect(await tenant.sql.first(`select count(*)::int as people, max(version)::int as version, count(*) filter (where first_name like 'Again%')::int as again, max(cardinality(imports)) as written,
        (select count(*)::int from list_member) as members, (select sum(added - removed)::int from list_count) as counted from customer where email_key like 'person%'`))
      .toEqual({ people: GOOD, version: 1, again: TWICE, written: 1, members: GOOD, counted: GOOD });
    await expect.poll(waiting, { timeout: 90_000 }).toBe(0);
    const index = await liveIndex(tenant);
    await tenant.search.client.indices.refresh({ index: index.index });
    expect(await compareBuckets(tenant, index)).toEqual([]);
  });
  expect(await services.segments.count(orgId, { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'paris' }] })).toMatchObject({ total: GOOD });
  const rejected = (await readFile(importFiles(container.config, orgId, id).rejected, 'utf8')).trim().split('\n');
  expect(rejected).toHaveLength(1 + ROWS / BAD_EVERY + TWICE);
  expect(rejected.filter((line) => line.endsWith('Not an email address: expected a form like ada@example.com.'))).toHaveLength(ROWS / BAD_EVERY);
  expect(rejected.filter((line) => line.endsWith('the last row wins.'))).toHaveLength(TWICE);
}, 600_000);
