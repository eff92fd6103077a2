import { describe, expect, test } from 'vitest';
import { toCsv } from '../../ui/src/lib/charts/csv.ts';
import { rateInterval } from '../../ui/src/lib/charts/interval.ts';
import { labelledByRank, percentTicks, short, ticks } from '../../ui/src/lib/charts/scale.ts';
import { bandOf } from '../../ui/src/lib/report/health.ts';
import { countsIn, hoursIn, isByDays } from '../../ui/src/lib/report/hours.ts';
import { presetOf, presets, rangeOf, todayIn } from '../../ui/src/lib/report/ranges.ts';

/** What the screens of reports make of numbers before they are drawn. */

describe('health bands', () => {
  test.each([
    ['bounce', 1.99, 'healthy'], ['bounce', 2, 'attention'], ['bounce', 5, 'attention'], ['bounce', 5.01, 'critical'],
    ['complaint', 0.09, 'healthy'], ['complaint', 0.1, 'attention'], ['complaint', 0.3, 'attention'], ['complaint', 0.31, 'critical'],
  ] as const)('a %s rate of %d %% is %s', (kind, rate, band) => expect(bandOf(kind, rate)).toBe(band));
  test('over nothing there is none', () => expect(bandOf('bounce', null)).toBeNull());
});

describe('intervals', () => {
  test('hold the rate, and are narrower the more is known', () => {
    const [few, many] = [rateInterval(3, 10)!, rateInterval(300, 1_000)!];
    for (const { low, high } of [few, many]) expect(low < 30 && high > 30).toBe(true);
    expect(many.high - many.low).toBeLessThan(few.high - few.low);
  });
  test('are those of Wilson', () => expect(rateInterval(10, 50)).toEqual({ low: expect.closeTo(11.24, 1), high: expect.closeTo(33.04, 1) }));
  test('stay within 0 and 100, and none is over nothing', () => {
    expect(rateInterval(0, 5)!.low).toBeCloseTo(0);
    expect(rateInterval(5, 5)!.high).toBeCloseTo(100);
    expect(rateInterval(0, 0)).toBeNull();
  });
});

describe('axes', () => {
  test('have round steps that cover the maximum', () => {
    expect(ticks(0)).toEqual([0, 1]);
    expect(ticks(3)).toEqual([0, 1, 2, 3]);
    expect(ticks(4_300)).toEqual([0, 2_000, 4_000, 6_000]);
    expect(percentTicks(0.4)).toEqual([0, 0.1, 0.2, 0.30000000000000004, 0.4]);
  });
  test('say thousands and millions shortly', () => expect([950, 2_500, 1_240_000].map(short)).toEqual(['950', '2.5k', '1.2M']));
  test('label midnights before noons, and as many levels as there is room for', () => {
    const hours = Array.from({ length: 48 }, (_, hour) => [24, 12, 6, 3].find((rank) => hour % rank === 0) ?? 1);
    expect([...labelledByRank(hours, 3)]).toEqual([0, 24]);
    expect([...labelledByRank(hours, 10)]).toEqual([0, 6, 12, 18, 24, 30, 36, 42]);
    expect([...labelledByRank(new Array<undefined>(30).fill(undefined), 10)]).toHaveLength(10);
  });
});

describe('files', () => {
  test('quote what must be quoted and run no formula', () => {
    expect(toCsv({ columns: ['Link', 'People'], rows: [['a,"b"', 1], ['=1+1', null], ['two\nlines', 0.5]] })).toBe('Link,People\r\n"a,""b""",1\r\n\'=1+1,\r\n"two\nlines",0.5');
  });
});

describe('hours of a report', () => {
  const hour = (at: string, sent: number, local = at.slice(0, 16)) => ({ at, local, sent, opened: 0, clicked: 0, uniqueOpened: 1, uniqueClicked: 0, machineOpened: 0, machineClicked: 0, unsubscribed: 0, bounced: 0 });
  const timeline = { hours: [hour('2026-11-21T22:00:00.000Z', 5), hour('2026-11-22T01:00:00.000Z', 2)] };

  test('are all there, also those in which nothing happened', () => {
    expect(hoursIn(timeline)).toBe(4);
    expect(countsIn(timeline, '48').map(({ at, counts }) => [at.slice(11, 13), counts.sent, counts.uniqueOpened])).toEqual([['22', 5, 1], ['23', 0, 0], ['00', 0, 0], ['01', 2, 1]]);
  });
  test('are cut to the range, and days of the organization when they would be too many', () => {
    const long = { hours: [hour('2026-11-01T23:30:00.000Z', 1, '2026-11-02T00:30'), hour('2026-11-02T10:00:00.000Z', 2), hour('2026-11-20T10:00:00.000Z', 4)] };
    expect(countsIn(long, '48')).toHaveLength(48);
    expect(isByDays(long, 'all')).toBe(true);
    const days = countsIn(long, 'all');
    expect([days.length, days[0], days.at(-1)!.counts.sent]).toEqual([19, { at: '2026-11-02', counts: { sent: 3, uniqueOpened: 2, uniqueClicked: 0 } }, 4]);
  });
  test('of nothing are none', () => expect(countsIn({ hours: [] }, 'all')).toEqual([]));
});

describe('ranges of days', () => {
  test.each([['7', '2026-03-09'], ['30', '2026-02-14'], ['month', '2026-03-01'], ['year', '2026-01-01']] as const)('%s begins on %s', (preset, from) => expect(rangeOf(preset, '2026-03-15')).toEqual({ from, to: '2026-03-15' }));
  test('last month is whole', () => expect(rangeOf('lastMonth', '2026-03-15')).toEqual({ from: '2026-02-01', to: '2026-02-28' }));
  test('are known again by their days', () => {
    for (const preset of presets) expect(presetOf(rangeOf(preset, '2026-03-15'), '2026-03-15')).toBe(preset);
    expect(presetOf({ from: '2026-03-03', to: '2026-03-04' }, '2026-03-15')).toBeNull();
  });
  test('today is the organization’s', () => expect([todayIn('Pacific/Auckland', Date.UTC(2026, 2, 15, 12)), todayIn('America/New_York', Date.UTC(2026, 2, 15, 2))]).toEqual(['2026-03-16', '2026-03-14']));
});
