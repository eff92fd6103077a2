import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apportion, noDelivery, roundRobinBatch, totalsByConnection, type Delivery } from '#domain/campaign/delivery.ts';
import { planTest, variantCount, type Experiment } from '#domain/campaign/experiment.ts';
import { planSlices } from '#domain/campaign/slices.ts';

const split = (...percents: number[]): Delivery => ({ ...noDelivery, mode: 'split', connections: percents.map((percent, i) => ({ id: String(i), percent })) });
const roundRobin = (count: number): Delivery => ({ ...noDelivery, mode: 'round_robin', connections: Array.from({ length: count }, (_, i) => ({ id: String(i), percent: 0 })) });
const experiment: Experiment = { subjects: ['b'], contents: [], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] };

test('70 and 30 percent of 101 recipients are 71 and 30', () => {
  expect(totalsByConnection(101, split(70, 30))).toEqual([71, 30]);
  expect(apportion(50_000, [70, 30])).toEqual([35_000, 15_000]);
  expect(apportion(3, [1, 1, 1, 1])).toEqual([1, 1, 1, 0]);
});

test('round robin deals batches of 500 by turns, smaller ones for small audiences', () => {
  expect(roundRobinBatch(100_000, 3)).toBe(500);
  expect(roundRobinBatch(60, 3)).toBe(2);
  expect(totalsByConnection(1_700, roundRobin(3))).toEqual([570, 570, 560]);
  expect(totalsByConnection(100_200, roundRobin(2))).toEqual([50_200, 50_000]);
});

const deliveries = fc.oneof(
  fc.constant({ ...noDelivery, connections: [{ id: 'a', percent: 100 }] }),
  fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 5 }).map((weights) => split(...apportion(100, weights))),
  fc.integer({ min: 2, max: 6 }).map(roundRobin),
);
const experiments = fc.record({
  subjects: fc.array(fc.constant('s'), { minLength: 1, maxLength: 4 }), contents: fc.array(fc.constant({ html: 'h', text: 't' }), { maxLength: 3 }), fromNames: fc.constant([]),
  testPercent: fc.integer({ min: 1, max: 100 }), durationHours: fc.constant(4), winnerBy: fc.constant('open_rate' as const), distribution: fc.constantFrom('random' as const, 'bandit' as const), weights: fc.constant([]),
});

test('slices cover everyone once, in order, each connection exactly its total, each test group exactly its size', () => {
  const waves = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(waves, deliveries, fc.option(experiments), (sizes, delivery, tested) => {
    const recipients = sizes.reduce((sum, size) => sum + size, 0);
    const plan = tested === null ? null : planTest(recipients, tested);
    const audience = sizes.map((size, i) => ({ notBefore: i * 1_000, size }));
    const slices = planSlices({ waves: plan === null ? audience : [{ notBefore: null, size: recipients }], delivery, test: plan });
    let next = 1;
    for (const slice of slices) {
      expect(slice.from).toBe(next);
      expect(slice.to).toBeGreaterThanOrEqual(slice.from);
      next = slice.to + 1;
    }
    expect(next).toBe(recipients + 1);
    const sizeOf = (of: (slice: (typeof slices)[number]) => boolean) => slices.filter(of).reduce((sum, slice) => sum + slice.to - slice.from + 1, 0);
    totalsByConnection(recipients, delivery).forEach((total, i) => expect(sizeOf((slice) => slice.connection === i)).toBe(total));
    if (plan !== null) {
      expect(sizeOf((slice) => slice.phase === 'test')).toBe(Math.ceil((recipients * tested!.testPercent) / 100));
      for (const group of plan.groups) expect(sizeOf((slice) => slice.phase === 'test' && slice.variant === group.variant && slice.batch === group.batch)).toBe(group.size);
    } else sizes.forEach((size, i) => expect(sizeOf((slice) => slice.notBefore === i * 1_000)).toBe(size));
  }));
});

test('the test group is rounded up, has one of each variant at least, and is refused when it cannot', () => {
  expect(planTest(101, experiment)?.groups.map((group) => group.size)).toEqual([11, 10]);
  expect(planTest(9, { ...experiment, testPercent: 1 })).toBeNull();
  const weighted: Experiment = { ...experiment, distribution: 'weighted', weights: [99, 1] };
  expect(planTest(100, weighted)?.groups.map((group) => group.size)).toEqual([19, 1]);
  expect(variantCount({ ...experiment, contents: [{ html: 'x', text: '' }] })).toBe(4);
});
