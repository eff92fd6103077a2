import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCustomerService } from '../../api/modules/customers/service.ts';
import { createSegmentService } from '../../api/modules/segments/service.ts';
import { countRule } from '../../search/population.ts';
import { compareBuckets } from '../../search/reconcile.ts';
import { liveIndex } from '../../search/versions.ts';
import { enters, graphOf, wait } from '../support/journey-dsl.ts';
import { journeyRows } from '../support/journey-rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

const rule = { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'Oslo' }] };

let proxy: Proxy;
let organization: TestOrganization;
let worker: WorkerProcess;
beforeAll(async () => {
  proxy = await startProxy(process.env['ELASTICSEARCH_URL'] ?? '');
  organization = await createTestOrganization({ config: { ELASTICSEARCH_URL: proxy.url } });
  worker = await startWorker({ ELASTICSEARCH_URL: proxy.url });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await organization?.close();
  await proxy?.close();
}, 120_000);

test('while the index is away people are written and read, counts say so in words, and it catches up by itself', async () => {
  const { orgId, container } = organization;
  const customers = createCustomerService(container);
  const segments = createSegmentService(container, customers);
  const add = async (from: number, to: number) => {
    for (let i = from; i < to; i++) await customers.create(orgId, { email: `p${i}@example.com`, city: 'Oslo' });
  };
  await add(0, 20);
  expect(await segments.count(orgId, rule)).toMatchObject({ total: 20 });

  await proxy.close();
  await add(20, 50);
  expect((await customers.list(orgId, { limit: 50 })).data).toHaveLength(50);
  const segment = await segments.create(orgId, { name: 'Oslo', description: '', rule });
  expect(segment.sentence).toBe('City is “Oslo”');
  await expect(segments.count(orgId, rule)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/search index (cannot be reached|is \d+ s behind)/) as unknown });

  await proxy.open();
  await expect.poll(() => segments.count(orgId, rule).catch(() => null), { timeout: 60_000, interval: 200 }).toMatchObject({ total: 50 });
  await container.tenants.use(orgId, async (tenant) => {
    expect(await countRule(tenant, { op: 'and', parts: [] })).toEqual({ total: 50, mailable: 50 });
    expect(await compareBuckets(tenant, await liveIndex(tenant))).toEqual([]);
    expect(await tenant.sql.rows('select * from index_failure')).toEqual([]);
  });
}, 180_000);

test('while the index is away journeys go on: an event lets her in, and an unsubscribe ends her run', async () => {
  const rows = await journeyRows(organization);
  const journey = await rows.publish(graphOf(enters({ kind: 'custom', name: 'cart_abandoned', filters: [] }), wait('3d')));
  const [ada, bob] = await rows.people('ada@away.example', 'bob@away.example');
  const { gateway } = organization.container;
  const after = async (act: () => Promise<unknown>, holds: () => Promise<boolean>) => {
    const startedAt = performance.now();
    await act();
    gateway.nudgeOutbox(organization.orgId);
    await expect.poll(holds, { timeout: 20_000, interval: 20 }).toBe(true);
    return performance.now() - startedAt;
  };
  await proxy.close();
  // Changes wait for the index all the while.
  await rows.sql.run(`update customer set version = version + 1 where id = $1`, [bob]);
  await rows.sql.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[bob]]);
  gateway.nudgeOutbox(organization.orgId);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const entered = await after(() => rows.happen({ customerId: ada!, type: 'custom', name: 'cart_abandoned' }), async () => (await rows.runs(journey)).length === 1);
  const left = await after(() => rows.happen({ customerId: ada!, type: 'unsubscribed' }), async () => (await rows.runs(journey))[0]?.reason === 'unsubscribed');
  process.stderr.write(`entered after ${Math.round(entered)} ms, left after ${Math.round(left)} ms\n`);
  expect(Math.max(entered, left)).toBeLessThan(2_000);
  expect(await rows.sql.rows(`select 1 from outbox where topic = 'customer' limit 1`)).toHaveLength(1);
  await proxy.open();
  await expect.poll(() => rows.sql.rows('select 1 from outbox'), { timeout: 60_000 }).toEqual([]);
}, 180_000);
