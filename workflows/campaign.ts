import {
  ActivityFailure, allHandlersFinished, ApplicationFailure, condition, continueAsNew, defineUpdate, proxyActivities, setHandler, workflowInfo,
} from '@temporalio/workflow';
import { giveBack, supplyOf, take, type Supply } from '#domain/campaign/ranges.ts';
import { after, isFinal, refusal, type CampaignMove, type CampaignState } from '#domain/campaign/status.ts';
import type { CampaignActivities } from '../activities/campaign.ts';
import type { SendActivities } from '../activities/send.ts';
import { messages, type CampaignInput } from './contracts.ts';
import { policies } from './policies.ts';

const control = proxyActivities<CampaignActivities>(policies.control);
const bulk = proxyActivities<CampaignActivities>(policies.freeze);
const send = proxyActivities<SendActivities>(policies.send);

export const pauseUpdate = defineUpdate(messages.pause);
export const resumeUpdate = defineUpdate(messages.resume);
export const cancelUpdate = defineUpdate(messages.cancel);

/** What a run hands to its successor: cursors only, everything else stands in rows. */
export interface CampaignRun extends CampaignInput {
  readonly supply?: Supply;
}

/** Events of a run stay near 4,000; the server's limit is 51,200. */
const ACTIVITIES_PER_RUN = 600;
const RESUME_CHECK_MS = 24 * 3_600_000;

/**
 * One campaign from launch to its end, and the only writer of its state meanwhile.
 * Everything it needs stands in rows: a run that is lost can be started again and goes on where the ledger stands.
 */
export async function campaignWorkflow(run: CampaignRun): Promise<void> {
  const input: CampaignInput = { orgId: run.orgId, campaignId: run.campaignId, mailNo: run.mailNo };
  let state: CampaignState = 'running';
  let isReady = false;
  let activities = 0;

  const command = (move: CampaignMove, perform: () => Promise<void>) => async () => {
    await condition(() => isReady);
    const next = after(state, move);
    if (next === undefined) throw ApplicationFailure.nonRetryable(refusal(state, move), 'conflict');
    state = next;
    await perform();
  };
  const validator = (move: CampaignMove) => () => {
    if (isReady && after(state, move) === undefined) throw ApplicationFailure.nonRetryable(refusal(state, move), 'conflict');
  };
  setHandler(pauseUpdate, command('pause', () => control.pauseCampaign.executeWithOptions({ summary: 'Pause' }, [input, { reason: 'user', detail: null }])), { validator: validator('pause') });
  setHandler(resumeUpdate, command('resume', () => control.resumeCampaign.executeWithOptions({ summary: 'Resume' }, [input])), { validator: validator('resume') });
  setHandler(cancelUpdate, command('cancel', () => control.cancelCampaign.executeWithOptions({ summary: 'Cancel' }, [input])), { validator: validator('cancel') });

  const standing = await control.readCampaign(input);
  state = standing.state;
  isReady = true;
  // A cancelled campaign whose run was lost still has its rest to skip.
  if (isFinal(state) && state !== 'cancelled') return;

  try {
    if (!standing.isFrozen && state !== 'cancelled') {
      await bulk.freezeAudience.executeWithOptions({ summary: 'Freeze the audience' }, [input]);
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    await control.failCampaign(input, { reason: 'unreadable', detail: error.cause?.message ?? error.message });
    return;
  }

  const isHeld = () => state === 'paused';
  const running = async () => {
    while (isHeld()) await condition(() => !isHeld(), RESUME_CHECK_MS);
    return state === 'running';
  };
  const full = () => activities >= ACTIVITIES_PER_RUN || workflowInfo().continueAsNewSuggested;
  const breakOff = async (reason: string, detail: string) => {
    if (state !== 'running') return;
    state = 'paused';
    await control.pauseCampaign.executeWithOptions({ summary: `Pause: ${reason}` }, [input, { reason, detail }]);
  };

  let supply: Supply | undefined = run.supply;
  while (await running()) {
    const lanes = await control.openLanes(input);
    supply ??= supplyOf(lanes.recipients);
    await control.setPhase.executeWithOptions({ summary: 'Phase: sending' }, [input, 'sending']);
    await Promise.all(lanes.ids.map(sendLane));
    if (full()) {
      await condition(allHandlersFinished);
      return continueAsNew<typeof campaignWorkflow>({ ...input, supply });
    }
    if (!(await running())) break;
    if (await retryPasses(lanes.ids[0] ?? 0, lanes.recipients)) continue;
    if (state !== 'running') continue;
    const pending = await control.finishCampaign.executeWithOptions({ summary: 'Recount and finish' }, [input]);
    if (pending === 0) {
      state = 'completed';
      await condition(allHandlersFinished);
      return;
    }
    // Rows that a lost attempt gave up are still pending: walk the ledger again.
    supply = undefined;
  }
  await condition(allHandlersFinished);
  await control.finishCampaign.executeWithOptions({ summary: 'Skip the rest' }, [input]);

  async function sendLane(laneId: number): Promise<void> {
    while (!full() && (await running())) {
      const { range, rest } = take(supply ?? supplyOf(0));
      supply = rest;
      if (range === undefined) return;
      activities += 1;
      const result = await send.sendRange.executeWithOptions({ summary: `Send ${range.from} to ${range.to}` }, [{ ...input, laneId, ...range }]);
      supply = giveBack(supply, { from: result.next, to: range.to });
      await heed(result.stop);
    }
  }

  async function heed(stop: Awaited<ReturnType<SendActivities['sendRange']>>['stop']): Promise<void> {
    if (stop?.kind === 'broken') await breakOff(stop.reason, stop.detail);
    // Closed without our doing (a command is on its way, or rows were edited): the state decides a second later.
    else if (stop?.kind === 'closed' && state === 'running') await condition(() => state !== 'running', 1_000);
  }

  /** @returns whether the lanes must be made anew: the run is full */
  async function retryPasses(laneId: number, last: number): Promise<boolean> {
    let announced = false;
    while (await running()) {
      const retries = await control.readRetries(input);
      activities += 1;
      if (retries.waiting === 0) return false;
      if (!announced) await control.setPhase.executeWithOptions({ summary: 'Phase: retrying' }, [input, 'retrying']);
      announced = true;
      if (full()) return true;
      if (retries.dueInMs > 0) {
        await condition(() => state !== 'running', retries.dueInMs);
        continue;
      }
      activities += 1;
      const result = await send.sendRetries.executeWithOptions({ summary: `Retry ${retries.waiting} waiting` }, [{ ...input, laneId, from: 1, to: last }]);
      await heed(result.stop);
    }
    return false;
  }
}
