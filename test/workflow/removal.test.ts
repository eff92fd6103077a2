import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FieldActivities } from '../../activities/fields.ts';
import type { ListActivities } from '../../activities/lists.ts';
import { queues, workflowIds } from '../../workflows/contracts.ts';
import { startWorkflowRig, type WorkflowRig } from '../support/workflow.ts';

/** Lists and fields that were deleted: what was asked in order, by organization. */
class FakeRemoval {
  readonly orgId = randomUUID();
  readonly calls: string[] = [];
  /** Imports that may still write the field: one ends with each look. */
  imports = 0;
  /** Imports that nobody had seen yet when the values were taken away. */
  late = 0;
  outages = 0;
}

const removals = new Map<string, FakeRemoval>();
const of = (orgId: string): FakeRemoval => {
  const removal = removals.get(orgId);
  if (removal === undefined) throw ApplicationFailure.nonRetryable('the test knows no such organization');
  return removal;
};
const call = (orgId: string, name: string): Promise<void> => {
  const removal = of(orgId);
  removal.calls.push(name);
  return (removal.outages -= 1) >= 0 ? Promise.reject(new Error('the database is restarting')) : Promise.resolve();
};
const activities: ListActivities & FieldActivities = {
  takeOffMembers: async ({ orgId }) => {
    await call(orgId, 'take off');
    return { members: 3 };
  },
  readFieldWriters: async ({ orgId }) => {
    await call(orgId, 'look');
    return { imports: Math.max(0, of(orgId).imports--) };
  },
  stripField: async ({ orgId }) => {
    await call(orgId, 'strip');
    return { customers: 3 };
  },
  dropField: async ({ orgId }) => {
    await call(orgId, 'drop');
    return { gone: (of(orgId).late -= 1) < 0 };
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const fakeRemoval = () => {
  const removal = new FakeRemoval();
  removals.set(removal.orgId, removal);
  return removal;
};
const run = (type: 'removeListWorkflow' | 'removeFieldWorkflow', orgId: string) => {
  const isList = type === 'removeListWorkflow';
  const listId = randomUUID();
  return rig.environment.client.workflow.execute(type, {
    workflowId: isList ? workflowIds.listRemoval(orgId, listId) : workflowIds.fieldRemoval(orgId, 7), taskQueue: queues.engine, args: [isList ? { orgId, listId } : { orgId, fieldNo: 7 }],
  });
};

test('a deleted list loses its members, through outages of the database', async () => {
  const removal = fakeRemoval();
  // The test server waits for retries of activities in real time: 0.5 and 1 s.
  removal.outages = 2;
  await run('removeListWorkflow', removal.orgId);
  expect(removal.calls).toEqual(['take off', 'take off', 'take off']);
});

test('a deleted field loses its values, then goes', async () => {
  const removal = fakeRemoval();
  await run('removeFieldWorkflow', removal.orgId);
  expect(removal.calls).toEqual(['look', 'strip', 'drop']);
});

test('while imports may still write the field it stays, for hours; its values are taken away when they have ended', async () => {
  const removal = fakeRemoval();
  removal.imports = 200;
  await run('removeFieldWorkflow', removal.orgId);
  expect(removal.calls).toEqual([...Array.from({ length: 201 }, () => 'look'), 'strip', 'drop']);
}, 60_000);

test('what an import wrote that was not seen yet is taken away too', async () => {
  const removal = fakeRemoval();
  removal.late = 1;
  await run('removeFieldWorkflow', removal.orgId);
  expect(removal.calls).toEqual(['look', 'strip', 'drop', 'look', 'strip', 'drop']);
});

test('a removal of nothing that is known fails and says so', async () => {
  await expect(run('removeListWorkflow', randomUUID())).rejects.toBeInstanceOf(WorkflowFailedError);
});
