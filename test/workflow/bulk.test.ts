import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BulkActivities } from '../../activities/bulk.ts';
import type { ExportActivities } from '../../activities/exports.ts';
import type { ScrubActivities } from '../../activities/scrub.ts';
import { messages, queues, workflowIds } from '../../workflows/contracts.ts';
import { startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** Jobs over many customers: bulk actions, exports, the search of kept files. One fake a job, found by its id. */
class FakeJob {
  readonly id = randomUUID();
  readonly calls: string[] = [];
  state = 'queued';
  problem: string | null = null;
  onCollect: () => Promise<void> = () => Promise.resolve();
  onApply: () => Promise<{ complete: boolean }> = () => Promise.resolve({ complete: true });
  onWrite: () => Promise<void> = () => Promise.resolve();
  onScrub: (importIds: readonly string[] | null) => Promise<{ waiting: string[] }> = () => Promise.resolve({ waiting: [] });
}

const jobs = new Map<string, FakeJob>();
const of = (id: string): FakeJob => {
  const job = jobs.get(id);
  if (job === undefined) throw ApplicationFailure.nonRetryable('the test knows no such job');
  return job;
};
const close = (job: FakeJob, state: string, problem: string | null) => {
  job.calls.push(`close ${state}`);
  Object.assign(job, { state, problem });
};
const activities: BulkActivities & ExportActivities & ScrubActivities = {
  collectBulk: async ({ bulkId }) => {
    of(bulkId).calls.push('collect');
    await of(bulkId).onCollect();
    return { customers: 1 };
  },
  applyBulk: async ({ bulkId }) => {
    of(bulkId).calls.push('apply');
    return of(bulkId).onApply();
  },
  closeBulk: async ({ bulkId }, state, problem) => close(of(bulkId), state, problem),
  writeExport: async ({ exportId }) => {
    of(exportId).calls.push('write');
    await of(exportId).onWrite();
    return { rows: 1 };
  },
  closeExport: async ({ exportId }, state, problem) => close(of(exportId), state, problem),
  scrubFiles: async ({ orgId }, importIds) => {
    of(orgId).calls.push(importIds === null ? 'search all' : `search ${importIds.join(' ')}`);
    return of(orgId).onScrub(importIds);
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const fakeJob = () => {
  const job = new FakeJob();
  jobs.set(job.id, job);
  return job;
};
const orgId = randomUUID();
const startBulk = ({ id }: FakeJob): Promise<WorkflowHandle> =>
  rig.environment.client.workflow.start('bulkWorkflow', { workflowId: workflowIds.bulk(orgId, id), taskQueue: queues.engine, args: [{ orgId, bulkId: id }] });
const startExport = ({ id }: FakeJob): Promise<WorkflowHandle> =>
  rig.environment.client.workflow.start('exportWorkflow', { workflowId: workflowIds.export(orgId, id), taskQueue: queues.engine, args: [{ orgId, exportId: id }] });
const nudgeScrub = ({ id }: FakeJob): Promise<WorkflowHandle> =>
  rig.environment.client.workflow.signalWithStart('scrubWorkflow', { workflowId: workflowIds.scrub(id), taskQueue: queues.engine, args: [{ orgId: id }], signal: messages.nudge, signalArgs: [] });

test('customers are collected, acted on and the job completed', async () => {
  const job = fakeJob();
  await (await startBulk(job)).result();
  expect(job).toMatchObject({ calls: ['collect', 'apply', 'close completed'], state: 'completed', problem: null });
});

test('staging rows lost in a crash are collected again', async () => {
  const job = fakeJob();
  job.onApply = () => Promise.resolve({ complete: job.calls.filter((call) => call === 'collect').length === 2 });
  await (await startBulk(job)).result();
  expect(job.calls).toEqual(['collect', 'apply', 'collect', 'apply', 'close completed']);
});

test('a failure that passes is tried again; one that stays ends the job with its sentence', async () => {
  const passing = fakeJob();
  let outages = 2;
  passing.onApply = () => ((outages -= 1) >= 0 ? Promise.reject(new Error('the database is restarting')) : Promise.resolve({ complete: true }));
  await (await startBulk(passing)).result();
  expect(passing.calls).toEqual(['collect', 'apply', 'apply', 'apply', 'close completed']);

  const staying = fakeJob();
  staying.onApply = () => Promise.reject(ApplicationFailure.nonRetryable('The list was deleted meanwhile. What was done before stays.', 'invalid'));
  await expect((await startBulk(staying)).result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect(staying).toMatchObject({ calls: ['collect', 'apply', 'close failed'], state: 'failed', problem: 'The list was deleted meanwhile. What was done before stays.' });
});

test('an export is written and closed; a refusal ends it failed with the reason', async () => {
  const job = fakeJob();
  await (await startExport(job)).result();
  expect(job.calls).toEqual(['write', 'close completed']);
  const refused = fakeJob();
  refused.onWrite = () => Promise.reject(ApplicationFailure.nonRetryable('The segment was deleted meanwhile.', 'invalid'));
  await expect((await startExport(refused)).result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect(refused).toMatchObject({ state: 'failed', problem: 'The segment was deleted meanwhile.' });
});

test('files of imports under way are searched again when time has passed, then the search ends', async () => {
  const job = fakeJob();
  job.onScrub = () => Promise.resolve({ waiting: job.calls.length < 3 ? ['one'] : [] });
  await (await nudgeScrub(job)).result();
  expect(job.calls).toEqual(['search all', 'search one', 'search one']);
});

test('an erasure during a search has all files searched again', async () => {
  const job = fakeJob();
  job.onScrub = async () => {
    if (job.calls.length === 1) await nudgeScrub(job);
    return { waiting: [] };
  };
  await (await nudgeScrub(job)).result();
  expect(job.calls).toEqual(['search all', 'search all']);
});

// Last: the server's clock stands still while it believes an activity to be running, which one cut off by the end of its workflow is to it.
test.each([['bulk action', startBulk, 'onApply', 'apply'], ['export', startExport, 'onWrite', 'write']] as const)('a cancelled %s ends cancelled and is cleaned up', async (_, start, stay, call) => {
  const job = fakeJob();
  Object.assign(job, { [stay]: () => stayUntil(() => false) });
  const handle = await start(job);
  await expect.poll(() => job.calls, { timeout: 30_000 }).toContain(call);
  await handle.cancel();
  await handle.result();
  expect(job.calls.at(-1)).toBe('close cancelled');
  expect(job.state).toBe('cancelled');
});
