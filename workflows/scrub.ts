import { condition, continueAsNew, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ScrubActivities } from '../activities/scrub.ts';
import { messages, type ScrubInput } from './contracts.ts';
import { policies } from './policies.ts';

const { scrubFiles } = proxyActivities<ScrubActivities>(policies.bulk);

/** How long an import under way is left alone before its files are looked at again. */
const WAIT = '30 seconds';

/**
 * Searches an organization's kept files for people who were erased, and ends when none is left to search. Every erasure
 * nudges it by `signalWithStart`: a nudge during a search has all files searched again, one after the end starts it anew.
 */
export async function scrubWorkflow(input: ScrubInput): Promise<void> {
  let nudged = true;
  let waiting: string[] | null = null;
  setHandler(defineSignal(messages.nudge), () => void (nudged = true));
  while (nudged || (waiting !== null && waiting.length > 0)) {
    if (workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > 2_000) return continueAsNew<typeof scrubWorkflow>(input);
    const only: string[] | null = nudged ? null : waiting;
    nudged = false;
    waiting = (await scrubFiles(input, only)).waiting;
    if (waiting.length > 0 && !nudged) await condition(() => nudged, WAIT);
  }
}
