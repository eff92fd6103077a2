import { proxyActivities, sleep } from '@temporalio/workflow';
import type { FieldActivities } from '../activities/fields.ts';
import type { FieldInput } from './contracts.ts';
import { policies } from './policies.ts';

const bulk = proxyActivities<FieldActivities>(policies.removal);

/** An import that knows the field from before it was deleted may still write it; it is looked after again when that has ended. */
const IMPORT_CHECK = '10 seconds';

/**
 * Ends a field that nobody sees any more: its values are taken from the customers in batches, each with new versions and
 * an outbox row; when the index knows, the field goes and its slot is free for another.
 */
export async function removeFieldWorkflow(input: FieldInput): Promise<void> {
  for (;;) {
    await bulk.stripField.executeWithOptions({ summary: 'Take the values away' }, [input]);
    if ((await bulk.dropField.executeWithOptions({ summary: 'Free the field' }, [input])).gone) return;
    await sleep(IMPORT_CHECK);
  }
}
