import { randomUUID } from 'node:crypto';
import type { WorkflowHandleWithSignaledRunId } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IndexingActivities } from '../../activities/indexing.ts';
import type { SweepActivities } from '../../activities/sweep.ts';
import { messages, queues, workflowIds } from '../../workflows/contracts.ts';
import { scheduledAt, startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** What one look at an organization's outbox finds; its length is how often it was looked at. */
type Look = () => Promise<{ done: number; left: boolean }>;
const outboxes = new Map<string, { looks: number; look: Look }>();
const sweptAt: number[] = [];
const activities: IndexingActivities & SweepActivities = {
  drainOutbox: async (orgId) => {
    const outbox = outboxes.get(orgId);
    if (outbox === undefined) throw new Error('the test knows no such organization');
    outbox.looks += 1;
    return outbox.look();
  },
  sweep: async () => {
    sweptAt.push(scheduledAt());
    return { campaigns: 0, imports: 0, jobs: 0, outboxes: 0, cohorts: 0 };
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

function fakeOutbox(look: (outbox: { looks: number }) => ReturnType<Look>) {
  const orgId = randomUUID();
  const outbox = { orgId, looks: 0, look: () => look(outbox) };
  outboxes.set(orgId, outbox);
  return outbox;
}
const nudge = (orgId: string): Promise<WorkflowHandleWithSignaledRunId> =>
  rig.environment.client.workflow.signalWithStart('outboxWorkflow', { workflowId: workflowIds.outbox(orgId), taskQueue: queues.engine, args: [{ orgId }], signal: messages.nudge, signalArgs: [] });

test('the outbox is followed while rows are left, and its workflow ends after a lull', async () => {
  const outbox = fakeOutbox(({ looks }) => Promise.resolve({ done: 10, left: looks < 4 }));
  const handle = await nudge(outbox.orgId);
  await handle.result();
  // One look for the rest, or one more for the nudge it began with.
  expect(outbox.looks).toBeLessThanOrEqual(5);
  expect(outbox.looks).toBeGreaterThanOrEqual(4);
  expect((await handle.describe()).status.name).toBe('COMPLETED');
});

test('a nudge during the last look makes it look again, and one after the end begins anew', async () => {
  let isHeld = true;
  const outbox = fakeOutbox(async ({ looks }) => {
    if (looks === 1) await stayUntil(() => !isHeld);
    return { done: 0, left: false };
  });
  const handle = await nudge(outbox.orgId);
  await expect.poll(() => outbox.looks, { timeout: 30_000 }).toBe(1);
  await nudge(outbox.orgId);
  await expect.poll(async () => (await handle.fetchHistory()).events?.filter((event) => event.workflowExecutionSignaledEventAttributes != null).length, { timeout: 30_000 }).toBe(2);
  isHeld = false;
  await handle.result();
  expect(outbox.looks).toBe(2);
  const again = await nudge(outbox.orgId);
  await again.result();
  expect(outbox.looks).toBeGreaterThanOrEqual(3);
  expect(again.signaledRunId).not.toBe(handle.signaledRunId);
});

test('an outbox that always has rows continues in new runs before its history grows long', async () => {
  const outbox = fakeOutbox(({ looks }) => Promise.resolve({ done: 1, left: looks < 500 }));
  const handle = await nudge(outbox.orgId);
  await handle.result();
  expect(outbox.looks).toBe(500);
  const { events } = await rig.environment.client.workflow.getHandle(workflowIds.outbox(outbox.orgId)).fetchHistory();
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
  expect(events?.length).toBeLessThan(2_000);
}, 120_000);

test('the sweep looks again after 15 s, then every minute, hour after hour', async () => {
  const handle = await rig.environment.client.workflow.start('sweepWorkflow', { workflowId: workflowIds.sweep(), taskQueue: queues.engine, args: [] });
  await rig.environment.sleep('3 hours');
  await handle.terminate();
  expect(sweptAt.length).toBeGreaterThanOrEqual(179);
  const [first = 0, ...gaps] = sweptAt.slice(1).map((at, i) => at - (sweptAt[i] ?? 0));
  expect(first).toBeGreaterThanOrEqual(15_000);
  expect(first).toBeLessThan(25_000);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(60_000);
  expect(Math.max(...gaps)).toBeLessThan(70_000);
}, 120_000);
