import {
  ActivityFailure, allHandlersFinished, ApplicationFailure, CancellationScope, condition, continueAsNew, defineSignal, defineUpdate, proxyActivities, proxyLocalActivities, setHandler, sleep, workflowInfo,
} from '@temporalio/workflow';
import { cursorsOf, giveBack, take, type Supply } from '#domain/campaign/ranges.ts';
import { LATEST_START_MS } from '#domain/campaign/schedule.ts';
import { after, isFinal, refusal, type CampaignMove, type CampaignPhase, type CampaignState, type PauseReason } from '#domain/campaign/status.ts';
import type { CampaignActivities } from '../activities/campaign.ts';
import type { Lane, Stage, StageActivities } from '../activities/campaign-stage.ts';
import type { SendActivities } from '../activities/send.ts';
import { messages, type CampaignInput } from './contracts.ts';
import { policies } from './policies.ts';

const control = proxyActivities<CampaignActivities & StageActivities>(policies.control);
/** Looks into the campaign's rows and notes, between two stretches of work. */
const rows = proxyLocalActivities<CampaignActivities & StageActivities>(policies.rows);
const probe = proxyActivities<StageActivities>(policies.probe);
const bulk = proxyActivities<CampaignActivities>(policies.freeze);
const send = proxyActivities<SendActivities>(policies.send);
type RangeResult = Awaited<ReturnType<SendActivities['sendRange']>>;

export const pauseUpdate = defineUpdate(messages.pause);
export const resumeUpdate = defineUpdate(messages.resume);
export const cancelUpdate = defineUpdate(messages.cancel);
export const unscheduleUpdate = defineUpdate(messages.unschedule);
/** A limit or throttle was changed: who waits for one asks again. */
export const limitsSignal = defineSignal(messages.limits);
export const pickWinnerUpdate = defineUpdate<void, [{ readonly variant: number; readonly by: string }]>(messages.pickWinner);

/** Events of a run stay near 4,000; the server's limit is 51,200. */
const ACTIVITIES_PER_RUN = 600;
const RESUME_CHECK_MS = 24 * 3_600_000;
/** A limit is waited for in parts of this, for the signal of its change may be lost. */
const LIMIT_CHECK_MS = 600_000;
const PROBE_EVERY_MS = 30_000;
/** A wait for a limit shorter than this is no phase of its own. */
const NOTED_WAIT_MS = 5_000;
/** Longer and longer, for the index follows a large campaign within a minute or so. */
const CERTIFY_EVERY_MS = [2_000, 15_000, 30_000, 60_000] as const;

/**
 * One campaign from scheduling or launch to its certificate, and the only writer of its state meanwhile.
 * Everything it needs stands in rows: a run that is lost can be started again and goes on where the ledger stands.
 */
export async function campaignWorkflow(run: CampaignInput): Promise<void> {
  const input: CampaignInput = { orgId: run.orgId, campaignId: run.campaignId, mailNo: run.mailNo };
  let state: CampaignState = 'running';
  let reason: PauseReason | null = null;
  let stage: Stage | null = null;
  let isReady = false;
  let wasPicked = false;
  /** Slices changed hands: the stage is planned anew. */
  let isStale = false;
  let isProbing = false;
  let isSmall = false;
  let limitChanges = 0;
  let activities = 0;
  const freezing = new CancellationScope();
  /** What is written of the state, in the order it was decided: else the row could end where an earlier command left it. */
  let written: Promise<void> = Promise.resolve();

  const inTurn = (write: () => Promise<void>): Promise<void> => {
    const turn = written.then(write);
    // Whoever asked for it hears of its failure; the next has its turn all the same.
    written = turn.catch(() => undefined);
    return turn;
  };
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
  const pause = (why: PauseReason, detail: string | null) => {
    reason = why;
    return inTurn(() => control.pauseCampaign.executeWithOptions({ summary: `Pause: ${why}` }, [input, { reason: why, detail }]));
  };
  setHandler(pauseUpdate, command('pause', () => pause('user', null)), { validator: validator('pause') });
  setHandler(resumeUpdate, command('resume', () => inTurn(() => control.resumeCampaign.executeWithOptions({ summary: 'Resume' }, [input]))), { validator: validator('resume') });
  setHandler(cancelUpdate, command('cancel', () => {
    freezing.cancel();
    return inTurn(() => control.cancelCampaign.executeWithOptions({ summary: 'Cancel' }, [input]));
  }), { validator: validator('cancel') });
  setHandler(unscheduleUpdate, command('unschedule', () => inTurn(() => control.unscheduleCampaign.executeWithOptions({ summary: 'Unschedule' }, [input]))), { validator: validator('unschedule') });
  setHandler(limitsSignal, () => { limitChanges += 1; });
  const isTestWaiting = () => state === 'running' && stage?.kind === 'wait' && stage.phase === 'waiting';
  const notWaiting = () => ApplicationFailure.nonRetryable('A winner can be picked while the test waits for its end.', 'conflict');
  setHandler(pickWinnerUpdate, async ({ variant, by }) => {
    // A run that has just begun or resumed does not know its stage yet.
    await condition(() => stage !== null || state !== 'running');
    if (!isTestWaiting()) throw notWaiting();
    // Who picks next finds that the wait is over.
    stage = null;
    const isPicked = await control.pickWinner.executeWithOptions({ summary: `Winner: variant ${variant}` }, [input, variant, by]);
    wasPicked = true;
    if (!isPicked) throw ApplicationFailure.nonRetryable('The test ended at this moment, and its winner was chosen by the rule.', 'conflict');
  }, {
    validator: (_picked: { readonly variant: number; readonly by: string }) => {
      if (state !== 'running' || (stage !== null && !isTestWaiting())) throw notWaiting();
    },
  });

  const standing = await rows.readCampaign(input);
  ({ state, reason } = standing);
  isReady = true;
  if (state === 'draft') return;
  if (state === 'scheduled') await hold(standing.scheduledAt ?? 0);
  if (!standing.isFrozen && (await running())) await freeze();

  while (await running()) {
    if (activities >= ACTIVITIES_PER_RUN || workflowInfo().continueAsNewSuggested) return anew();
    activities += 1;
    isStale = false;
    stage = await rows.nextStage.executeWithOptions({ summary: 'What comes next' }, [input]);
    if (stage.kind === 'send') await sendStage(stage);
    else if (stage.kind === 'retry') await Promise.all(stage.lanes.map(retry));
    else if (stage.kind === 'wait') await wait(stage.until);
    else {
      isSmall = stage.isSmall;
      // Rows that a lost attempt gave up may still be pending: then the ledger is walked again.
      if ((await finish('Recount and finish')) === 0) state = 'completed';
    }
  }
  if (state === 'cancelled') await finish('Skip the rest');
  if (isFinal(state) && (standing.isOpen || !isFinal(standing.state))) await certify();
  await condition(allHandlersFinished);

  /** Goes on as a new run, which finds its place in the rows. */
  async function anew(): Promise<never> {
    await condition(allHandlersFinished);
    return continueAsNew<typeof campaignWorkflow>(input);
  }

  async function hold(dueAt: number): Promise<void> {
    if (dueAt > Date.now()) await condition(() => state !== 'scheduled', dueAt - Date.now());
    if (state !== 'scheduled') return;
    const isLate = Date.now() - dueAt > LATEST_START_MS;
    [state, reason] = isLate ? ['paused', 'missed_time'] : ['running', null];
    await inTurn(() => (isLate
      ? control.missCampaign.executeWithOptions({ summary: 'It missed its time' }, [input])
      : control.beginCampaign.executeWithOptions({ summary: 'Begin' }, [input])));
  }

  /** A campaign whose content or audience cannot be read fails; one that is cancelled meanwhile waits for neither. */
  async function freeze(): Promise<void> {
    try {
      await freezing.run(() => bulk.freezeAudience.executeWithOptions({ summary: 'Freeze the audience' }, [input]));
    } catch (error) {
      if (isFinal(state)) return;
      if (!(error instanceof ActivityFailure)) throw error;
      state = 'failed';
      const detail = error.cause?.message ?? error.message;
      await inTurn(() => control.failCampaign(input, { reason: 'unreadable', detail }));
    }
  }

  /** Waits while it is paused; after connection failures one of those who wait tries the connection. @returns whether it runs */
  async function running(): Promise<boolean> {
    do {
      if (isCutOff() && !isProbing) await tryConnection();
      else if (state === 'paused') await condition(() => state !== 'paused', RESUME_CHECK_MS);
      // What was decided stands in the rows before anything follows from it.
      await written;
    } while (state === 'paused');
    return state === 'running';
  }

  function isCutOff(): boolean {
    return state === 'paused' && reason === 'connection_failures';
  }

  async function tryConnection(): Promise<void> {
    isProbing = true;
    while (isCutOff() && !(await condition(() => !isCutOff(), PROBE_EVERY_MS))) {
      if (activities >= ACTIVITIES_PER_RUN) return anew();
      activities += 1;
      const isBack = await probe.probeConnections.executeWithOptions({ summary: 'Try the connection' }, [input]);
      if (!isBack || !isCutOff()) continue;
      state = 'running';
      await inTurn(() => control.resumeCampaign.executeWithOptions({ summary: 'Resume: the connection is back' }, [input]));
    }
    isProbing = false;
  }

  async function wait(until: number): Promise<void> {
    await condition(() => state !== 'running' || wasPicked, Math.max(1, until - Date.now()));
    wasPicked = false;
    stage = null;
  }

  /** @param known changes of limits when it was asked: one that came meanwhile is no reason to wait */
  async function waitForLimit(until: number, known: number, most = LIMIT_CHECK_MS): Promise<void> {
    await condition(() => state !== 'running' || isStale || limitChanges !== known, Math.max(1, Math.min(until - Date.now(), LIMIT_CHECK_MS, most)));
  }

  function notePhase(summary: string, phase: CampaignPhase, until: number | null): Promise<void> {
    activities += 1;
    return rows.setPhase.executeWithOptions({ summary }, [input, phase, until]);
  }

  async function sendStage({ pieces, lanes, phase, nextAt }: Extract<Stage, { kind: 'send' }>): Promise<void> {
    let supply: Supply = pieces;
    const limited = new Map<number, number>();
    const hasPieces = (lane: Lane) => pieces.some((piece) => piece.connectionNo === lane.connectionNo);
    const [sending, retrying] = [lanes.filter(hasPieces), lanes.filter((lane) => !hasPieces(lane))];
    let busy = sending.length;

    const sendLane = async (lane: Lane) => {
      while (!isStale && activities < ACTIVITIES_PER_RUN && (await running())) {
        const { piece, rest } = take(supply, lane.connectionNo);
        supply = rest;
        if (piece === undefined) break;
        activities += 1;
        const known = limitChanges;
        const { from, to, variant } = piece;
        const result = await outcomeOf(send.sendRange.executeWithOptions({ summary: `Send ${from} to ${to}` }, [{ ...input, laneId: lane.id, from, to, variant, withRetries: lane.withRetries }]));
        supply = giveBack(supply, { ...piece, from: result?.next ?? from });
        if (result === null) break;
        if (result.stop?.kind === 'limit') await holdBack(lane, result.stop.until, known);
        else await heed(result.stop);
      }
      busy -= 1;
    };
    /** A slot that waits for a limit is free for others. */
    const holdBack = async (lane: Lane, until: number, known: number) => {
      limited.set(lane.id, until);
      const ready = Math.min(...limited.values());
      const isNoted = limited.size === busy && ready - Date.now() > NOTED_WAIT_MS;
      if (isNoted) await notePhase('Phase: waiting for a limit', 'waiting_for_limit', ready);
      await waitForLimit(until, known, nextAt === null ? LIMIT_CHECK_MS : nextAt - Date.now());
      limited.delete(lane.id);
      // What fell due meanwhile, over this connection or another, does not wait for this limit.
      if (state === 'running' && limitChanges === known && Date.now() < until) isStale = true;
      if (isNoted && state === 'running') await notePhase(`Phase: ${phase}`, phase, null);
    };

    await Promise.all([...sending.map(sendLane), ...retrying.map(retry)]);
    await rows.settleSlices.executeWithOptions({ summary: 'Note how far it went' }, [input, cursorsOf(pieces, supply)]);
  }

  async function retry(lane: Lane): Promise<void> {
    activities += 1;
    const known = limitChanges;
    const result = await outcomeOf(send.sendRetries.executeWithOptions({ summary: 'Send what is due again' }, [{ ...input, laneId: lane.id, from: 1, to: 0, variant: null, withRetries: true }]));
    if (result === null) return;
    if (result.stop?.kind !== 'limit') return heed(result.stop);
    if (result.stop.until - Date.now() > NOTED_WAIT_MS) await notePhase('Phase: waiting for a limit', 'waiting_for_limit', result.stop.until);
    await waitForLimit(result.stop.until, known);
  }

  /** What a lane did; null when it was given to a newer plan (an attempt at one that woke an hour late): then all is planned anew. */
  async function outcomeOf(sending: Promise<RangeResult>): Promise<RangeResult | null> {
    try {
      return await sending;
    } catch (error) {
      if (!(error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'conflict')) throw error;
      isStale = true;
      return null;
    }
  }

  async function heed(stop: RangeResult['stop']): Promise<void> {
    if (stop === null || state !== 'running') return;
    if (stop.kind === 'broken') {
      if (isStale) return;
      const isReplaced = await control.replaceConnection.executeWithOptions({ summary: `Connection broken: ${stop.reason}` }, [input, stop]);
      if (isReplaced) isStale = true;
      else await breakOff(stop.reason, stop.detail);
    } else if (stop.kind === 'unsafe') await breakOff(stop.reason, stop.detail);
    // Closed without our doing (a command is on its way, or rows were edited): the state decides a second later.
    else if (stop.kind === 'closed') await condition(() => state !== 'running', 1_000);
  }

  async function breakOff(why: PauseReason, detail: string): Promise<void> {
    if (state !== 'running') return;
    state = 'paused';
    await pause(why, detail);
  }

  function finish(summary: string): Promise<number> {
    return (isSmall ? rows : bulk).finishCampaign.executeWithOptions({ summary }, [input]);
  }

  /** The certificate waits until every mail is known to the index. */
  async function certify(): Promise<void> {
    for (let round = 0; round < ACTIVITIES_PER_RUN; round += 1) {
      await sleep(CERTIFY_EVERY_MS[Math.min(round, CERTIFY_EVERY_MS.length - 1)]!);
      if (await (isSmall ? rows : bulk).certifyCampaign.executeWithOptions({ summary: 'Certify' }, [input])) return;
    }
    return anew();
  }
}
