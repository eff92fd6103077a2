import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../../workflows/contracts.ts';
import { refusalOf, startCampaign, until } from '../support/campaign-rig.ts';
import { fakeCampaign, fakeCampaignActivities, type FakeCampaign } from '../support/fake-campaign.ts';
import { scheduledAt, startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** What a campaign waits for: its time, its test, a limit, a connection that is gone. */

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(fakeCampaignActivities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const start = (campaign: FakeCampaign) => startCampaign(rig, campaign);
const now = () => rig.environment.currentTimeMs();
const pick = (handle: WorkflowHandle, variant: number, by = 'Ada') => handle.executeUpdate(messages.pickWinner, { args: [{ variant, by }] });
/** The test group of 20 with two variants, then the rest of 80. */
const experiment = () => Object.assign(fakeCampaign(100).cut({ size: 10, phase: 'test', variant: 1 }, { size: 10, phase: 'test', variant: 2 }, { size: 80, phase: 'rest' }), { testMs: 4 * HOUR, best: 2 });
/** The rest gets the variant of the winner, as `setWinner` writes it into its slice. */
const restOf = (campaign: FakeCampaign) => campaign.sent.filter((range) => range.from > 20);

async function scheduled(dueAt: number): Promise<FakeCampaign> {
  return Object.assign(fakeCampaign(10), { state: 'scheduled' as const, scheduledAt: dueAt });
}

test('a scheduled campaign holds, begins on time and freezes its audience then', async () => {
  const dueAt = (await now()) + 30 * 24 * HOUR;
  const campaign = await scheduled(dueAt);
  const handle = await start(campaign);
  await rig.environment.sleep(29 * 24 * HOUR);
  expect(campaign).toMatchObject({ state: 'scheduled', calls: [] });
  await handle.result();
  expect(campaign.calls).toEqual(['begin', 'freeze', 'sending', 'sendRange 1-10', 'finish', 'certify']);
  expect(campaign.sent[0]!.at).toBeGreaterThanOrEqual(dueAt);
  expect(campaign.sent[0]!.at).toBeLessThan(dueAt + MINUTE);
});

test('up to six hours late it starts; later it is paused as it missed its time, and Resume starts it', async () => {
  const late = await scheduled((await now()) - 5.9 * HOUR);
  await (await start(late)).result();
  expect(late).toMatchObject({ state: 'completed' });

  const missed = await scheduled((await now()) - 7 * HOUR);
  const handle = await start(missed);
  await until(() => missed.state === 'paused');
  await rig.environment.sleep(30 * HOUR);
  expect(missed).toMatchObject({ reason: 'missed_time', calls: ['miss'], isFrozen: false });
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(missed).toMatchObject({ state: 'completed' });
  expect(missed.calls.slice(0, 3)).toEqual(['miss', 'resume', 'freeze']);
});

test('an unscheduled campaign ends its run and is a draft; a running one is not unscheduled', async () => {
  const campaign = await scheduled((await now()) + HOUR);
  const handle = await start(campaign);
  expect(await refusalOf(handle.executeUpdate(messages.pause))).toBe('A campaign that is scheduled cannot be paused.');
  await handle.executeUpdate(messages.unschedule);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'draft', calls: ['unschedule'] });

  const running = fakeCampaign(10);
  let isInFlight = true;
  running.onRange = async (job) => {
    await stayUntil(() => !isInFlight);
    return { next: job.to + 1 };
  };
  const other = await start(running);
  await until(() => running.ranges === 1);
  expect(await refusalOf(other.executeUpdate(messages.unschedule))).toBe('A campaign that is running cannot be unscheduled.');
  isInFlight = false;
  await other.result();
});

test('slices of later time zones wait for their time, in the phase that says so', async () => {
  const begunAt = await now();
  const campaign = fakeCampaign(30).cut({ size: 10 }, { size: 10, notBefore: begunAt + 3 * HOUR }, { size: 10, notBefore: begunAt + 9 * HOUR });
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting_for_zone');
  expect(campaign.phaseUntil).toBe(begunAt + 3 * HOUR);
  await handle.result();
  expect(campaign.sent.map(({ at }) => Math.floor((at - begunAt) / HOUR))).toEqual([0, 3, 9]);
  expect(campaign.tally()).toEqual({ 1: 30 });
});

test('a test waits for its end from the last test mail, then the winner by the rule goes to the rest', async () => {
  const campaign = experiment();
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting');
  expect(campaign.phaseUntil).toBe(campaign.sent.at(-1)!.at + 4 * HOUR);
  await handle.result();
  expect(campaign.calls).toEqual(['freeze', 'testing', 'sendRange 1-10', 'sendRange 11-20', 'waiting', 'sending_winner', 'sendRange 21-100', 'finish', 'certify']);
  expect(campaign.sent.map((range) => range.variant).slice(0, 2)).toEqual([1, 2]);
  expect(restOf(campaign)[0]!.at).toBeGreaterThanOrEqual(campaign.sent[1]!.at + 4 * HOUR);
  expect(campaign).toMatchObject({ winner: 2, pickedBy: null, state: 'completed' });
  expect(campaign.tally()).toEqual({ 1: 100 });
});

test('a winner is picked by hand once, in the wait and at no other time', async () => {
  const campaign = experiment();
  const sentence = 'A winner can be picked while the test waits for its end.';
  let isInFlight = true;
  campaign.onRange = async (job) => {
    await stayUntil(() => !isInFlight);
    return { next: job.to + 1 };
  };
  const handle = await start(campaign);
  await until(() => campaign.ranges > 0);
  expect(await refusalOf(pick(handle, 1))).toBe(sentence);
  isInFlight = false;
  await until(() => campaign.phase === 'waiting');
  const both = await Promise.allSettled([pick(handle, 1, 'Ada'), pick(handle, 2, 'Bob')]);
  expect(both.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
  await handle.result();
  const first = both[0]!.status === 'fulfilled' ? { winner: 1, pickedBy: 'Ada' } : { winner: 2, pickedBy: 'Bob' };
  expect(campaign).toMatchObject({ ...first, state: 'completed' });
  expect(restOf(campaign)[0]!.at - campaign.sent[1]!.at).toBeLessThan(HOUR);
});

test('a winner that is picked as the rule picks another is refused', async () => {
  const campaign = experiment();
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting');
  campaign.winner = 1;
  expect(await refusalOf(handle.executeUpdate(messages.pickWinner, { args: [{ variant: 2, by: 'Ada' }] }))).toBe('The test ended at this moment, and its winner was chosen by the rule.');
  await handle.result();
  expect(campaign).toMatchObject({ state: 'completed', winner: 1, pickedBy: null });
});

test('paused in the wait the clock of the test goes on, and the winner waits for Resume', async () => {
  const campaign = experiment();
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting');
  await handle.executeUpdate(messages.pause);
  await rig.environment.sleep(10 * HOUR);
  expect(campaign).toMatchObject({ state: 'paused', winner: null });
  expect(restOf(campaign)).toEqual([]);
  const resumedAt = await now();
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'completed', winner: 2 });
  expect(restOf(campaign)[0]!.at - resumedAt).toBeLessThan(MINUTE);
});

test('a limit frees the slot and says until when it waits', async () => {
  const campaign = fakeCampaign(9_000);
  const begunAt = await now();
  campaign.onRange = async (job, nth) => (nth === 1 ? { next: job.from + 500, stop: { kind: 'limit', until: begunAt + 20 * HOUR } } : { next: job.to + 1 });
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting_for_limit');
  expect(campaign.phaseUntil).toBe(begunAt + 20 * HOUR);
  await handle.result();
  expect(campaign.calls.filter((call) => call.startsWith('sendRange')).slice(0, 2)).toEqual(['sendRange 1-5000', 'sendRange 501-5500']);
  // It plans anew every ten minutes: the word that a limit was changed may be lost, and something else may be due.
  expect(campaign.sent[1]!.at - begunAt).toBeLessThan(11 * MINUTE);
  expect(campaign.tally()).toEqual({ 1: 9_000 });
});

test('a connection that waits for its limit holds up neither the wave nor the retries of another', async () => {
  const begunAt = await now();
  const campaign = fakeCampaign(300).cut({ size: 100, connectionNo: 2 }, { size: 100 }, { size: 100, notBefore: begunAt + HOUR });
  campaign.onRange = async (job, nth) => {
    if (campaign.connectionByLane.get(job.laneId) === 2 && scheduledAt() < begunAt + 4 * HOUR) return { next: job.from, stop: { kind: 'limit', until: begunAt + 4 * HOUR } };
    if (nth <= 2) campaign.retries = [begunAt + 5 * MINUTE];
    return { next: job.to + 1 };
  };
  const handle = await start(campaign);
  await handle.result();
  const wave = campaign.sent.find((range) => range.from === 201);
  expect(wave!.at - begunAt).toBeGreaterThanOrEqual(HOUR);
  expect(wave!.at - begunAt).toBeLessThan(HOUR + MINUTE);
  expect(campaign.passes[0]! - begunAt).toBeLessThan(11 * MINUTE);
  expect(campaign.sent.find((range) => range.connectionNo === 2)!.at - begunAt).toBeGreaterThanOrEqual(4 * HOUR);
  expect(campaign.tally()).toEqual({ 1: 300 });
}, 60_000);

test('told that limits were changed it asks again at once, also in a retry', async () => {
  const campaign = fakeCampaign(10);
  const begunAt = await now();
  const far = begunAt + 100 * HOUR;
  campaign.onRange = async (job, nth) => (nth === 1 ? { next: job.from, stop: { kind: 'limit', until: far } } : { next: job.to + 1, deferred: 1 });
  campaign.retries = [begunAt];
  campaign.onPass = () => {
    const isFirst = campaign.passes.length === 1;
    if (!isFirst) campaign.retries = [];
    return isFirst ? { kind: 'limit', until: far } : null;
  };
  const handle = await start(campaign);
  await until(() => campaign.phase === 'waiting_for_limit');
  await handle.signal(messages.limits);
  await until(() => campaign.passes.length === 1 && campaign.phase === 'waiting_for_limit');
  await handle.signal(messages.limits);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'completed' });
  // The clock itself goes on when the run is over.
  expect(campaign.passes[1]! - begunAt).toBeLessThan(MINUTE);
});

test('a broken connection that somebody takes over for costs nobody a mail', async () => {
  const campaign = fakeCampaign(20_000, 2).cut({ size: 10_000, connectionNo: 1 }, { size: 10_000, connectionNo: 2 });
  campaign.heirs.set(1, 2);
  campaign.onRange = async (job) => {
    if (campaign.connectionByLane.get(job.laneId) === 2) return { next: job.to + 1 };
    return { next: job.from + 50, stop: { kind: 'broken', connectionNo: 1, reason: 'login_refused', detail: '535' } };
  };
  await (await start(campaign)).result();
  expect(campaign).toMatchObject({ state: 'completed', reason: null });
  expect(campaign.calls).not.toContain('pause login_refused');
  expect(campaign.calls).toContain('replace 1');
  const { 0: missed = 0 } = campaign.tally();
  expect(missed).toBe(0);
  expect(campaign.sent.filter((range) => range.connectionNo === 1).reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBeLessThanOrEqual(200);
});

test('after connection failures it tries the connection each 30 s, once for all lanes, and goes on by itself', async () => {
  const campaign = fakeCampaign(20_000, 4);
  campaign.probes = [false, false, false];
  campaign.onRange = async (job, nth) => (nth <= 4 ? { next: job.from, stop: { kind: 'broken', connectionNo: 1, reason: 'connection_failures', detail: 'refused' } } : { next: job.to + 1 });
  await (await start(campaign)).result();
  expect(campaign.calls.filter((call) => call === 'pause connection_failures')).toHaveLength(1);
  expect(campaign.probedAt).toHaveLength(4);
  for (const [i, at] of campaign.probedAt.slice(1).entries()) expect(Math.round((at - campaign.probedAt[i]!) / 1_000)).toBe(30);
  expect(campaign).toMatchObject({ state: 'completed', reason: null });
  expect(campaign.tally()).toEqual({ 1: 20_000 });
});

test('a person’s pause is never ended by a probe, and other causes wait for a person', async () => {
  const campaign = fakeCampaign(10);
  campaign.onRange = async (job, nth) => (nth === 1 ? { next: job.from, stop: { kind: 'broken', connectionNo: 1, reason: 'connection_failures', detail: 'refused' } } : { next: job.to + 1 });
  campaign.probes = [false];
  const handle = await start(campaign);
  await until(() => campaign.reason === 'connection_failures');
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'completed', probedAt: [] });

  for (const stop of [{ kind: 'broken', connectionNo: 1, reason: 'policy_refusals', detail: '5.7.1' }, { kind: 'unsafe', reason: 'complaint_rate', detail: '3 complained' }] as const) {
    const other = fakeCampaign(10);
    other.onRange = async (job, nth) => (nth === 1 ? { next: job.from, stop } : { next: job.to + 1 });
    const run = await start(other);
    await until(() => other.state === 'paused');
    await rig.environment.sleep(3 * HOUR);
    expect(other).toMatchObject({ state: 'paused', reason: stop.reason, detail: stop.detail, probedAt: [] });
    await run.executeUpdate(messages.cancel);
    await run.result();
  }
});

test('probing for hours goes on in new runs', async () => {
  const campaign = fakeCampaign(10);
  campaign.probes = Array.from({ length: 700 }, () => false);
  campaign.onRange = async (job, nth) => (nth === 1 ? { next: job.from, stop: { kind: 'broken', connectionNo: 1, reason: 'connection_failures', detail: 'refused' } } : { next: job.to + 1 });
  const handle = await start(campaign);
  const first = (await handle.describe()).runId;
  await handle.result();
  expect((await rig.environment.client.workflow.getHandle(handle.workflowId).describe()).runId).not.toBe(first);
  expect(campaign.probedAt).toHaveLength(701);
  expect(campaign).toMatchObject({ state: 'completed' });
}, 120_000);
