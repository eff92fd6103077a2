import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import type { FieldActivities } from '../activities/fields.ts';
import type { FieldInput } from './contracts.ts';
import { policies } from './policies.ts';

const bulk = proxyActivities<FieldActivities>(policies.removal);

/** How long imports under way are left alone between two looks. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

/**
 * Ends a field that nobody sees any more: when the imports that know it from before have ended, its values are taken from
 * the customers in batches, each with new versions and an outbox row; when the index knows, the field goes and its slot is
 * free for another.
 */
export async function removeFieldWorkflow(input: FieldInput): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    if ((await bulk.readFieldWriters(input)).imports === 0) {
      await bulk.stripField.executeWithOptions({ summary: 'Take the values away' }, [input]);
      if ((await bulk.dropField.executeWithOptions({ summary: 'Free the field' }, [input])).gone) return;
    }
    if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof removeFieldWorkflow>(input);
    await sleep(pauseMs);
  }
}
