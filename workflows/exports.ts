import { CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { ExportActivities } from '../activities/exports.ts';
import type { ExportInput } from './contracts.ts';
import { policies } from './policies.ts';
import { reasonOf } from './reason.ts';

const bulk = proxyActivities<ExportActivities>(policies.export);
const control = proxyActivities<ExportActivities>(policies.control);

/**
 * Writes one CSV file. An attempt that dies leaves nothing anybody can download, and the next begins again; the file
 * appears when it is whole. However it ends, the job's row says so.
 */
export async function exportWorkflow(input: ExportInput): Promise<void> {
  try {
    await bulk.writeExport.executeWithOptions({ summary: 'Write the file' }, [input]);
    await control.closeExport(input, 'completed', null);
  } catch (error) {
    await CancellationScope.nonCancellable(() =>
      isCancellation(error) ? control.closeExport(input, 'cancelled', null)
        : control.closeExport(input, 'failed', reasonOf(error, 'The export stopped because something failed on our side. Start it again.')));
    if (!isCancellation(error)) throw error;
  }
}
