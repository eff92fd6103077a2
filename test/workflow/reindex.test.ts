import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReindexActivities } from '../../activities/reindex.ts';
import { messages, queues, workflowIds, type ReindexReason } from '../../workflows/contracts.ts';
import { scheduledAt, startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** What each organization's index went through, and how a build behaves. */
interface FakeIndex {
  readonly steps: string[];
  readonly needed: ReadonlySet<ReindexReason>;
  readonly mayFinish: () => boolean;
  failsOnce: boolean;
  removedAt: number;
  handedOverAt: number;
}
const indexes = new Map<string, FakeIndex>();
const of = (orgId: string) => indexes.get(orgId) ?? (() => { throw new Error('the test knows no such organization'); })();
const activities: ReindexActivities = {
  beginReindex: async (orgId, reason) => { of(orgId).steps.push(`begin ${reason}`); return of(orgId).needed.has(reason); },
  backfillIndex: async (orgId) => {
    const index = of(orgId);
    if (index.failsOnce) {
      index.failsOnce = false;
      throw new Error('the index is too busy');
    }
    await stayUntil(index.mayFinish);
    index.steps.push('backfill');
  },
  handOverIndex: async (orgId) => { of(orgId).steps.push('hand over'); of(orgId).handedOverAt = scheduledAt(); },
  removeRetiredIndexes: async (orgId) => { of(orgId).steps.push('remove'); of(orgId).removedAt = scheduledAt(); },
  reconcileIndex: async () => ({ differing: 2, repaired: 3 }),
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

function fakeIndex(needed: ReindexReason[], mayFinish = () => true): { orgId: string; index: FakeIndex } {
  const orgId = randomUUID();
  const index: FakeIndex = { steps: [], needed: new Set(needed), mayFinish, failsOnce: false, removedAt: 0, handedOverAt: 0 };
  indexes.set(orgId, index);
  return { orgId, index };
}
const ask = (orgId: string, reason: ReindexReason) => rig.environment.client.workflow.signalWithStart('reindexWorkflow', {
  workflowId: workflowIds.reindex(orgId), taskQueue: queues.engine, args: [{ orgId }], signal: messages.nudge, signalArgs: [reason],
});

test('a build is handed over, and the old version goes ten minutes later', async () => {
  const { orgId, index } = fakeIndex(['fields']);
  index.failsOnce = true;
  await (await ask(orgId, 'fields')).result();
  expect(index.steps).toEqual(['begin fields', 'backfill', 'hand over', 'remove']);
  expect(index.removedAt - index.handedOverAt).toBeGreaterThanOrEqual(600_000);
});

test('reasons said during a build are looked at once each when it is done', async () => {
  let mayFinish = false;
  const { orgId, index } = fakeIndex(['fields', 'timezone'], () => mayFinish);
  const handle = await ask(orgId, 'fields');
  await rig.environment.sleep(1);
  while (index.steps.length === 0) await new Promise((done) => setTimeout(done, 20));
  for (const reason of ['timezone', 'growth', 'timezone', 'growth'] as const) await ask(orgId, reason);
  mayFinish = true;
  await handle.result();
  expect(index.steps).toEqual(['begin fields', 'backfill', 'hand over', 'begin timezone', 'backfill', 'hand over', 'begin growth', 'remove']);
});

test('the comparison tells what it found', async () => {
  const orgId = randomUUID();
  expect(await rig.environment.client.workflow.execute('reconcileWorkflow', { workflowId: workflowIds.reconcile(orgId), taskQueue: queues.engine, args: [{ orgId }] })).toEqual({ differing: 2, repaired: 3 });
});
