import { CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { BulkActivities } from '../activities/bulk.ts';
import type { BulkInput } from './contracts.ts';
import { policies } from './policies.ts';
import { reasonOf } from './reason.ts';

const bulk = proxyActivities<BulkActivities>(policies.bulk);
const control = proxyActivities<BulkActivities>(policies.control);

/**
 * One action over many customers: collect whose turn it is, then act on them in batches whose cursor moves in the same
 * transaction, so a crash leaves nobody out and does nobody twice. Cancelled, what is done stays. However it ends, the
 * job's row says so and forgets whom it was about.
 */
export async function bulkWorkflow(input: BulkInput): Promise<void> {
  try {
    for (;;) {
      await bulk.collectBulk.executeWithOptions({ summary: 'Collect the customers' }, [input]);
      // Staging rows are unlogged: a crash of the database empties them, and the rest is collected again.
      if ((await bulk.applyBulk.executeWithOptions({ summary: 'Act on them' }, [input])).complete) break;
    }
    await control.closeBulk(input, 'completed', null);
  } catch (error) {
    await CancellationScope.nonCancellable(() =>
      isCancellation(error) ? control.closeBulk(input, 'cancelled', null)
        : control.closeBulk(input, 'failed', reasonOf(error, 'The action stopped because something failed on our side. What was done stays; start it again.')));
    if (!isCancellation(error)) throw error;
  }
}
