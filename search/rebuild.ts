import { freeSlot, type FieldType } from '#domain/customer/fields.ts';
import { AppError } from '#domain/shared/errors.ts';
import { indexCustomers, type IndexFailure } from './indexer.ts';
import { createIndexVersion, pointAlias, shardsFor } from './mapping.ts';
import { customerIndex } from './names.ts';
import { compareBuckets, repairBuckets } from './reconcile.ts';
import type { SearchScope, SearchSql } from './scope.ts';
import { buildingIndex, liveIndex } from './versions.ts';
import { waitUntilSearchable } from './freshness.ts';

/** Why an index is built again. */
export type RebuildReason = 'fields' | 'timezone' | 'growth' | 'rebuild';

export interface RebuildScope extends SearchScope {
  readonly sql: SearchSql & { transaction<T>(work: (tx: SearchSql) => Promise<T>): Promise<T> };
}

/** Customers of one step of the backfill: what a crash repeats at most. */
const STEP = 60_000;
/** While it is built nobody reads it, and what a crash of the server loses the comparison before the handover finds. */
const SETTINGS_WHILE_BUILDING = { refresh_interval: '-1', 'translog.durability': 'async', 'translog.flush_threshold_size': '2gb' } as const;
const SETTINGS_LIVE = { refresh_interval: '5s', 'translog.durability': 'request', 'translog.flush_threshold_size': null } as const;

/**
 * Makes the next version of the index, empty, and has every change written to it from here on. One that is being built
 * already is gone on with. Fields get the types asked for, and their slots are given out anew.
 * @returns whether there is something to build: not when the reason is gone, as for a second request of the same kind
 */
export async function beginRebuild(scope: RebuildScope, reason: RebuildReason): Promise<boolean> {
  if ((await buildingIndex(scope)) !== null) return true;
  const last = (await scope.sql.first<{ version: number }>('select max(version) as version from search_index'))!.version;
  const customers = (await scope.sql.first<{ n: number }>('select count(*) as n from customer'))!.n;
  const shards = shardsFor(customers);
  if (!(await isNeeded(scope, reason, shards))) return false;
  // The index first: from the row's commit on it is written to. One left by an attempt that died before is empty or half full of what is written again.
  await scope.search.client.indices.delete({ index: customerIndex(scope.org.id, last + 1), ignore_unavailable: true });
  await createIndexVersion(scope.search.client, scope.org.id, last + 1, shards);
  await scope.search.client.indices.putSettings({ index: customerIndex(scope.org.id, last + 1), settings: SETTINGS_WHILE_BUILDING });
  await scope.sql.transaction(async (tx) => {
    await tx.run('lock table custom_field in share row exclusive mode');
    const fields = await tx.rows<{ no: number; type: FieldType }>('select field_no as no, wanted_type as type from custom_field order by field_no');
    const taken = new Set<string>();
    const placed = fields.map(({ no, type }) => {
      const slot = freeSlot(type, taken);
      if (slot !== null) taken.add(slot);
      return { no, type, slot };
    });
    await tx.run('update custom_field f set next_type = u.type, next_slot = u.slot from unnest($1::int[], $2::text[], $3::text[]) u(no, type, slot) where f.field_no = u.no',
      [placed.map((field) => field.no), placed.map((field) => field.type), placed.map((field) => field.slot)]);
    await tx.run(`insert into search_index (version, state, reason, timezone, shards, customers_total) values ($1, 'building', $2, $3, $4, $5)`, [last + 1, reason, scope.org.timezone, shards, customers]);
  });
  return true;
}

async function isNeeded(scope: RebuildScope, reason: RebuildReason, shards: number): Promise<boolean> {
  if (reason === 'rebuild') return true;
  const live = await scope.sql.first<{ timezone: string; shards: number; wanted: boolean }>(
    `select timezone, shards, exists (select from custom_field where wanted_type <> type and not removing) as wanted from search_index where state = 'live'`);
  return live === undefined || live.wanted || live.timezone !== scope.org.timezone || live.shards < shards;
}

/**
 * Writes the next customers by id to the version being built, from where the last step ended.
 * @returns whether more are left; items the index refused are in `failures`
 */
export async function backfillStep(scope: RebuildScope, onProgress: () => void): Promise<{ left: boolean; failures: IndexFailure[] }> {
  const target = await buildingIndex(scope);
  if (target === null) return { left: false, failures: [] };
  const cursor = (await scope.sql.first<{ id: number }>('select cursor_id as id from search_index where version = $1', [target.version]))?.id ?? 0;
  const ids = (await scope.sql.rows<{ id: number }>('select id from customer where id > $1 order by id limit $2', [cursor, STEP])).map((row) => row.id);
  const last = ids.at(-1);
  if (last === undefined) return { left: false, failures: [] };
  const failures = await indexCustomers(scope, ids, { only: target, onProgress });
  // An attempt that was given up and goes on all the same moves nothing.
  await scope.sql.run('update search_index set cursor_id = $3, customers_done = customers_done + $4 where version = $1 and cursor_id = $2', [target.version, cursor, last, ids.length]);
  return { left: true, failures };
}

/**
 * Compares the new version with the tables, mends what differs, and hands over in one transaction: whoever reads the
 * catalogue reads the version it belongs to. The old one stays until `removeRetired`.
 * @returns customers the new version refuses for good
 * @throws AppError `unavailable` when customers still differ after mending; ask again
 */
export async function handOver(scope: RebuildScope, onProgress: () => void): Promise<readonly IndexFailure[]> {
  let refused: readonly IndexFailure[] = [];
  const target = await buildingIndex(scope);
  if (target !== null) {
    await scope.search.client.indices.putSettings({ index: target.index, settings: SETTINGS_LIVE });
    await waitUntilSearchable(scope, { onWait: onProgress, sent: true });
    await scope.search.client.indices.refresh({ index: target.index });
    // Changes that are on their way show as differences and are mended with the others: from here on the outbox brings every later one.
    const { left, failures } = await repairBuckets(scope, target, await compareBuckets(scope, target), onProgress);
    if (left > 0) throw new AppError('unavailable', `The new search index is still behind for ${left} customers.`);
    refused = failures;
    await scope.sql.transaction(async (tx) => {
      await tx.run('lock table custom_field in share row exclusive mode');
      await tx.run(`update search_index set state = 'retired', ended_at = now() where state = 'live'`);
      await tx.run(`update search_index set state = 'live', ended_at = now(), checked_at = now() where version = $1`, [target.version]);
      await tx.run('update custom_field set type = coalesce(next_type, type), slot = next_slot, next_type = null, next_slot = null');
    });
  }
  await pointAlias(scope);
  return refused;
}

/** Deletes the versions nobody reads any more. */
export async function removeRetired(scope: RebuildScope): Promise<void> {
  const retired = await scope.sql.rows<{ version: number }>(`select version from search_index where state = 'retired'`);
  const { version } = await liveIndex(scope);
  for (const row of retired) if (row.version !== version) await scope.search.client.indices.delete({ index: customerIndex(scope.org.id, row.version), ignore_unavailable: true });
}
