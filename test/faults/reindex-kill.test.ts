import { afterAll, beforeAll, expect, test } from 'vitest';
import { countRule } from '../../search/population.ts';
import { compareBuckets } from '../../search/reconcile.ts';
import { liveIndex } from '../../search/versions.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const PEOPLE = 60_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

let organization: TestOrganization;
let worker: WorkerProcess;
beforeAll(async () => {
  organization = await createTestOrganization();
  worker = await startWorker();
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await organization?.close();
}, 120_000);

test(`an index is built again while people change and workers are killed (SEED=${seed})`, async () => {
  const { orgId, container } = organization;
  const { tenants, gateway } = container;
  let random = seed;
  const next = (below: number) => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0) % below;
  await tenants.use(orgId, async ({ sql }) => {
    await sql.run(`insert into custom_field (key, label, type, wanted_type, slot) values ('spent', 'Spent', 'text', 'text', 'k0')`);
    await sql.run(`insert into customer (email, email_key, custom) select e, e, jsonb_build_object('spent', (i % 100)::text) from generate_series(1, $1::int) i, lateral (select 'p' || i || '@example.com' as e) a`, [PEOPLE]);
    await sql.run(`insert into outbox (topic, ids) select 'customer', array_agg(id) from customer group by id / 5000`);
    await sql.run(`update custom_field set wanted_type = 'number' where key = 'spent'`);
  });
  gateway.nudgeOutbox(orgId);

  let isChanging = true;
  let changes = 0;
  const changing = (async () => {
    for (; isChanging; changes += 20) {
      const ids = Array.from({ length: 20 }, () => 1 + next(PEOPLE)).sort((a, b) => a - b);
      await tenants.use(orgId, ({ sql }) => sql.run(
        `with touched as (update customer set custom = custom || '{"spent": "5000"}', version = version + 1 where id = any($1) returning id) insert into outbox (topic, ids) select 'customer', array_agg(id) from touched`, [ids]));
      gateway.nudgeOutbox(orgId);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();

  await gateway.startReindex({ orgId, reason: 'fields' });
  const standing = () => tenants.use(orgId, async ({ sql }) => (await sql.first<{ version: number; done: number }>('select version, customers_done::int as done from search_index order by version desc limit 1'))!);
  const timeline: string[] = [];
  for (let kill = 0; kill < 3; kill++) {
    const goal = (await standing()).done + next(PEOPLE / 4);
    await expect.poll(async () => (await standing()).version === 2 && (await standing()).done >= Math.min(goal, PEOPLE), { timeout: 90_000, interval: 20 }).toBe(true);
    await worker.kill('SIGKILL');
    timeline.push(`killed at ${(await standing()).done} of ${PEOPLE}`);
    worker = await startWorker();
  }
  await expect.poll(() => tenants.use(orgId, async (tenant) => (await liveIndex(tenant)).version), { timeout: 120_000, interval: 100 }).toBe(2);
  isChanging = false;
  await changing;
  process.stderr.write(`${timeline.join(', ')}, ${changes} changes meanwhile\n`);

  await tenants.use(orgId, async (tenant) => {
    const expected = (await tenant.sql.first<{ n: number }>(`select count(*)::int as n from customer where (custom->>'spent')::int >= 5000`))!.n;
    expect(expected).toBeGreaterThan(0);
    expect(await countRule(tenant, { op: 'and', parts: [{ field: 'spent', operator: 'at_least', value: 5_000 }] })).toEqual({ mailable: expected, total: expected });
    expect((await countRule(tenant, { op: 'and', parts: [] })).total).toBe(PEOPLE);
    expect(await compareBuckets(tenant, await liveIndex(tenant))).toEqual([]);
  });
}, 300_000);
