import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { CampaignPhase, CampaignState } from '#domain/campaign/status.ts';
import type { CampaignActivities } from '../../activities/campaign.ts';
import type { SendActivities } from '../../activities/send.ts';
import type { CampaignInput } from '../../workflows/contracts.ts';
import { scheduledAt } from './workflow.ts';

type RangeJob = Parameters<SendActivities['sendRange']>[0];
type RangeResult = Awaited<ReturnType<SendActivities['sendRange']>>;

/** One campaign's rows, as its activities see them, and what was asked of them in order. */
export class FakeCampaign {
  readonly input: CampaignInput = { orgId: randomUUID(), campaignId: randomUUID(), mailNo: 1 };
  readonly recipients: number;
  readonly lanes: number;
  readonly calls: string[] = [];
  /** Ordinals that went out, as ranges, in the order they came. */
  readonly sent: { from: number; to: number }[] = [];
  state: CampaignState = 'running';
  phase: CampaignPhase | null = null;
  reason: string | null = null;
  detail: string | null = null;
  isFrozen = false;
  isOpen = false;
  /** When each waiting recipient may be tried again, in the server's milliseconds. */
  retries: number[] = [];
  /** What became of retry passes: when they came. */
  readonly passes: number[] = [];
  /** Recipients a recount finds still pending, taken from the front at each finish. */
  leftAtFinish: number[] = [];

  /** What a range does; by default all of it goes out. */
  onRange: (job: RangeJob, nth: number) => Promise<Partial<RangeResult>> = (job) => Promise.resolve({ next: job.to + 1 });
  onFreeze: () => Promise<void> = () => Promise.resolve();
  onPass: (now: number) => void = () => { this.retries = []; };
  ranges = 0;

  constructor(recipients: number, lanes = 1) {
    this.recipients = recipients;
    this.lanes = lanes;
  }

  /** How often each ordinal went out, as `times → how many`: everyone once is `{ 1: recipients }`. */
  tally(): Record<number, number> {
    const times = new Uint8Array(this.recipients);
    for (const { from, to } of this.sent) for (let no = from; no <= to; no += 1) times[no - 1]! += 1;
    const tally: Record<number, number> = {};
    for (const each of times) tally[each] = (tally[each] ?? 0) + 1;
    return tally;
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

async function send(job: RangeJob): Promise<RangeResult> {
  const campaign = of(job);
  if (!campaign.isOpen) return { next: job.from, sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: { kind: 'closed' } };
  campaign.calls.push(`sendRange ${job.from}-${job.to}`);
  campaign.ranges += 1;
  const outcome = await campaign.onRange(job, campaign.ranges);
  const result = { sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: null, next: job.to + 1, ...outcome };
  if (result.next > job.from) campaign.sent.push({ from: job.from, to: result.next - 1 });
  return result;
}

/** The activities of campaigns over `FakeCampaign`s; they do to the rows what the real ones do. */
export const fakeCampaignActivities: CampaignActivities & SendActivities = {
  readCampaign: async (input) => {
    const { state, isFrozen, recipients } = of(input);
    return { state, isFrozen, recipients };
  },
  freezeAudience: async (input) => {
    const campaign = of(input);
    campaign.calls.push('freeze');
    await campaign.onFreeze();
    campaign.isFrozen = true;
    return campaign.recipients;
  },
  openLanes: async (input) => {
    const campaign = of(input);
    campaign.calls.push('openLanes');
    campaign.isOpen = campaign.state === 'running';
    return { ids: Array.from({ length: campaign.lanes }, (_, i) => i + 1), recipients: campaign.recipients };
  },
  setPhase: async (input, phase) => {
    const campaign = of(input);
    campaign.calls.push(phase);
    campaign.phase = phase;
  },
  pauseCampaign: async (input, { reason, detail }) => {
    const campaign = of(input);
    campaign.calls.push(`pause ${reason}`);
    Object.assign(campaign, { isOpen: false, state: 'paused', reason, detail });
  },
  resumeCampaign: async (input) => {
    const campaign = of(input);
    campaign.calls.push('resume');
    Object.assign(campaign, { isOpen: true, state: 'running', reason: null, detail: null });
  },
  cancelCampaign: async (input) => {
    const campaign = of(input);
    campaign.calls.push('cancel');
    Object.assign(campaign, { isOpen: false, state: 'cancelled', reason: 'user' });
  },
  failCampaign: async (input, { reason, detail }) => {
    const campaign = of(input);
    campaign.calls.push(`fail ${reason}`);
    Object.assign(campaign, { isOpen: false, state: 'failed', phase: null, reason, detail });
  },
  readRetries: async (input) => {
    const { retries } = of(input);
    return { waiting: retries.length, dueInMs: retries.length === 0 ? 0 : Math.max(0, Math.min(...retries) - scheduledAt()) };
  },
  finishCampaign: async (input) => {
    const campaign = of(input);
    campaign.calls.push('finish');
    const left = campaign.leftAtFinish.shift() ?? 0;
    if (left > 0) return left;
    campaign.phase = null;
    campaign.isOpen = false;
    if (campaign.state !== 'cancelled') campaign.state = 'completed';
    return 0;
  },
  sendRange: send,
  sendRetries: async (job) => {
    const campaign = of(job);
    campaign.calls.push('sendRetries');
    campaign.passes.push(scheduledAt());
    campaign.onPass(scheduledAt());
    return { next: job.to + 1, sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: null };
  },
};
