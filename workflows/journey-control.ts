import { continueAsNew, defineSignal, proxyActivities, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { JourneyControlActivities } from '../activities/journey-control/index.ts';
import { messages, type JourneyControlInput, type OrganizationInput } from './contracts.ts';
import { policies } from './policies.ts';
import { reasonOf } from './reason.ts';

const control = proxyActivities<JourneyControlActivities>(policies.control);
const bulk = proxyActivities<JourneyControlActivities>(policies.bulk);

/**
 * The long work on one journey, one job at a time: enrolling, moving people between versions, archiving, resuming, dry runs.
 * Jobs are rows, done from their committed cursor on; this workflow says
 * only whose turn it is, and ends when nothing is left. Every new job nudges it by `signalWithStart`: a nudge during the last
 * look makes it look again, one after the end starts it anew.
 */
export async function journeyControlWorkflow(input: JourneyControlInput): Promise<void> {
  let nudged = true;
  setHandler(defineSignal(messages.nudge), () => void (nudged = true));
  while (nudged) {
    nudged = false;
    for (;;) {
      if (workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > 2_000) return continueAsNew<typeof journeyControlWorkflow>(input);
      const job = await control.nextJourneyJob(input);
      if (job === null) break;
      try {
        const { complete, pauseMs } = await bulk.workJourneyJob.executeWithOptions({ summary: job.title }, [input, job.id]);
        if (complete) await control.closeJourneyJob(input, job.id, 'completed', null);
        // Others must have their turn first: people who entered move on, or a limit passes.
        else if (pauseMs > 0) await sleep(pauseMs);
      } catch (error) {
        await control.closeJourneyJob(input, job.id, 'failed', reasonOf(error, 'It stopped because something failed on our side. What was done stays; start it again.'));
      }
    }
  }
}

/** Looks once through the segments that journeys of an organization have as exits and goals; the sweep starts it every 15 minutes. */
export async function journeySegmentsWorkflow(input: OrganizationInput): Promise<void> {
  await bulk.passJourneySegments(input);
}
