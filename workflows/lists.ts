import { proxyActivities } from '@temporalio/workflow';
import type { ListActivities } from '../activities/lists.ts';
import type { ListInput } from './contracts.ts';
import { policies } from './policies.ts';

const bulk = proxyActivities<ListActivities>(policies.removal);

/**
 * Ends a list that nobody sees any more: its members are taken off in batches, each with a new version of the customers
 * and an outbox row, then its record goes. Started again at any point it goes on with the members that are left.
 */
export async function removeListWorkflow(input: ListInput): Promise<void> {
  await bulk.takeOffMembers.executeWithOptions({ summary: 'Take the members off' }, [input]);
}
