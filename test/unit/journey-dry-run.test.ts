import { expect, test } from 'vitest';
import { toDocument, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import type { JourneyEvent } from '#domain/journey/nodes/node.ts';
import { createSimulation, newSimulation, type Simulation, type SimulationOptions } from '#domain/journey/simulate.ts';
import type { SimulatedPerson } from '#domain/journey/simulate-person.ts';
import { addTo, clicked, condition, enters, exit, graphOf, holds, inSegment, opened, send, timeWindow, untilDate, update, wait, waitFor, webhook, type Piece } from '../support/journey-dsl.ts';

const now = Date.parse('2026-03-02T12:00:00Z');
const day = 86_400_000;
const fields: readonly CustomField[] = [
  { no: 1, key: 'renews', label: 'Renews', type: 'date', slot: 'd0' }, { no: 2, key: 'stage', label: 'Stage', type: 'text', slot: 'k0' }, { no: 3, key: 'points', label: 'Points', type: 'number', slot: null },
];
const segments = { keen: { name: 'Keen', rule: { op: 'and' as const, parts: [{ field: 'score', operator: 'at_least' as const, value: 20 }] } }, listed: { name: 'Listed', rule: { op: 'and' as const, parts: [{ list: 'news', in: true }] } } };

function person(customerId: number, change: Partial<CustomerRow> & { enteredAt?: number; events?: JourneyEvent[]; event?: JourneyEvent } = {}): SimulatedPerson {
  const { enteredAt = now, events = [], event = null, ...of } = change;
  const row: CustomerRow = {
    id: customerId, email: `p${customerId}@example.com`, firstName: null, lastName: null, phone: null, city: null, country: null, score: null, timezone: null, custom: {}, isUnsubscribed: false, isBounced: false,
    isSuppressed: false, mailable: true, lists: [], activity: {}, createdAt: 0, updatedAt: 0, ...of,
  };
  const typed = Object.fromEntries(Object.entries(row.custom).map(([key, value]) => [`custom.${key}`, value]));
  return { customerId, enteredAt, events, event, timezone: row.timezone, fields: { email: row.email, score: row.score, ...typed }, document: toDocument(row, fields, 'UTC') };
}
const event = (change: Partial<JourneyEvent>): JourneyEvent => ({ id: 1, type: 'custom', name: null, mailNo: null, at: now, machine: false, properties: {}, ...change });

function dryRun(people: readonly SimulatedPerson[], pieces: readonly Piece[], change: Partial<SimulationOptions> = {}): Simulation {
  const simulation = createSimulation({
    graph: graphOf(...pieces), journeyId: 'j', journeyName: 'Journey', zone: 'Europe/Berlin', now, mails: { isOf: () => false }, rates: { opened: 0.4, clicked: 0.1 }, seed: 'seed',
    rules: { catalogue: fields, zone: 'Europe/Berlin', now, lists: {}, segments, sources: {}, customEvents: {} }, ...change,
  });
  for (const each of people) simulation.add(each);
  return simulation.result;
}
const crowd = (n: number) => Array.from({ length: n }, (_, i) => person(i + 1));
const portsOf = (result: Simulation, node: string) => Object.fromEntries(result.steps.find((step) => step.node === node)?.ports.map(({ port, people }) => [port, people]) ?? []);

test('engagement with mails not sent follows the rates, and is marked', () => {
  const result = dryRun(crowd(2_000), [send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'), send('reminder')), condition(clicked('welcome'), exit('clicked'))]);
  const { yes = 0, no = 0 } = portsOf(result, 'opened-welcome');
  expect(yes + no).toBe(2_000);
  expect(Math.abs(yes / 2_000 - 0.4)).toBeLessThan(0.04);
  expect(Math.abs(portsOf(result, 'clicked-welcome')['yes']! / 2_000 - 0.1)).toBeLessThan(0.03);
  expect(result.steps.find(({ node }) => node === 'opened-welcome')!.ports.every(({ people, assumed }) => people === assumed)).toBe(true);
  expect(result.mails).toEqual([{ day: '2026-03-02', mails: 2_000 }, { day: '2026-03-05', mails: 2_000 }]);
  expect(result.completed).toBe(2_000);
});

test('the same seed gives the same result, in any order and with a break between; another seed another', () => {
  const pieces = [send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'))];
  const forward = dryRun(crowd(200), pieces);
  const backward = dryRun(crowd(200).reverse(), pieces);
  expect(portsOf(backward, 'opened-welcome')).toEqual(portsOf(forward, 'opened-welcome'));
  const options = { graph: graphOf(...pieces), journeyId: 'j', journeyName: 'Journey', zone: 'Europe/Berlin', now, mails: { isOf: () => false }, rates: { opened: 0.4, clicked: 0.1 }, seed: 'seed', rules: { catalogue: fields, zone: 'Europe/Berlin', now, lists: {}, segments, sources: {}, customEvents: {} } };
  const kept = newSimulation();
  for (const each of crowd(100)) createSimulation(options, kept).add(each);
  const resumed = createSimulation(options, JSON.parse(JSON.stringify(kept)) as Simulation);
  for (const each of crowd(200).slice(100)) resumed.add(each);
  expect(resumed.result).toEqual(forward);
  expect(portsOf(dryRun(crowd(200), pieces, { seed: 'other' }), 'opened-welcome')).not.toEqual(portsOf(forward, 'opened-welcome'));
});

test('twenty people at each port say why', () => {
  const people = Array.from({ length: 50 }, (_, i) => person(i + 1, { city: i % 2 === 0 ? 'Berlin' : 'Rome' }));
  const result = dryRun(people, [condition(holds('city', 'equals', 'berlin'), exit('a'), exit('b'))]);
  const [yes] = result.steps.find(({ node }) => node === 'city-equals')!.ports;
  expect([yes!.people, yes!.assumed, yes!.examples.length]).toEqual([25, 0, 20]);
  expect(yes!.examples[0]).toEqual({ customerId: 1, because: 'city: “berlin”' });
});

test('waits for events look at stored events where time has passed, and say what they assume elsewhere', () => {
  const enteredAt = now - 10 * day;
  const bought = (at: number) => event({ name: 'order_placed', at });
  const result = dryRun([
    person(1, { enteredAt, events: [bought(enteredAt + day)] }), person(2, { enteredAt, events: [bought(enteredAt + 8 * day)] }), person(3, { enteredAt: now - day }), person(4, { enteredAt: now - day, events: [bought(now - 1_000)] }),
  ], [waitFor('order_placed', '7d', exit('bought'), send('cart'))]);
  const step = result.steps.find(({ node }) => node === 'wait-for-order-placed')!;
  expect(step.ports.map(({ port, people, assumed }) => [port, people, assumed])).toEqual([['happened', 2, 0], ['timed_out', 2, 1]]);
  expect(result.mails.map((each) => each.day)).toEqual(['2026-02-27', '2026-03-08']);
});

test('a wait for a click on its own mail follows the rates', () => {
  const result = dryRun(crowd(1_000), [send('welcome'), waitFor('clicked', '7d', exit('clicked'), exit('silent'))], { rates: { opened: 0.5, clicked: 0.25 } });
  expect(Math.abs(portsOf(result, 'wait-for-clicked')['happened']! / 1_000 - 0.25)).toBeLessThan(0.05);
  expect(result.steps.find(({ node }) => node === 'wait-for-clicked')!.ports.every(({ people, assumed }) => people === assumed)).toBe(true);
});

test('what the journey writes its later conditions see, and nothing of theirs is changed', () => {
  const who = person(1, { score: 15, custom: { points: '1' } });
  const before = JSON.stringify(who);
  const result = dryRun([who], [
    update('score', { mode: 'add', amount: 10 }), condition(inSegment('keen'), [addTo('news')]), condition(inSegment('listed'), [update('custom.stage', { mode: 'set', value: 'Active' })]),
    update('custom.points', { mode: 'subtract', amount: 3 }), condition(holds('custom.stage', 'equals', 'active'), condition(holds('custom.points', 'less_than', 0), exit('all'))),
  ]);
  expect(portsOf(result, 'custom-points-less-than')).toEqual({ yes: 1 });
  expect(JSON.stringify(who)).toBe(before);
  const cleared = dryRun([person(1, { score: 15 })], [update('score', { mode: 'clear' }), condition(holds('score', 'is_set'), exit('set'))]);
  expect(portsOf(cleared, 'score-is-set')).toEqual({ no: 1 });
});

test('mails by day of the organization’s zone, through dates and windows', () => {
  const result = dryRun([person(1, { custom: { renews: '2026-03-07' } }), person(2, { custom: { renews: 'never' } })], [untilDate('custom.renews', [timeWindow(), send('renew')], exit('no date'))]);
  expect(result.mails).toEqual([{ day: '2026-03-09', mails: 1 }]);
  expect(portsOf(result, 'until-custom-renews')).toEqual({ reached: 1, no_date: 1 });
});

test('who gets no mail does not enter; who stopped getting it on the way leaves', () => {
  const enteredAt = now - 10 * day;
  const left = event({ type: 'unsubscribed', mailNo: 1, at: enteredAt + day });
  const result = dryRun([person(1, { mailable: false, isUnsubscribed: true }), person(2, { enteredAt, mailable: false, isUnsubscribed: true, events: [left] }), person(3, { enteredAt })], [send('one'), wait('2d'), send('two')]);
  expect([result.people, result.suppressed, result.exited, result.completed]).toEqual([2, 1, { unsubscribed: 1 }, 1]);
  expect(result.mails.map(({ mails }) => mails)).toEqual([1, 1]);
  const winBack = dryRun([person(1, { mailable: false, isBounced: true })], [enters({ kind: 'event', event: 'bounced' }), send('one'), exit('done')]);
  expect([winBack.people, winBack.completed, winBack.mails]).toEqual([1, 1, []]);
});

test('goals and exits by segment end runs', () => {
  const enteredAt = now - 10 * day;
  const goal = { kind: 'custom' as const, name: 'order_placed', filters: [] };
  const bought = [event({ name: 'order_placed', at: enteredAt + day })];
  const pieces = [send('one'), wait('2d'), send('two')];
  const result = dryRun([person(1, { enteredAt, events: bought }), person(2, { enteredAt }), person(3, { enteredAt, score: 50 })], [enters({ kind: 'manual' }, { goal, exits: { goal: true, segment: 'keen' } }), ...pieces]);
  expect([result.exited, result.goals, result.completed]).toEqual([{ goal: 1, segment: 1 }, 1, 1]);
  const counted = dryRun([person(1, { enteredAt, events: bought })], [enters({ kind: 'manual' }, { goal, exits: { goal: false } }), ...pieces]);
  expect([counted.exited, counted.goals, counted.completed]).toEqual([{}, 1, 1]);
});

test('a circle with a delay is followed for a year, and a webhook is assumed to answer', () => {
  const graph = graphOf(webhook('https://example.com/hook'), wait('1w'));
  const round = { nodes: graph.nodes, edges: [...graph.edges, { from: 'wait-1w', port: 'next', to: 'webhook' }] };
  const result = dryRun([person(1)], [], { graph: round });
  expect([result.active, result.completed]).toEqual([1, 0]);
  expect(result.steps.find(({ node }) => node === 'webhook')!.ports).toEqual([{ port: 'next', people: 1, assumed: 1, examples: [{ customerId: 1, because: 'assumed to be answered' }] }]);
});
