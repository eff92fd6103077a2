import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JourneyControlActivities } from '../../activities/journey-control/index.ts';
import { messages, queues, workflowIds } from '../../workflows/contracts.ts';
import { startWorkflowRig, stayUntil, type WorkflowRig } from '../support/workflow.ts';

/** Jobs of a journey: one at a time, oldest first, each closed once, whatever fails. */
class FakeJourney {
  readonly id = randomUUID();
  readonly calls: string[] = [];
  readonly jobs: { id: string; work: () => Promise<{ complete: boolean; pauseMs: number }> }[] = [];
  readonly problems: string[] = [];
}

const journeys = new Map<string, FakeJourney>();
const of = (id: string): FakeJourney => {
  const journey = journeys.get(id);
  if (journey === undefined) throw ApplicationFailure.nonRetryable('the test knows no such journey');
  return journey;
};
const done = () => Promise.resolve({ complete: true, pauseMs: 0 });
const activities: JourneyControlActivities = {
  nextJourneyJob: ({ journeyId }) => {
    const [job] = of(journeyId).jobs;
    return Promise.resolve(job === undefined ? null : { id: job.id, title: 'Enroll people' });
  },
  workJourneyJob: ({ journeyId }, jobId) => {
    of(journeyId).calls.push(`work ${jobId}`);
    return of(journeyId).jobs.find((job) => job.id === jobId)!.work();
  },
  closeJourneyJob: ({ journeyId }, jobId, state, problem) => {
    const journey = of(journeyId);
    journey.calls.push(`${state} ${jobId}`);
    journey.jobs.splice(journey.jobs.findIndex((job) => job.id === jobId), 1);
    if (problem !== null) journey.problems.push(problem);
    return Promise.resolve();
  },
  passJourneySegments: ({ orgId }) => {
    of(orgId).calls.push('segments');
    return Promise.resolve({ exited: 0, goals: 0 });
  },
};

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(activities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const orgId = randomUUID();
function fakeJourney(...jobs: FakeJourney['jobs']): FakeJourney {
  const journey = new FakeJourney();
  journey.jobs.push(...jobs);
  journeys.set(journey.id, journey);
  return journey;
}
const nudge = ({ id }: FakeJourney) => rig.environment.client.workflow.signalWithStart('journeyControlWorkflow', {
  workflowId: workflowIds.journeyControl(orgId, id), taskQueue: queues.engine, args: [{ orgId, journeyId: id }], signal: messages.nudge, signalArgs: [],
});

test('jobs are done one after the other, and the workflow ends when none is left', async () => {
  const journey = fakeJourney({ id: 'one', work: done }, { id: 'two', work: done });
  await (await nudge(journey)).result();
  expect(journey.calls).toEqual(['work one', 'completed one', 'work two', 'completed two']);
});

test('a job that stands back has its turn again after its pause', async () => {
  let rounds = 0;
  const journey = fakeJourney({ id: 'one', work: () => Promise.resolve((rounds += 1) < 4 ? { complete: false, pauseMs: 60_000 } : { complete: true, pauseMs: 0 }) });
  const startedAt = Date.now();
  await (await nudge(journey)).result();
  expect(journey.calls).toEqual(['work one', 'work one', 'work one', 'work one', 'completed one']);
  expect(Date.now() - startedAt).toBeLessThan(60_000);
});

test('a refusal ends its job with its sentence, a failure on our side with ours, and the next has its turn', async () => {
  const journey = fakeJourney(
    { id: 'one', work: () => Promise.reject(ApplicationFailure.nonRetryable('The list was deleted meanwhile.', 'invalid')) },
    { id: 'two', work: () => Promise.reject(ApplicationFailure.nonRetryable('', 'surprise')) },
    { id: 'three', work: done });
  await (await nudge(journey)).result();
  expect(journey.calls).toEqual(['work one', 'failed one', 'work two', 'failed two', 'work three', 'completed three']);
  expect(journey.problems[0]).toBe('The list was deleted meanwhile.');
});

test('what fails and passes is tried again from where it came', async () => {
  let outages = 2;
  const journey = fakeJourney({ id: 'one', work: () => ((outages -= 1) >= 0 ? Promise.reject(new Error('the database is restarting')) : done()) });
  await (await nudge(journey)).result();
  expect(journey.calls).toEqual(['work one', 'work one', 'work one', 'completed one']);
});

test('a job queued during the last look is seen', async () => {
  const journey = fakeJourney();
  let isHeld = true;
  journey.jobs.push({ id: 'one', work: async () => { await stayUntil(() => !isHeld); return done(); } });
  const handle = await nudge(journey);
  await expect.poll(() => journey.calls, { timeout: 30_000 }).toEqual(['work one']);
  journey.jobs.push({ id: 'two', work: done });
  await nudge(journey);
  isHeld = false;
  await handle.result();
  expect(journey.calls).toEqual(['work one', 'completed one', 'work two', 'completed two']);
});

test('a job of very many rounds continues in new runs before its history grows long', async () => {
  let rounds = 0;
  const journey = fakeJourney({ id: 'one', work: () => Promise.resolve({ complete: (rounds += 1) >= 250, pauseMs: 1_000 }) });
  const handle = await nudge(journey);
  await handle.result();
  expect(rounds).toBe(250);
  const { events } = await rig.environment.client.workflow.getHandle(workflowIds.journeyControl(orgId, journey.id)).fetchHistory();
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
}, 120_000);

test('segments are looked through once', async () => {
  const organization = fakeJourney();
  await rig.environment.client.workflow.execute('journeySegmentsWorkflow', { workflowId: workflowIds.journeySegments(organization.id), taskQueue: queues.engine, args: [{ orgId: organization.id }] });
  expect(organization.calls).toEqual(['segments']);
});
