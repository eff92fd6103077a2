import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { RANGE_SIZE } from '#domain/campaign/ranges.ts';
import type { CampaignPhase, CampaignState, PauseReason } from '#domain/campaign/status.ts';
import type { CampaignActivities } from '../../activities/campaign.ts';
import type { Stage, StageActivities } from '../../activities/campaign-stage.ts';
import type { SendActivities } from '../../activities/send.ts';
import type { CampaignInput } from '../../workflows/contracts.ts';
import { scheduledAt, serverTime } from './workflow.ts';

type RangeJob = Parameters<SendActivities['sendRange']>[0];
type RangeResult = Awaited<ReturnType<SendActivities['sendRange']>>;
export type Stop = NonNullable<RangeResult['stop']>;

/** A run of ordinals as the rows have it; `phase` as in the table of slices. */
export interface FakeSlice {
  readonly id: number;
  readonly phase: 'main' | 'test' | 'rest';
  connectionNo: number;
  variant: number | null;
  readonly to: number;
  next: number;
  /** In the server's milliseconds. */
  notBefore: number;
}

/** One campaign's rows, as its activities see them, and what was asked of them in order. */
export class FakeCampaign {
  readonly input: CampaignInput = { orgId: randomUUID(), campaignId: randomUUID(), mailNo: 1 };
  readonly recipients: number;
  /** Lanes of each connection. */
  readonly lanes: number;
  readonly calls: string[] = [];
  /** Ordinals that went out, as ranges, in the order they came. */
  readonly sent: { from: number; to: number; variant: number | null; connectionNo: number; at: number }[] = [];
  state: CampaignState = 'running';
  phase: CampaignPhase | null = null;
  phaseUntil: number | null = null;
  reason: PauseReason | string | null = null;
  detail: string | null = null;
  isFrozen = false;
  isOpen = false;
  isCertified = false;
  scheduledAt: number | null = null;
  slices: FakeSlice[];
  /** How long the test waits for its end after its last mail; only where there is a test. */
  testMs = 0;
  winner: number | null = null;
  pickedBy: string | null = null;
  /** What the rule picks when nobody did. */
  best = 1;
  /** When each waiting recipient may be tried again, in the server's milliseconds. */
  retries: number[] = [];
  /** What became of retry passes: when they came. */
  readonly passes: number[] = [];
  /** Recipients a recount finds still pending, taken from the front at each finish. */
  leftAtFinish: number[] = [];
  /** The connection that takes over, by the one that breaks. */
  readonly heirs = new Map<number, number>();
  /** Answers of the probes in order, then `true`; and when they came. */
  probes: boolean[] = [];
  readonly probedAt: number[] = [];
  /** How often the certificate has to wait. */
  uncertified = 0;

  /** What a range does; by default all of it goes out. */
  onRange: (job: RangeJob, nth: number) => Promise<Partial<RangeResult>> = (job) => Promise.resolve({ next: job.to + 1 });
  onFreeze: () => Promise<void> = () => Promise.resolve();
  onPause: () => Promise<void> = () => Promise.resolve();
  onPass: (now: number) => Stop | null = () => { this.retries = []; return null; };
  ranges = 0;
  readonly connectionByLane = new Map<number, number>();

  constructor(recipients: number, lanes = 1) {
    this.recipients = recipients;
    this.lanes = lanes;
    this.slices = [{ id: 1, phase: 'main', connectionNo: 1, variant: null, next: 1, to: recipients, notBefore: 0 }];
  }

  /** Cuts the audience into slices of these sizes. */
  cut(...slices: readonly (Partial<FakeSlice> & { readonly size: number })[]): this {
    let next = 1;
    this.slices = slices.map(({ size, ...slice }, i) => {
      next += size;
      return { id: i + 1, phase: 'main', connectionNo: 1, variant: null, notBefore: 0, ...slice, next: next - size, to: next - 1 };
    });
    return this;
  }

  /** How often each ordinal went out, as `times → how many`: everyone once is `{ 1: recipients }`. */
  tally(): Record<number, number> {
    const times = new Uint8Array(this.recipients);
    for (const { from, to } of this.sent) for (let no = from; no <= to; no += 1) times[no - 1]! += 1;
    const tally: Record<number, number> = {};
    for (const each of times) tally[each] = (tally[each] ?? 0) + 1;
    return tally;
  }

  /** What comes next, as `nextStage` of the product says it. @param now epoch ms */
  nextStage(now: number): Stage {
    const open = this.slices.filter((slice) => slice.next <= slice.to && (slice.phase !== 'rest' || (this.winner !== null && !this.isTesting())));
    const due = open.filter((slice) => slice.notBefore <= now);
    if (due.length > 0) {
      const phase = due[0]!.phase === 'test' ? 'testing' : due[0]!.phase === 'rest' ? 'sending_winner' : 'sending';
      const pieces = due.map(({ id, connectionNo, variant, next, to }) => ({ sliceId: id, connectionNo, variant, from: next, to }));
      const later = open.filter((slice) => slice.notBefore > now).map((slice) => slice.notBefore);
      const connections = new Set(due.map((slice) => slice.connectionNo));
      // Retries are connection 1's.
      if (this.retries.some((at) => at <= now)) connections.add(1);
      return { kind: 'send', phase, pieces, lanes: this.#lanesOf(connections), nextAt: later.length === 0 ? null : Math.min(...later) };
    }
    const waits: { phase: CampaignPhase; until: number }[] = open.map((slice) => ({ phase: slice.phase === 'test' ? 'testing' : 'waiting_for_zone', until: slice.notBefore }));
    const hasRest = this.slices.some((slice) => slice.phase === 'rest' && slice.next <= slice.to);
    if (waits.length === 0 && hasRest && this.winner === null) {
      const end = Math.max(...this.sent.map((range) => range.at)) + this.testMs;
      if (now < end) waits.push({ phase: 'waiting', until: end });
      else {
        this.winner = this.best;
        return this.nextStage(now);
      }
    }
    if (this.retries.some((due) => due <= now)) return { kind: 'retry', lanes: this.#lanesOf(new Set([1])) };
    for (const until of this.retries) waits.push({ phase: waits[0]?.phase ?? 'retrying', until });
    const first = waits.reduce<(typeof waits)[number] | null>((earliest, wait) => (earliest !== null && earliest.until <= wait.until ? earliest : wait), null);
    return first === null ? { kind: 'finish', isSmall: this.recipients <= RANGE_SIZE } : { kind: 'wait', ...first };
  }

  isTesting(): boolean {
    return this.slices.some((slice) => slice.phase === 'test' && slice.next <= slice.to);
  }

  #lanesOf(connections: ReadonlySet<number>) {
    const lanes = [...connections].flatMap((connectionNo) => Array.from({ length: this.lanes }, (_, i) => ({ id: connectionNo * 100 + i, connectionNo, withRetries: i === 0 })));
    for (const lane of lanes) this.connectionByLane.set(lane.id, lane.connectionNo);
    return lanes;
  }
}

const campaigns = new Map<string, FakeCampaign>();

/** Puts a campaign where the fake activities find it. */
export function fakeCampaign(recipients: number, lanes = 1): FakeCampaign {
  const campaign = new FakeCampaign(recipients, lanes);
  campaigns.set(campaign.input.campaignId, campaign);
  return campaign;
}

function of(input: { readonly mailNo: number } & Partial<CampaignInput>): FakeCampaign {
  const campaign = campaigns.get(input.campaignId ?? '');
  if (campaign === undefined) throw ApplicationFailure.nonRetryable('the test knows no such campaign');
  return campaign;
}

/** Notes a call and changes the row. */
function change(input: CampaignInput, call: string, row: Partial<FakeCampaign>): Promise<void> {
  const campaign = of(input);
  campaign.calls.push(call);
  Object.assign(campaign, row);
  return Promise.resolve();
}

const nothing = { sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: null } as const;

/** The activities of campaigns over `FakeCampaign`s; they do to the rows what the real ones do. */
export const fakeCampaignActivities: CampaignActivities & StageActivities & SendActivities = {
  readCampaign: async (input) => {
    const { state, reason, isFrozen, isCertified, scheduledAt: due } = of(input);
    return { state, reason: reason as PauseReason | null, isFrozen, scheduledAt: due, isOpen: isFrozen && !isCertified };
  },
  beginCampaign: (input) => change(input, 'begin', { state: 'running', phase: 'resolving' }),
  missCampaign: (input) => change(input, 'miss', { state: 'paused', reason: 'missed_time' }),
  unscheduleCampaign: (input) => change(input, 'unschedule', { state: 'draft', scheduledAt: null }),
  freezeAudience: async (input) => {
    const campaign = of(input);
    campaign.calls.push('freeze');
    await campaign.onFreeze();
    campaign.isFrozen = true;
    return campaign.recipients;
  },
  nextStage: async (input) => {
    const campaign = of(input);
    const stage = campaign.nextStage(await serverTime());
    if (stage.kind === 'send') Object.assign(campaign, { phase: stage.phase, phaseUntil: null });
    else if (stage.kind === 'retry') Object.assign(campaign, { phase: 'retrying', phaseUntil: null });
    else if (stage.kind === 'wait') Object.assign(campaign, { phase: stage.phase, phaseUntil: stage.until });
    if (stage.kind === 'send' || stage.kind === 'retry') campaign.isOpen = campaign.state === 'running';
    if (stage.kind !== 'finish') campaign.calls.push(stage.kind === 'retry' ? 'retrying' : stage.phase);
    return stage;
  },
  settleSlices: async (input, cursors) => {
    const { slices } = of(input);
    for (const { sliceId, next } of cursors) for (const slice of slices) if (slice.id === sliceId) slice.next = Math.max(slice.next, next);
  },
  setPhase: (input, phase, until) => change(input, phase, { phase, phaseUntil: until }),
  replaceConnection: async (input, broken) => {
    const campaign = of(input);
    campaign.calls.push(`replace ${broken.connectionNo}`);
    const heir = campaign.heirs.get(broken.connectionNo);
    for (const slice of campaign.slices) if (heir !== undefined && slice.connectionNo === broken.connectionNo) slice.connectionNo = heir;
    return heir !== undefined;
  },
  probeConnections: async (input) => {
    const campaign = of(input);
    campaign.calls.push('probe');
    campaign.probedAt.push(scheduledAt());
    return campaign.probes.shift() ?? true;
  },
  pickWinner: async (input, variant, by) => {
    const campaign = of(input);
    if (campaign.winner === null) await change(input, `winner ${variant}`, { winner: variant, pickedBy: by });
    return campaign.winner === variant;
  },
  pauseCampaign: async (input, { reason, detail }) => {
    await of(input).onPause();
    await change(input, `pause ${reason}`, { isOpen: false, state: 'paused', reason, detail });
  },
  resumeCampaign: (input) => change(input, 'resume', { isOpen: true, state: 'running', reason: null, detail: null }),
  cancelCampaign: (input) => change(input, 'cancel', { isOpen: false, state: 'cancelled', reason: 'user' }),
  failCampaign: (input, { reason, detail }) => change(input, `fail ${reason}`, { isOpen: false, state: 'failed', phase: null, reason, detail }),
  finishCampaign: async (input) => {
    const campaign = of(input);
    campaign.calls.push('finish');
    const left = campaign.leftAtFinish.shift() ?? 0;
    if (left > 0) {
      for (const slice of campaign.slices) slice.next = 1;
      return left;
    }
    campaign.phase = null;
    campaign.isOpen = false;
    if (campaign.state !== 'cancelled') campaign.state = 'completed';
    return 0;
  },
  certifyCampaign: async (input) => {
    const campaign = of(input);
    campaign.calls.push('certify');
    campaign.uncertified -= 1;
    campaign.isCertified = campaign.uncertified < 0;
    return campaign.isCertified;
  },
  sendRange: async (job) => {
    const campaign = of(job);
    if (!campaign.isOpen) return { ...nothing, next: job.from, stop: { kind: 'closed' } };
    campaign.calls.push(`sendRange ${job.from}-${job.to}`);
    campaign.ranges += 1;
    const outcome = await campaign.onRange(job, campaign.ranges);
    const result = { ...nothing, next: job.to + 1, ...outcome };
    if (result.next > job.from) campaign.sent.push({ from: job.from, to: result.next - 1, variant: job.variant, connectionNo: campaign.connectionByLane.get(job.laneId) ?? 0, at: scheduledAt() });
    return result;
  },
  sendRetries: async (job) => {
    const campaign = of(job);
    campaign.calls.push('sendRetries');
    campaign.passes.push(scheduledAt());
    return { ...nothing, next: job.to + 1, stop: campaign.onPass(scheduledAt()) };
  },
};
