import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../../workflows/contracts.ts';
import { startCampaign, until } from '../support/campaign-rig.ts';
import { fakeCampaign, fakeCampaignActivities, type FakeCampaign } from '../support/fake-campaign.ts';
import { startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** Commands that meet each other, the start or an accident. */

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(fakeCampaignActivities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const launch = (campaign: FakeCampaign) => startCampaign(rig, campaign);
const accepted = async (handle: WorkflowHandle) => ((await handle.fetchHistory()).events ?? []).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes != null).length;

test('commands are written in the order they were taken, however long one takes', async () => {
  const campaign = fakeCampaign(9_000);
  campaign.onRange = async (job, nth) => {
    if (nth > 1) return { next: job.to + 1 };
    // The mail is closed for a moment only: the next command opens it again.
    await stayUntil(() => campaign.calls.includes('pause user'));
    return { next: 2_001, stop: { kind: 'closed' } };
  };
  let isSlow = true;
  campaign.onPause = () => stayUntil(() => !isSlow);
  const handle = await launch(campaign);
  await until(() => campaign.ranges === 1);
  const pausing = handle.executeUpdate(messages.pause);
  await expect.poll(() => accepted(handle), { timeout: 30_000 }).toBe(1);
  const resuming = handle.executeUpdate(messages.resume);
  await expect.poll(() => accepted(handle), { timeout: 30_000 }).toBe(2);
  isSlow = false;
  await Promise.all([pausing, resuming]);
  expect(campaign).toMatchObject({ state: 'running', isOpen: true });
  await handle.result();
  expect(campaign.calls.filter((call) => call.startsWith('pause') || call === 'resume')).toEqual(['pause user', 'resume']);
  expect(campaign.tally()).toEqual({ 1: 9_000 });
});

test('a lane that a newer plan took away has the rest planned anew', async () => {
  const campaign = fakeCampaign(12_000, 2);
  campaign.onRange = (job, nth) => (nth === 2 ? Promise.reject(ApplicationFailure.nonRetryable('This lane belongs to a newer run.', 'conflict')) : Promise.resolve({ next: job.to + 1 }));
  await (await launch(campaign)).result();
  expect(campaign.state).toBe('completed');
  // Twice is what was walked twice: the ledger has nothing pending there.
  expect(Object.keys(campaign.tally())).toEqual(['1', '2']);
});

test('a retry whose lane was taken away is planned anew', async () => {
  const campaign = fakeCampaign(10);
  campaign.onRange = async (job) => {
    campaign.retries = [await rig.environment.currentTimeMs()];
    return { next: job.to + 1, deferred: 1 };
  };
  campaign.onPass = () => {
    if (campaign.passes.length === 1) throw ApplicationFailure.nonRetryable('This lane belongs to a newer run.', 'conflict');
    campaign.retries = [];
    return null;
  };
  await (await launch(campaign)).result();
  expect(campaign).toMatchObject({ state: 'completed', retries: [] });
});

test('cancelled while its audience is frozen it does not wait for it', async () => {
  const campaign = fakeCampaign(10);
  // An index that never comes back.
  campaign.onFreeze = () => stayUntil(() => false);
  const handle = await launch(campaign);
  await until(() => campaign.calls.includes('freeze'));
  await handle.executeUpdate(messages.cancel);
  await handle.result();
  expect(campaign.calls).toEqual(['freeze', 'cancel', 'finish', 'certify']);
  expect(campaign).toMatchObject({ state: 'cancelled', sent: [] });
}, 60_000);

test('cancelled while its audience turns out to be unreadable it is cancelled and did not fail', async () => {
  const campaign = fakeCampaign(10);
  campaign.onFreeze = async () => {
    await until(() => campaign.state === 'cancelled');
    throw ApplicationFailure.nonRetryable('The connection of this campaign is gone.', 'invalid');
  };
  const handle = await launch(campaign);
  await until(() => campaign.calls.includes('freeze'));
  await handle.executeUpdate(messages.cancel);
  await handle.result();
  expect(campaign.calls).toEqual(['freeze', 'cancel', 'finish', 'certify']);
  expect(campaign.state).toBe('cancelled');
});
