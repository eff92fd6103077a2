import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImportActivities } from '../../activities/imports.ts';
import { queues, workflowIds, type ImportInput } from '../../workflows/contracts.ts';
import { startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** One import's job row and staging table, and what was asked of them in order. */
class FakeImport {
  readonly input: ImportInput = { orgId: randomUUID(), importId: randomUUID() };
  readonly calls: string[] = [];
  state = 'queued';
  problem: string | null = null;
  hasStaging = false;
  onStage: () => Promise<void> = () => Promise.resolve();
  onApply: () => Promise<{ complete: boolean }> = () => Promise.resolve({ complete: true });
}

const imports = new Map<string, FakeImport>();
const of = (input: ImportInput): FakeImport => {
  const job = imports.get(input.importId);
  if (job === undefined) throw ApplicationFailure.nonRetryable('the test knows no such import');
  return job;
};
const activities: ImportActivities = {
  stageImport: async (input) => {
    const job = of(input);
    job.calls.push('stage');
    await job.onStage();
    job.hasStaging = true;
    job.state = 'running';
    return { rows: 1 };
  },
  applyImport: async (input) => {
    const job = of(input);
    job.calls.push('apply');
    return job.onApply();
  },
  closeImport: async (input, state, problem) => {
    const job = of(input);
    job.calls.push(`close ${state}`);
    Object.assign(job, { state, problem, hasStaging: false });
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const fakeImport = () => {
  const job = new FakeImport();
  imports.set(job.input.importId, job);
  return job;
};
const start = ({ input }: FakeImport): Promise<WorkflowHandle> =>
  rig.environment.client.workflow.start('importWorkflow', { workflowId: workflowIds.import(input.orgId, input.importId), taskQueue: queues.engine, args: [input] });
const statusOf = async (handle: WorkflowHandle) => (await handle.describe()).status.name;

test('a file is staged, applied and the import completed, with nothing left staged', async () => {
  const job = fakeImport();
  await (await start(job)).result();
  expect(job.calls).toEqual(['stage', 'apply', 'close completed']);
  expect(job).toMatchObject({ state: 'completed', problem: null, hasStaging: false });
});

test('cancelled while it applies, the import ends cancelled and its staging table goes', async () => {
  const job = fakeImport();
  let ended: unknown;
  job.onApply = async () => {
    await stayUntil(() => false).catch((error: unknown) => {
      ended = error;
      throw error;
    });
    return { complete: true };
  };
  const handle = await start(job);
  await expect.poll(() => job.calls, { timeout: 30_000 }).toContain('apply');
  await handle.cancel();
  await handle.result();
  expect(job.calls).toEqual(['stage', 'apply', 'close cancelled']);
  expect(job).toMatchObject({ state: 'cancelled', problem: null, hasStaging: false });
  await expect.poll(() => ended, { timeout: 30_000 }).toBeInstanceOf(CancelledFailure);
});

test('cancelled while the file is read, nothing is applied', async () => {
  const job = fakeImport();
  job.onStage = () => stayUntil(() => false);
  const handle = await start(job);
  await expect.poll(() => job.calls, { timeout: 30_000 }).toContain('stage');
  await handle.cancel();
  await handle.result();
  expect(job.calls).toEqual(['stage', 'close cancelled']);
  expect(job).toMatchObject({ state: 'cancelled', hasStaging: false });
});

test('a file that cannot be validated ends the import failed, with the sentence for the person', async () => {
  const job = fakeImport();
  job.onStage = () => Promise.reject(ApplicationFailure.nonRetryable('This import does not exist any more.', 'not_found'));
  const handle = await start(job);
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect(await statusOf(handle)).toBe('FAILED');
  expect(job.calls).toEqual(['stage', 'close failed']);
  expect(job).toMatchObject({ state: 'failed', problem: 'This import does not exist any more.', hasStaging: false });
});

test('a failure that passes is tried again and does not end the import', async () => {
  const job = fakeImport();
  // The test server waits for retries of activities in real time: 0.5, 1 and 2 s.
  let outages = 3;
  job.onApply = () => ((outages -= 1) >= 0 ? Promise.reject(new Error('the database is restarting')) : Promise.resolve({ complete: true }));
  await (await start(job)).result();
  expect(job.calls).toEqual(['stage', ...Array.from({ length: 4 }, () => 'apply'), 'close completed']);
});

test('a staging table lost in a crash is made again from the file', async () => {
  const job = fakeImport();
  job.onApply = () => Promise.resolve({ complete: job.calls.filter((call) => call === 'stage').length === 2 });
  await (await start(job)).result();
  expect(job.calls).toEqual(['stage', 'apply', 'stage', 'apply', 'close completed']);
  expect(job.state).toBe('completed');
});
