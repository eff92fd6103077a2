import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainRound, forgetFailures, keepFailures } from '../../activities/indexing.ts';
import { createHealthService } from '../../api/modules/health/service.ts';
import { addField } from '../../infra/fields/catalogue.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { indexCustomers } from '../../search/indexer.ts';
import { customerAlias } from '../../search/names.ts';
import { countRule, streamFiltered } from '../../search/population.ts';
import { backfillStep, beginRebuild, handOver, removeRetired } from '../../search/rebuild.ts';
import { compareBuckets, repairBuckets } from '../../search/reconcile.ts';
import { liveIndex, writtenIndexes } from '../../search/versions.ts';
import { followOutbox } from '../support/indexing.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

const PEOPLE = 2_000;
let organization: TestOrganization;
let stopFollowing: () => Promise<void>;
beforeAll(async () => {
  organization = await createTestOrganization({ timezone: 'UTC' });
  stopFollowing = followOutbox(organization);
  await use(async ({ sql }) => {
    await sql.run(`insert into custom_field (key, label, type, wanted_type, slot) values ('spent', 'Spent', 'text', 'text', 'k0'), ('joined', 'Joined', 'date', 'date', 'd0')`);
    await sql.run(
      `with made as (insert into customer (email, email_key, custom) select e, e, jsonb_build_object('spent', case when i % 10 = 0 then 'n/a' else (i % 100)::text end, 'joined', '2026-01-31')
         from generate_series(1, $1::int) i, lateral (select 'p' || i || '@example.com' as e) a returning id)
       insert into outbox (topic, ids) select 'customer', array_agg(id) from made`, [PEOPLE]);
  });
}, 60_000);
afterAll(async () => {
  await stopFollowing();
  await organization.close();
});

const use = <T>(work: (tenant: Tenant) => Promise<T>) => organization.container.tenants.use(organization.orgId, work);
const count = (field: string, operator: string, value: unknown) => use(async (tenant) => (await countRule(tenant, { op: 'and', parts: [{ field, operator, value }] })).total);
const backfill = () => use(async (tenant) => { while ((await backfillStep(tenant, () => undefined)).left); });
const touch = (id: number, custom: object) => use(({ sql }) => sql.run(
  `with touched as (update customer set custom = custom || $2, version = version + 1 where id = $1 returning id) insert into outbox (topic, ids) select 'customer', array_agg(id) from touched`, [id, JSON.stringify(custom)]));

test('a field changes its type while reads go on with the old one', async () => {
  expect(await count('spent', 'equals', '42')).toBe(PEOPLE / 100);
  await use(({ sql }) => sql.run(`update custom_field set wanted_type = 'number' where key = 'spent'`));
  expect(await use((tenant) => beginRebuild(tenant, 'fields'))).toBe(true);
  expect((await use(writtenIndexes)).map(({ version, isLive, catalogue }) => [version, isLive, catalogue[0]!.type, catalogue[0]!.slot])).toEqual([[1, true, 'text', 'k0'], [2, false, 'number', 'n0']]);

  // Changed before the backfill reads her and after: both versions hear of it.
  await touch(3, { spent: '1000' });
  expect(await count('spent', 'equals', '1000')).toBe(1);
  await backfill();
  await touch(4, { spent: '2000' });
  expect(await count('spent', 'equals', '2000')).toBe(1);
  await expect(count('spent', 'at_least', 1_000)).rejects.toThrow(/for number fields; this one is a text/);

  await use((tenant) => handOver(tenant, () => undefined));
  expect(await count('spent', 'at_least', 1_000)).toBe(2);
  expect(await count('spent', 'less_than', 50)).toBe(await use(async ({ sql }) => (await sql.first<{ n: number }>(`select count(*) as n from customer where custom->>'spent' ~ '^[0-9]+$' and (custom->>'spent')::int < 50`))!.n));
  // Misfits are set and otherwise missing.
  expect(await count('spent', 'is_set', undefined)).toBe(PEOPLE);
  expect(await use((tenant) => tenant.search.client.indices.existsAlias({ name: customerAlias(organization.orgId), index: `${customerAlias(organization.orgId)}-v2` }))).toBe(true);

  await use((tenant) => removeRetired(tenant));
  expect(await use((tenant) => tenant.search.client.indices.exists({ index: `${customerAlias(organization.orgId)}-v1` }))).toBe(false);
  expect(await use((tenant) => beginRebuild(tenant, 'fields'))).toBe(false);
}, 60_000);

test('begun again after a crash it goes on where it was, and repeats nothing but a step', async () => {
  expect(await use((tenant) => beginRebuild(tenant, 'rebuild'))).toBe(true);
  expect((await use((tenant) => backfillStep(tenant, () => undefined))).left).toBe(true);
  expect(await use((tenant) => beginRebuild(tenant, 'timezone'))).toBe(true);
  await backfill();
  await use((tenant) => handOver(tenant, () => undefined));
  await use((tenant) => handOver(tenant, () => undefined));
  expect(await use(async ({ sql }) => sql.rows(`select version, state, customers_done as done from search_index order by version`))).toEqual(expect.arrayContaining([{ version: 3, state: 'live', done: PEOPLE }]));
  expect(await count('spent', 'is_set', undefined)).toBe(PEOPLE);
}, 60_000);

test('an organization that moves to another zone has its days moved', async () => {
  expect(await count('joined', 'equals', '2026-01-31')).toBe(PEOPLE);
  await organization.container.control.run(`update tenant set timezone = 'Asia/Tokyo' where id = $1`, [organization.orgId]);
  organization.container.tenants.forget(organization.orgId);
  // Until it is built again both sides know the old days.
  expect(await count('joined', 'equals', '2026-01-31')).toBe(PEOPLE);
  expect(await use((tenant) => beginRebuild(tenant, 'timezone'))).toBe(true);
  await backfill();
  await use((tenant) => handOver(tenant, () => undefined));
  expect((await use(liveIndex)).zone).toBe('Asia/Tokyo');
  expect(await count('joined', 'equals', '2026-01-31')).toBe(PEOPLE);
  expect(await count('joined', 'equals', '2026-01-31T00:00:00+09:00')).toBe(PEOPLE);
}, 60_000);

test('the comparison finds what differs, and only that is written again', async () => {
  await count('spent', 'is_set', undefined);
  const live = await use(liveIndex);
  expect(await use((tenant) => compareBuckets(tenant, live))).toEqual([]);
  await use(async ({ search: { client }, sql }) => {
    await client.delete({ index: live.index, id: '17', version: 1, version_type: 'external_gte' });  // missing
    await client.index({ index: live.index, id: '5000', document: { id: 5_000, email: 'nobody@example.com', version: 1, mailable: true } });  // of nobody
    await sql.run('update customer set version = version + 5 where id = 900');  // older than its row, and nobody told
    await client.index({ index: live.index, id: '1200', version: 5_000, version_type: 'external_gte', document: { id: 1_200, email: 'p1200@example.com', version: 5_000, mailable: true } });  // newer: the tables are a backup
    await client.indices.refresh({ index: live.index });
  });
  const differing = await use((tenant) => compareBuckets(tenant, live));
  expect(differing.length).toBe(4);
  expect(await use((tenant) => repairBuckets(tenant, live, differing))).toEqual({ repaired: 4, left: 0, failures: [] });
  await use(({ search: { client } }) => client.indices.refresh({ index: live.index }));
  expect(await use((tenant) => compareBuckets(tenant, live))).toEqual([]);
  expect(await count('spent', 'is_set', undefined)).toBe(PEOPLE);
  expect(await count('email', 'equals', 'nobody@example.com')).toBe(0);
}, 60_000);

test('a question whose wait saw another version take over is asked of that one', async () => {
  expect(await use((tenant) => beginRebuild(tenant, 'rebuild'))).toBe(true);
  await backfill();
  await stopFollowing();
  await touch(5, { spent: '3000' });
  const found = await use(async (tenant) => {
    let waits = 0;
    const takeOver = async () => {
      await tenant.sql.transaction(async (tx) => {
        await tx.run(`update search_index set state = 'retired' where state = 'live'`);
        await tx.run(`update search_index set state = 'live' where state = 'building'`);
        await tx.run('update custom_field set slot = next_slot, next_type = null, next_slot = null');
      });
      await drainRound(tenant, () => undefined);
    };
    const ids: number[] = [];
    const rule = { op: 'and', parts: [{ field: 'spent', operator: 'equals', value: 3_000 }] } as const;
    for await (const page of streamFiltered(tenant, { rule }, { onWait: () => void (++waits === 1 && void takeOver()) })) ids.push(...page);
    return ids;
  });
  expect(found).toEqual([5]);
  stopFollowing = followOutbox(organization);
}, 60_000);

test('who is written for one version alone has the fields that came after it was looked up', async () => {
  const before = await use(liveIndex);
  await use((tenant) => tenant.sql.transaction((tx) => addField(tx, { key: 'late', label: 'Late', type: 'number' })));
  await use(async (tenant) => {
    await tenant.sql.run(`update customer set custom = custom || '{"late": "7"}', version = version + 1 where id = 6`);
    expect(await indexCustomers(tenant, [6], { only: before })).toEqual([]);
  });
  expect(await count('late', 'equals', 7)).toBe(1);
}, 60_000);

/** Documents of these customers reach the index in a shape it refuses. */
const spoiling = (...ids: number[]) => (tenant: Tenant): Tenant => {
  const client = Object.create(tenant.search.client) as Tenant['search']['client'];
  client.bulk = ((asked: { operations: string[] }) => tenant.search.client.bulk({
    ...asked, operations: asked.operations.map((part, i, all) => (i % 2 === 1 && ids.some((id) => all[i - 1]!.includes(`"_id":"${id}"`)) ? '{"id":"nobody"}' : part)),
  })) as never;
  return { ...tenant, search: { ...tenant.search, client } };
};

test('whom the index refuses is counted until she is written or a comparison finds nothing', async () => {
  await count('spent', 'is_set', undefined);
  await stopFollowing();
  const refused = () => use(({ sql }) => sql.rows<{ id: number }>('select customer_id as id from index_failure order by 1'));
  const drain = (as = (tenant: Tenant) => tenant) => use(async (tenant) => { while ((await drainRound(as(tenant), () => undefined)) > 0); });
  const live = await use(liveIndex);
  for (const id of [7, 8, 9]) await touch(id, { spent: '4000' });
  await drain(spoiling(7, 8));
  expect(await refused()).toEqual([{ id: 7 }, { id: 8 }]);
  expect((await createHealthService(organization.container).metrics()).text).toMatch(/fermata_index_refused_customers 2\n/);

  await touch(7, { spent: '4001' });
  await drain();
  expect(await refused()).toEqual([{ id: 8 }]);

  await use(async (tenant) => {
    await tenant.search.client.indices.refresh({ index: live.index });
    const { at } = (await tenant.sql.first<{ at: string }>('select clock_timestamp()::text as at'))!;
    const { repaired, failures } = await repairBuckets(tenant, live, await compareBuckets(tenant, live));
    expect([repaired, failures]).toEqual([1, []]);
    await keepFailures(tenant.sql, failures);
    await forgetFailures(tenant.sql, at);
  });
  expect(await refused()).toEqual([]);
  stopFollowing = followOutbox(organization);
  expect(await count('spent', 'at_least', 4_000)).toBe(3);
}, 60_000);
