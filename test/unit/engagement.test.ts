import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { burstOf, createTallies, tallyArrivals, type Arrival, type EngagementTallies, type Standing } from '#domain/campaign/engagement.ts';
import { metricsOf, percent } from '#domain/campaign/metrics.ts';
import { countersOf } from '../../infra/reports/counters.ts';

const HOUR = 3_600_000;
let id = 0;
const arrival = (type: Arrival['type'], more: Partial<Arrival> = {}): Arrival => ({ id: ++id, type, at: 0, link: type === 'clicked' ? 0 : null, machine: null, country: 'DE', city: '', client: 'Gmail', device: '', bounce: null, isFirst: type === 'unsubscribed', ...more });
const message: Standing = {
  mailNo: 1, ordinal: 7, connectionNo: 2, variant: 3, domain: 'x.example', doubt: null, openedAt: null, clickedAt: null, deliveredAt: null, isBounced: false, isComplained: false, reportsDeliveries: false,
};
const sums = (tally: { rows(): readonly { readonly counts: Readonly<Record<string, number>> }[] }) => {
  const all: Record<string, number> = {};
  for (const { counts } of tally.rows()) for (const [name, n] of Object.entries(counts)) all[name] = (all[name] ?? 0) + n;
  return Object.fromEntries(Object.entries(all).filter(([, n]) => n !== 0));
};

/** Applies batches one after the other, the message standing as each left it. */
function applied(batches: readonly (readonly Arrival[])[], start: Standing = message): { tallies: EngagementTallies; standing: Standing } {
  const tallies = createTallies();
  let standing = start;
  for (const batch of batches) {
    const change = tallyArrivals(tallies, standing, batch, null, 'UTC');
    standing = {
      ...standing, openedAt: change.openedAt, clickedAt: change.clickedAt, deliveredAt: change.deliveredAt, isBounced: standing.isBounced || change.bouncedAt !== null, isComplained: standing.isComplained || change.complainedAt !== null,
      doubt: batch.length > 0 ? null : standing.doubt,
    };
  }
  return { tallies, standing };
}

describe('what arrives about a message', () => {
  test('counts for its connection and variant, in its hour, each person once', () => {
    const { tallies } = applied([[arrival('opened', { at: HOUR + 5 }), arrival('clicked', { at: 2 * HOUR })], [arrival('opened', { at: 2 * HOUR + 1 })]]);
    expect(tallies.mails.rows()).toEqual([
      { key: [1, HOUR, 2, 3], counts: { opened: 1, unique_opened: 1 } }, { key: [1, 2 * HOUR, 2, 3], counts: { clicked: 1, unique_clicked: 1, opened: 1 } },
    ]);
    expect(sums(tallies.domains)).toEqual({ opened: 1, clicked: 1 });
  });

  test('comes to the same in any batches and any order', () => {
    const some = fc.array(fc.record({
      type: fc.constantFrom<Arrival['type']>('opened', 'clicked', 'delivered', 'bounced', 'complained'), at: fc.integer({ min: 0, max: 5 * HOUR }), link: fc.integer({ min: 0, max: 2 }), machine: fc.constantFrom(null, null, 'head'),
      country: fc.constantFrom('DE', 'US', ''), client: fc.constantFrom('Gmail', ''),
    }), { maxLength: 12 }).map((all) => all.map(({ link, ...each }) => arrival(each.type, { ...each, link: each.type === 'clicked' ? link : null, bounce: each.type === 'bounced' ? { kind: 'hard', isCounted: false } : null })));
    fc.assert(fc.property(some, fc.infiniteStream(fc.nat({ max: 1_000 })), fc.boolean(), (arrivals, random, reportsDeliveries) => {
      const start = { ...message, reportsDeliveries, doubt: { at: 0, reason: 'interrupted' } };
      const one = applied([arrivals], start);
      const shuffled = arrivals.map((each) => ({ each, at: random.next().value })).sort((a, b) => a.at - b.at).map(({ each }) => each);
      const batches = shuffled.map((each) => [each]);
      const many = applied(batches, start);
      for (const table of ['mails', 'reasons', 'links', 'clickers', 'machines', 'domains', 'places', 'clients'] as const) expect(sums(many.tallies[table])).toEqual(sums(one.tallies[table]));
      expect(many.standing).toEqual(one.standing);
    }), { numRuns: 500 });
  });
});

describe('a scanner', () => {
  const clicks = (...times: readonly [at: number, link: number][]) => times.map(([at, link]) => arrival('clicked', { at, link }));
  test.for([
    ['every link of three within five seconds', 3, clicks([0, 0], [2_000, 1], [5_000, 2]), 3],
    ['every link, but within six', 3, clicks([0, 0], [2_000, 1], [6_000, 2]), 0],
    ['two of three links', 3, clicks([0, 0], [1_000, 1], [2_000, 1]), 0],
    ['the only link there is', 1, clicks([0, 0], [100, 0]), 0],
    ['every link, one of them twice, and a click a minute later', 2, clicks([0, 0], [10, 0], [20, 1], [60_000, 1]), 3],
  ] as const)('clicks %s', ([, links, all, expected]) => {
    expect(burstOf(all, links).size).toBe(expected);
  });

  test('betrays itself by the link nobody sees, for all it clicks within five seconds', () => {
    const trap = arrival('clicked', { at: 10_000, link: null, machine: 'hidden_link' });
    const [before, near, after] = clicks([1_000, 0], [6_000, 1], [15_000, 2]);
    expect([...burstOf([before!, near!, trap, after!], 5).keys()]).toEqual([near!.id, after!.id]);
  });
});

describe('metrics', () => {
  test('rates have two decimals, are at most 100, and none over nothing', () => {
    expect([percent(1, 3), percent(2, 3), percent(5, 4), percent(0, 7), percent(0, 0), percent(3, 0)]).toEqual([33.33, 66.67, 100, 0, null, null]);
  });

  test('deliveries are told only where a connection tells of them', () => {
    expect(metricsOf(countersOf({ sent: 10, delivered: 0 }))).toMatchObject({ delivered: null, deliveryRate: null });
    expect(metricsOf(countersOf({ sent: 10, deliverable: 5, delivered: 4 }))).toMatchObject({ delivered: 4, deliveryRate: 80 });
    expect(metricsOf(countersOf({ sent: 100, bounced: 6, hardBounced: 1, blocked: 2 }))).toMatchObject({ softBounced: 3, bounceRate: 6 });
  });
});
