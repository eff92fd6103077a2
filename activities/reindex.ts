import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { waitUntilSearchable } from '../search/freshness.ts';
import { shardsFor } from '../search/mapping.ts';
import { backfillStep, beginRebuild, handOver, removeRetired } from '../search/rebuild.ts';
import { compareBuckets, repairBuckets } from '../search/reconcile.ts';
import { buildingIndex, liveIndex } from '../search/versions.ts';
import type { ReindexReason } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';
import { forgetFailures, keepFailures } from './indexing.ts';

export type ReindexActivities = ReturnType<typeof createReindexActivities>;

const HEARTBEAT_MS = 2_000;

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createReindexActivities({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, isStopping: () => boolean) {
  const working = async <T>(orgId: string, work: (tenant: Tenant, goOn: () => void) => Promise<T>): Promise<T> => {
    const context = Context.current();
    const goOn = () => {
      context.heartbeat();
      context.cancellationSignal.throwIfAborted();
      if (isStopping()) throw new Error('this worker stops; the work on the index goes on elsewhere');
    };
    return alive(HEARTBEAT_MS, () => tenants.use(orgId, (tenant) => work(tenant, goOn)));
  };
  return translating({
    beginReindex: (orgId: string, reason: ReindexReason): Promise<boolean> => {
      // The reason may be a time zone saved a moment ago, younger than the record this process remembers.
      tenants.forget(orgId);
      return working(orgId, (tenant) => beginRebuild(tenant, reason));
    },

    /** Writes every customer to the version being built, from the committed cursor on. */
    backfillIndex: (orgId: string): Promise<void> => working(orgId, async (tenant, goOn) => {
      for (;;) {
        const { left, failures } = await backfillStep(tenant, goOn);
        await keepFailures(tenant.sql, failures);
        if (!left) return;
        goOn();
      }
    }),

    handOverIndex: (orgId: string): Promise<void> => working(orgId, async (tenant, goOn) => {
      gateway.nudgeOutbox(orgId);
      const beganAt = await clock(tenant);
      const isCompared = (await buildingIndex(tenant)) !== null;
      const failures = await handOver(tenant, () => {
        goOn();
        gateway.nudgeOutbox(orgId);
      });
      await keepFailures(tenant.sql, failures);
      if (isCompared) await forgetFailures(tenant.sql, beganAt);
    }),

    removeRetiredIndexes: (orgId: string): Promise<void> => working(orgId, (tenant) => removeRetired(tenant)),

    /** @returns ranges of customers that differed, and documents that were written again */
    reconcileIndex: (orgId: string): Promise<{ differing: number; repaired: number }> => working(orgId, async (tenant, goOn) => {
      gateway.nudgeOutbox(orgId);
      await waitUntilSearchable(tenant, { sent: true, onWait: () => { goOn(); gateway.nudgeOutbox(orgId); } });
      const live = await liveIndex(tenant);
      const beganAt = await clock(tenant);
      const differing = await compareBuckets(tenant, live);
      const { repaired, failures } = await repairBuckets(tenant, live, differing, goOn);
      await keepFailures(tenant.sql, failures);
      await forgetFailures(tenant.sql, beganAt);
      const state = await tenant.sql.first<{ shards: number; customers: number }>(
        `update search_index set checked_at = now() where state = 'live' returning shards, (select count(*) from customer) as customers`);
      if (state !== undefined && state.shards < shardsFor(state.customers)) await gateway.startReindex({ orgId, reason: 'growth' });
      return { differing: differing.length, repaired };
    }),
  });
}

/** The database's time, as exact as its rows have it. */
async function clock({ sql }: Tenant): Promise<string> {
  return (await sql.first<{ at: string }>('select clock_timestamp()::text as at'))!.at;
}
