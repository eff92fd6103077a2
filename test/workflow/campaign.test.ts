import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../../workflows/contracts.ts';
import { refusalOf, startCampaign, until } from '../support/campaign-rig.ts';
import { fakeCampaign, fakeCampaignActivities, type FakeCampaign } from '../support/fake-campaign.ts';
import { startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(fakeCampaignActivities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const launch = (campaign: FakeCampaign) => startCampaign(rig, campaign);
/** Updates that got past their validator, by name. */
async function acceptedUpdates(handle: WorkflowHandle): Promise<(string | null | undefined)[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionUpdateAcceptedEventAttributes: accepted }) => (accepted == null ? [] : [accepted.acceptedRequest?.input?.name]));
}

test('a campaign freezes its audience, sends everyone once and completes', async () => {
  const campaign = fakeCampaign(12_000);
  await (await launch(campaign)).result();
  expect(campaign.calls).toEqual(['freeze', 'sending', 'sendRange 1-5000', 'sendRange 5001-10000', 'sendRange 10001-12000', 'finish', 'certify']);
  expect(campaign).toMatchObject({ state: 'completed', phase: null, isCertified: true });
  expect(campaign.tally()).toEqual({ 1: 12_000 });
});

test('lanes side by side send nobody twice', async () => {
  const campaign = fakeCampaign(52_001, 4);
  await (await launch(campaign)).result();
  expect(campaign.ranges).toBe(11);
  expect(campaign.tally()).toEqual({ 1: 52_001 });
});

test('paused while sending it stands still, and resumed it goes on exactly where it stopped', async () => {
  const campaign = fakeCampaign(9_000);
  // The first range is in its middle when the mail is closed.
  campaign.onRange = async (job, nth) => {
    if (nth > 1) return { next: job.to + 1 };
    await stayUntil(() => !campaign.isOpen);
    return { next: 2_001, stop: { kind: 'closed' } };
  };
  const handle = await launch(campaign);
  await until(() => campaign.ranges === 1);
  await handle.executeUpdate(messages.pause);
  expect(campaign).toMatchObject({ state: 'paused', reason: 'user', isOpen: false });
  expect(await refusalOf(handle.executeUpdate(messages.pause))).toBe('A campaign that is paused cannot be paused.');
  await rig.environment.sleep(84 * HOUR);
  expect(campaign.ranges).toBe(1);
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(campaign.calls.filter((call) => call.startsWith('sendRange'))).toEqual(['sendRange 1-5000', 'sendRange 2001-5000', 'sendRange 5001-9000']);
  expect(campaign.tally()).toEqual({ 1: 9_000 });
  expect(campaign.state).toBe('completed');
  expect(await acceptedUpdates(handle)).toEqual([messages.pause, messages.resume]);
});

test('cancelling is final: the rest is skipped, and a pause after it is refused before it is taken', async () => {
  const campaign = fakeCampaign(9_000);
  let isInFlight = true;
  campaign.onRange = async () => {
    await stayUntil(() => !isInFlight);
    return { next: 1_201, stop: { kind: 'closed' } };
  };
  const handle = await launch(campaign);
  await until(() => campaign.ranges === 1);
  await handle.executeUpdate(messages.cancel);
  for (const [command, wish] of [[messages.pause, 'paused'], [messages.resume, 'resumed'], [messages.cancel, 'cancelled']] as const) {
    expect(await refusalOf(handle.executeUpdate(command))).toBe(`A campaign that is cancelled cannot be ${wish}.`);
  }
  isInFlight = false;
  await handle.result();
  expect(campaign.calls.slice(-3)).toEqual(['cancel', 'finish', 'certify']);
  expect(campaign).toMatchObject({ state: 'cancelled', ranges: 1 });
  expect(await acceptedUpdates(handle)).toEqual([messages.cancel]);
});

test('a paused campaign that is cancelled ends without sending on', async () => {
  const campaign = fakeCampaign(9_000);
  campaign.onRange = async () => {
    await stayUntil(() => !campaign.isOpen);
    return { next: 1, stop: { kind: 'closed' } };
  };
  const handle = await launch(campaign);
  await until(() => campaign.ranges === 1);
  await handle.executeUpdate(messages.pause);
  await handle.executeUpdate(messages.cancel);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'cancelled', sent: [] });
});

test('retries wait for their due time, pass after pass, and then the campaign ends', async () => {
  const campaign = fakeCampaign(10);
  campaign.onRange = async (job) => {
    campaign.retries = [await rig.environment.currentTimeMs() + HOUR];
    return { next: job.to + 1, deferred: 1 };
  };
  const due: number[] = [];
  campaign.onPass = (now) => {
    due.push(campaign.retries[0] ?? 0);
    campaign.retries = due.length < 3 ? [now + 5 * HOUR] : [];
    return null;
  };
  const startedAt = Date.now();
  await (await launch(campaign)).result();
  expect(campaign.calls.filter((call) => call !== 'retrying')).toEqual(['freeze', 'sending', 'sendRange 1-10', 'sendRetries', 'sendRetries', 'sendRetries', 'finish', 'certify']);
  campaign.passes.forEach((at, i) => {
    expect(at).toBeGreaterThanOrEqual(due[i] ?? 0);
    expect(at).toBeLessThan((due[i] ?? 0) + MINUTE);
  });
  expect(Date.now() - startedAt).toBeLessThan(HOUR / 60);
});

test('a campaign paused between retry passes lets their time go by and tries again when resumed', async () => {
  const campaign = fakeCampaign(10);
  campaign.onRange = async (job) => {
    campaign.retries = [await rig.environment.currentTimeMs() + HOUR];
    return { next: job.to + 1, deferred: 1 };
  };
  const handle = await launch(campaign);
  await until(() => campaign.phase === 'retrying');
  await handle.executeUpdate(messages.pause);
  await rig.environment.sleep(5 * HOUR);
  expect(campaign.passes).toEqual([]);
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(campaign.passes).toHaveLength(1);
  expect(campaign.state).toBe('completed');
});

test('a broken connection pauses the campaign with its reason, and resumed it sends the rest', async () => {
  const campaign = fakeCampaign(9_000, 2);
  campaign.onRange = async (job, nth) =>
    nth === 1 ? { next: job.from + 100, stop: { kind: 'broken', connectionNo: 1, reason: 'login_refused', detail: '535 5.7.8 wrong password' } } : { next: job.to + 1 };
  const handle = await launch(campaign);
  await until(() => campaign.state === 'paused');
  expect(campaign).toMatchObject({ reason: 'login_refused', detail: '535 5.7.8 wrong password', isOpen: false });
  await handle.executeUpdate(messages.resume);
  await handle.result();
  expect(campaign).toMatchObject({ state: 'completed', reason: null });
  expect(campaign.calls.filter((call) => call.startsWith('pause'))).toEqual(['pause login_refused']);
  expect(campaign.tally()).toEqual({ 1: 9_000 });
});

test('an audience that cannot be read fails the campaign with the sentence', async () => {
  const campaign = fakeCampaign(10);
  campaign.onFreeze = () => Promise.reject(ApplicationFailure.nonRetryable('The connection of this campaign is gone.', 'invalid'));
  await (await launch(campaign)).result();
  expect(campaign).toMatchObject({ state: 'failed', reason: 'unreadable', detail: 'The connection of this campaign is gone.', sent: [] });
});

test('recipients that a lost attempt gave up are found by the recount and sent', async () => {
  const campaign = fakeCampaign(10);
  campaign.leftAtFinish = [3];
  await (await launch(campaign)).result();
  expect(campaign.calls).toEqual(['freeze', 'sending', 'sendRange 1-10', 'finish', 'sending', 'sendRange 1-10', 'finish', 'certify']);
});

test('a run that follows a lost one does not freeze again, holds while paused, skips the rest of a cancelled one and lets a finished one be', async () => {
  const paused = Object.assign(fakeCampaign(10), { isFrozen: true, state: 'paused' as const });
  const handle = await launch(paused);
  await handle.executeUpdate(messages.resume);
  await handle.result();
  // Lanes may open before the rows say that it runs again: they find the mail closed and ask a second later.
  expect(paused.calls.filter((call) => call !== 'resume')).toEqual(['sending', 'sendRange 1-10', 'finish', 'certify']);

  const cancelled = Object.assign(fakeCampaign(10), { isFrozen: true, state: 'cancelled' as const });
  await (await launch(cancelled)).result();
  expect(cancelled.calls).toEqual(['finish', 'certify']);

  const completed = Object.assign(fakeCampaign(10), { isFrozen: true, isCertified: true, state: 'completed' as const });
  await (await launch(completed)).result();
  expect(completed.calls).toEqual([]);

  const uncertified = Object.assign(fakeCampaign(10), { isFrozen: true, state: 'completed' as const });
  await (await launch(uncertified)).result();
  expect(uncertified.calls).toEqual(['certify']);
});

test('a certificate waits until the index knows of every mail', async () => {
  const campaign = fakeCampaign(10);
  campaign.uncertified = 3;
  await (await launch(campaign)).result();
  expect(campaign.calls.slice(-5)).toEqual(['finish', 'certify', 'certify', 'certify', 'certify']);
  expect(campaign).toMatchObject({ state: 'completed', isCertified: true });
});

test('after 600 activities it continues as a new run with its cursors', async () => {
  // Halves come back, so that the run ends with ranges returned as well as untouched. The rows keep the lowest: what the
  // other lanes sent beyond it is walked again, where the ledger has nothing pending.
  const campaign = fakeCampaign(2_000_000, 4);
  campaign.onRange = (job) => Promise.resolve(job.to - job.from === 4_999 ? { next: job.from + 2_500 } : { next: job.to + 1 });
  const handle = await launch(campaign);
  const first = (await handle.describe()).runId;
  await handle.result();
  expect((await rig.environment.client.workflow.getHandle(handle.workflowId).describe()).runId).not.toBe(first);
  expect(campaign.calls.filter((call) => !call.startsWith('sendRange'))).toEqual(['freeze', 'sending', 'sending', 'finish', 'certify']);
  const { 1: once = 0, 2: twice = 0, ...others } = campaign.tally();
  expect([once + twice, others]).toEqual([2_000_000, {}]);
  expect(twice).toBeLessThanOrEqual(4 * 5_000);
  expect(campaign.state).toBe('completed');
}, 120_000);
