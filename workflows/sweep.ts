import { continueAsNew, log, proxyActivities, sleep } from '@temporalio/workflow';
import type { SweepActivities } from '../activities/sweep.ts';
import { policies } from './policies.ts';

const { sweep } = proxyActivities<SweepActivities>(policies.control);

/** A day of minutes would be a long history; an hour of them is 300 events. */
const ROUNDS = 60;

/**
 * Every minute looks for work that lost its nudge and starts it again: rows are the truth, nudges only save time.
 * @param isGoingOn whether a run before this one has looked
 */
export async function sweepWorkflow(isGoingOn = false): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = await sweep();
    if (found.campaigns + found.imports + found.jobs + found.outboxes + found.cohorts > 0) log.info('the sweep woke what was asleep', { ...found });
    // Just begun, perhaps after everything was lost: what was launched a moment ago is old enough soon.
    await sleep(round === 0 && !isGoingOn ? '15 seconds' : '1 minute');
  }
  await continueAsNew<typeof sweepWorkflow>(true);
}
