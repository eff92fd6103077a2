import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Board } from '#domain/journey/board.ts';
import { messages, queues, workflowIds } from '../../workflows/contracts.ts';
import { delay, fakeJourney, fakeJourneyActivities, NEVER, splitBy, through, waitForEvent, type FakeJourney, type FakeStep } from '../support/fake-journey.ts';
import { startWorkflowRig, type WorkflowRig } from '../support/workflow.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

let rig: WorkflowRig;
beforeAll(async () => {
  rig = await startWorkflowRig(fakeJourneyActivities);
}, 120_000);
afterAll(() => rig.close(), 60_000);

const idOf = ({ input }: FakeJourney) => workflowIds.cohort(input.orgId, input.journeyId, input.cohortId);
const start = (journey: FakeJourney) => rig.environment.client.workflow.start('journeyWorkflow', { workflowId: idOf(journey), taskQueue: queues.engine, args: [journey.input] });
const signal = (journey: FakeJourney, name: string, args: readonly unknown[]) =>
  rig.environment.client.workflow.signalWithStart('journeyWorkflow', { workflowId: idOf(journey), taskQueue: queues.engine, args: [journey.input], signal: name, signalArgs: [...args] });
const wake = (journey: FakeJourney, ...nodes: string[]) => signal(journey, messages.wake, [nodes]);
const eventsOf = async (handle: WorkflowHandle) => (await handle.fetchHistory()).events ?? [];

/** Ten steps, three of them delays of a day. */
const tenSteps: Readonly<Record<string, FakeStep>> = {
  welcome: through('send', 'day-1'), 'day-1': delay(DAY, 'opened'), opened: splitBy((member) => (member.no % 2 === 0 ? 'yes' : 'no'), { yes: 'score', no: 'score' }),
  score: through('update', 'offer'), offer: through('send', 'day-2'), 'day-2': delay(DAY, 'list'), list: through('update', 'hook'), hook: through('webhook', 'day-3'), 'day-3': delay(DAY, 'bye'), bye: through('send', null),
};
/** 5 of the run, 6 of a visit (the muster and ten steps, three of them twice), 5 of a timer. A cohort that costs more costs every customer more. */
const EVENTS_OF_TEN_STEPS = 5 + 6 * 14 + 5 * 3;

test.each([1, 1_000])('ten steps with three delays cost a cohort of %i the same number of events', async (size) => {
  const journey = fakeJourney(size, 'welcome', tenSteps);
  const handle = await start(journey);
  await handle.result();
  expect(journey.isOver).toBe(true);
  for (const member of journey.members) expect(member.path.map((step) => step.node)).toEqual(Object.keys(tenSteps));
  expect((await eventsOf(handle)).length).toBeLessThanOrEqual(EVENTS_OF_TEN_STEPS);
}, 60_000);

test('a journey of 90 days ends on its day, in seconds', async () => {
  const journey = fakeJourney(10, 'a', { a: through('send', 'month-1'), 'month-1': delay(30 * DAY, 'month-2'), 'month-2': delay(60 * DAY, 'b'), b: through('send', null) });
  await (await start(journey)).result();
  const [first, , , last] = journey.members[0]!.path;
  const days = (last!.at - first!.at) / DAY;
  expect(days).toBeGreaterThanOrEqual(90);
  expect(days).toBeLessThan(90.01);
}, 60_000);

test('a cohort splits and meets again, and everybody takes each step once', async () => {
  const journey = fakeJourney(300, 'split', {
    split: splitBy((member) => ['a', 'b', 'c'][member.no % 3]!, { a: 'fast', b: 'slow', c: 'meet' }),
    fast: through('update', 'meet'), slow: delay(2 * HOUR, 'meet'), meet: through('send', null),
  });
  await (await start(journey)).result();
  expect(journey.isOver).toBe(true);
  const paths = new Map<string, number>();
  for (const { path } of journey.members) paths.set(path.map((step) => step.node).join(' '), (paths.get(path.map((step) => step.node).join(' ')) ?? 0) + 1);
  expect(Object.fromEntries(paths)).toEqual({ 'split fast meet': 100, 'split slow meet': 100, 'split meet': 100 });
  // Those who were faster did not wait for the others.
  const met = journey.visits.filter((visit) => visit.node === 'meet' && visit.moved > 0);
  expect(met.length).toBeGreaterThanOrEqual(2);
  expect(met.at(-1)!.at - met[0]!.at).toBeGreaterThanOrEqual(2 * HOUR - MINUTE);
}, 60_000);

test('an event ends the wait of whom it woke, the others wait on', async () => {
  const journey = fakeJourney(3, 'wait', { wait: waitForEvent(7 * DAY + 90_000, 'thanks', 'reminder'), thanks: through('send', null), reminder: through('send', null) });
  const handle = await start(journey);
  await expect.poll(() => journey.visits.length, { timeout: 30_000 }).toBe(1);
  await rig.environment.sleep(HOUR);
  journey.members[1]!.isWoken = true;
  await wake(journey, 'wait');
  await handle.result();
  const lasts = journey.members.map(({ path }) => path.at(-1)!);
  expect(lasts.map((step) => step.node)).toEqual(['reminder', 'thanks', 'reminder']);
  expect(lasts[0]!.at - lasts[1]!.at).toBeGreaterThan(6 * DAY);
}, 60_000);

test('a storm of wakes is few visits', async () => {
  const journey = fakeJourney(2, 'wait', { wait: waitForEvent(2 * DAY + 90_000, null, null) });
  const handle = await start(journey);
  await expect.poll(() => journey.visits.length, { timeout: 30_000 }).toBe(1);
  for (let i = 0; i < 40; i += 1) await wake(journey, 'wait');
  await handle.result();
  expect(journey.visits.length).toBeLessThanOrEqual(12);
}, 60_000);

test('somebody is moved by hand to a step the run does not know: it looks among the rows', async () => {
  const journey = fakeJourney(2, 'wait', { wait: delay(30 * DAY + 90_000, null), aside: through('send', null) });
  const handle = await start(journey);
  await expect.poll(() => journey.visits.length, { timeout: 30_000 }).toBe(1);
  await rig.environment.sleep(HOUR);
  const moved = journey.members[0]!;
  Object.assign(moved, { node: 'aside', due: 1, arrivedAt: 1 });
  await wake(journey, 'aside');
  await handle.result();
  expect(moved.path.map((step) => step.node)).toEqual(['aside']);
  expect(journey.members[1]!.path.map((step) => step.node)).toEqual(['wait']);
}, 60_000);

test('a paused journey moves nobody; after Resume those whose time has come go on', async () => {
  const journey = fakeJourney(5, 'wait', { wait: delay(DAY, 'send'), send: through('send', null) });
  const handle = await start(journey);
  await expect.poll(() => journey.visits.length, { timeout: 30_000 }).toBe(1);
  journey.isPaused = true;
  await rig.environment.sleep(3 * DAY + 77_000);
  expect(journey.visits.length).toBe(1);
  expect(await handle.query<Board, []>(messages.board)).toMatchObject({ paused: true, waiting: [{ node: 'wait' }] });
  journey.isPaused = false;
  await signal(journey, messages.resume, []);
  await handle.result();
  expect(journey.isOver).toBe(true);
  const [waited] = journey.members[0]!.path;
  expect(waited!.at - journey.visits[0]!.at).toBeGreaterThanOrEqual(3 * DAY);
}, 60_000);

test('a Resume that overtakes a visit which found the journey paused wins', async () => {
  const journey = fakeJourney(1, 'send', { send: through('send', null) });
  journey.isPaused = true;
  let isHeld = true;
  journey.onVisit = async () => {
    const wasPaused = journey.isPaused;
    while (isHeld) await new Promise((done) => setTimeout(done, 20));
    // It answers by what it read before.
    if (wasPaused) {
      journey.onVisit = async () => { journey.isPaused = false; };
      journey.isPaused = true;
    }
  };
  const handle = await start(journey);
  await expect.poll(async () => (await handle.query<Board, []>(messages.board)).visiting.map((token) => token.node), { timeout: 30_000 }).toEqual(['send']);
  await signal(journey, messages.resume, []);
  isHeld = false;
  await handle.result();
  expect(journey.isOver).toBe(true);
}, 60_000);

test('a thousand dates of their own: the run goes on as a new one before its history grows long, and nobody is lost', async () => {
  const journey = fakeJourney(1_000, 'date', { date: delay((member) => member.no * HOUR, 'send'), send: through('send', null) });
  const handle = await start(journey);
  await handle.result();
  expect(journey.isOver).toBe(true);
  for (const { no, path } of journey.members) {
    expect(path.map((step) => step.node)).toEqual(['date', 'send']);
    const late = path[0]!.at - journey.visits[0]!.at - no * HOUR;
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(10 * MINUTE);
  }
  const last = await eventsOf(rig.environment.client.workflow.getHandle(idOf(journey)));
  expect(last[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
  const first = await eventsOf(rig.environment.client.workflow.getHandle(idOf(journey), handle.firstExecutionRunId));
  expect(first.length).toBeLessThan(4_096);
}, 180_000);

test('a run that was lost begins anew from the rows', async () => {
  const journey = fakeJourney(4, 'wait', { wait: delay((member) => member.no * DAY, 'send'), send: through('send', null) });
  const handle = await start(journey);
  await expect.poll(() => journey.visits.length, { timeout: 30_000 }).toBe(1);
  await rig.environment.sleep(DAY + 12 * HOUR);
  await handle.terminate('lost');
  await (await wake(journey, 'wait')).result();
  expect(journey.isOver).toBe(true);
  for (const { path } of journey.members) expect(path.map((step) => step.node)).toEqual(['wait', 'send']);
}, 60_000);

test('who only an event moves costs no timer, and the end of the last one ends the run', async () => {
  const journey = fakeJourney(1, 'wait', { wait: { activity: 'wait', ports: { next: null }, ask: (member) => (member.isWoken ? { go: 'next' } : { rest: NEVER }) } });
  const handle = await start(journey);
  // Woken during a visit she would have her turn a moment later, by a timer.
  await expect.poll(async () => [journey.visits.length, (await handle.query<Board, []>(messages.board)).visiting], { timeout: 30_000 }).toEqual([1, []]);
  journey.members[0]!.isWoken = true;
  await wake(journey, 'wait');
  await handle.result();
  expect((await eventsOf(handle)).filter((event) => event.timerStartedEventAttributes != null)).toHaveLength(0);
}, 60_000);
