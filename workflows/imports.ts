import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { ImportActivities } from '../activities/imports.ts';
import type { ImportInput } from './contracts.ts';
import { policies } from './policies.ts';

const bulk = proxyActivities<ImportActivities>(policies.import);
const control = proxyActivities<ImportActivities>({ ...policies.control, taskQueue: policies.import.taskQueue });

/**
 * Brings one uploaded file in: read and check every row into a staging table, then apply it in
 * batches whose cursor moves in the same transaction, so a crash loses and doubles nothing.
 * Cancelled, what is applied stays. However it ends, the job's row says so and the staging table goes.
 */
export async function importWorkflow(input: ImportInput): Promise<void> {
  try {
    for (;;) {
      await bulk.stageImport(input);
      // The staging table is unlogged: a crash of the database empties it, and the file is read again.
      if ((await bulk.applyImport(input)).complete) break;
    }
    await control.closeImport(input, 'completed', null);
  } catch (error) {
    await CancellationScope.nonCancellable(() =>
      isCancellation(error) ? control.closeImport(input, 'cancelled', null) : control.closeImport(input, 'failed', reasonOf(error)));
    if (!isCancellation(error)) throw error;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable ? cause.message : 'The import stopped because something failed on our side. What was applied stays; start it again.';
}
