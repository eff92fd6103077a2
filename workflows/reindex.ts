import { condition, defineSignal, log, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ReindexActivities } from '../activities/reindex.ts';
import { messages, type ReconcileInput, type ReindexInput, type ReindexReason } from './contracts.ts';
import { policies } from './policies.ts';

const bulk = proxyActivities<ReindexActivities>(policies.import);

/** Searches that began on the old version have ended by then. */
const RETIRE_AFTER = '10 minutes';

/**
 * Builds the next version of an organization's customer index while reads go on with the live one, hands over, and
 * deletes the old version a little later. Each signal says a reason; one that is gone when its turn comes builds nothing.
 */
export async function reindexWorkflow({ orgId }: ReindexInput): Promise<void> {
  const reasons: ReindexReason[] = [];
  setHandler(defineSignal<[ReindexReason]>(messages.nudge), (reason) => {
    if (!reasons.includes(reason)) reasons.push(reason);
  });
  while (await condition(() => reasons.length > 0, RETIRE_AFTER)) {
    if (await bulk.beginReindex(orgId, reasons.shift()!)) {
      await bulk.backfillIndex(orgId);
      await bulk.handOverIndex(orgId);
    }
  }
  await bulk.removeRetiredIndexes(orgId);
}

/** Compares an organization's customers with its index and mends what differs. */
export async function reconcileWorkflow({ orgId }: ReconcileInput): Promise<{ differing: number; repaired: number }> {
  const found = await bulk.reconcileIndex(orgId);
  if (found.repaired > 0) log.warn('documents of the search index differed from the tables and were written again', { ...found });
  return found;
}
