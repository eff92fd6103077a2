import { continueAsNew, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { IndexingActivities } from '../activities/indexing.ts';
import { messages, type OutboxInput } from './contracts.ts';
import { policies } from './policies.ts';

const { drainOutbox } = proxyActivities<IndexingActivities>(policies.outbox);

/**
 * Drains one organization's outbox while there is something in it, and ends. Every write nudges it
 * by `signalWithStart`: a nudge during the last look makes it look again, one after the end starts it anew.
 */
export async function outboxWorkflow(input: OutboxInput): Promise<void> {
  let nudged = true;
  setHandler(defineSignal(messages.nudge), () => void (nudged = true));
  while (nudged) {
    if (workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > 2_000) return continueAsNew<typeof outboxWorkflow>(input);
    nudged = false;
    const { left } = await drainOutbox(input.orgId);
    if (left) nudged = true;
  }
}
