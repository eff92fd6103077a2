import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SignUpActivities } from '../../activities/sign-ups.ts';
import { queues, workflowIds } from '../../workflows/contracts.ts';
import { scheduledAt, startWorkflowRig, type WorkflowRig } from '../support/workflow.ts';

/** The link of one sign-up: what each attempt answers, by the sign-up's number, and when it came. */
interface FakeSignUp {
  readonly waits: (number | null)[];
  readonly at: number[];
  outages: number;
}

const signUps = new Map<number, FakeSignUp>();
const activities: SignUpActivities = {
  sendConfirmation: async ({ signUpNo }) => {
    const signUp = signUps.get(signUpNo);
    if (signUp === undefined) throw ApplicationFailure.nonRetryable('the test knows no such sign-up');
    if ((signUp.outages -= 1) >= 0) throw new Error('the database is restarting');
    signUp.at.push(scheduledAt());
    return { retryInMs: signUp.waits.shift() ?? null };
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

async function run(waits: readonly number[], outages = 0): Promise<number[]> {
  const signUpNo = signUps.size + 1;
  const signUp: FakeSignUp = { waits: [...waits], at: [], outages };
  signUps.set(signUpNo, signUp);
  await rig.environment.client.workflow.execute('signUpWorkflow', { workflowId: workflowIds.signUp('org', signUpNo), taskQueue: queues.engine, args: [{ orgId: 'org', signUpNo }] });
  return signUp.at;
}

test('one attempt that ends it ends the run', async () => {
  expect(await run([])).toHaveLength(1);
});

test('it waits as long as each attempt says, over a day', async () => {
  const waits = [60_000, 240_000, 900_000, 2_400_000, ...Array.from({ length: 20 }, () => 3_600_000)];
  const at = await run(waits);
  expect(at).toHaveLength(waits.length + 1);
  for (const [i, wait] of waits.entries()) {
    const waited = at[i + 1]! - at[i]!;
    expect(waited).toBeGreaterThanOrEqual(wait);
    expect(waited).toBeLessThan(wait + 30_000);
  }
});

test('an outage on our side is no attempt', async () => {
  expect(await run([], 2)).toHaveLength(1);
});
