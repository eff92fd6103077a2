import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dailyLimit, giveBack, LEASE_MS, take, warmUpOf, windows, type Limits, type RateUse } from '#domain/delivery/rate.ts';

const START = Date.parse('2026-12-01T12:00:00Z');
const moment = (now: number) => ({ now, today: new Date(now).toISOString().slice(0, 10), tomorrowAt: (Math.floor(now / 86_400_000) + 1) * 86_400_000 });

test('no rolling window ever holds more than its limit, however mails are asked for and however late they leave', () => {
  const asks = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), wanted: fc.integer({ min: 1, max: 60 }), leaveMs: fc.integer({ min: 0, max: LEASE_MS }) }), { maxLength: 120 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300 }), asks, (second, minute, wishes) => {
    const limits: Limits = { second, minute };
    let use: RateUse = {};
    let now = START;
    const left: number[] = [];
    for (const { afterMs, wanted, leaveMs } of wishes) {
      now += afterMs;
      const grant = take(limits, null, use, wanted, moment(now));
      use = JSON.parse(JSON.stringify(grant.use)) as RateUse;
      for (let i = 0; i < grant.granted; i += 1) left.push(now + leaveMs);
      if (grant.granted === 0) expect(grant.retryAt).toBeGreaterThan(now);
    }
    left.sort((a, b) => a - b);
    for (const [name, limit] of [['second', second], ['minute', minute]] as const) {
      const { windowMs } = windows[name];
      for (let i = 0; i + limit < left.length; i += 1) expect(left[i + limit]! - left[i]!).toBeGreaterThanOrEqual(windowMs);
    }
  }));
});

test('who asks again when told to is granted', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.constantFrom('second' as const, 'minute' as const, 'hour' as const, 'day' as const), (limit, name) => {
    const limits: Limits = { [name]: limit, dayWindow: 'rolling' };
    const first = take(limits, null, {}, limit, moment(START));
    expect(first.granted).toBe(limit);
    const refused = take(limits, null, first.use, 1, moment(START + 1));
    expect(refused.granted).toBe(0);
    expect(take(limits, null, refused.use, 1, moment(refused.retryAt!)).granted).toBe(1);
  }));
});

test("a day is the organization's calendar day and begins anew at its midnight", () => {
  const first = take({ day: 100 }, null, {}, 150, moment(START));
  expect(first.granted).toBe(100);
  const refused = take({ day: 100 }, null, first.use, 1, moment(START + 3_600_000));
  expect(refused).toMatchObject({ granted: 0, retryAt: Date.parse('2026-12-02T00:00:00Z') });
  expect(take({ day: 100 }, null, first.use, 150, moment(refused.retryAt!)).granted).toBe(100);
});

test('a warm-up grows each day until its target; the lower of it and the daily limit rules', () => {
  const warmUp = { startedOn: '2026-12-01', first: 500, growthPercent: 30, target: 2_000 };
  expect(['2026-12-01', '2026-12-02', '2026-12-03', '2026-12-07'].map((day) => warmUpOf(warmUp, day))).toEqual([500, 650, 845, null]);
  expect(dailyLimit({ day: 600 }, warmUp, '2026-12-01')).toBe(500);
  expect(dailyLimit({ day: 600 }, warmUp, '2026-12-02')).toBe(600);
  expect(dailyLimit({}, warmUp, '2026-12-20')).toBeNull();
  expect(warmUpOf(warmUp, '2026-11-30')).toBe(0);
});

test('tokens given back can be taken again', () => {
  const taken = take({ minute: 10 }, null, {}, 10, moment(START));
  const back = giveBack(taken.use, 4, START, moment(START + 50));
  expect(take({ minute: 10 }, null, back, 10, moment(START + 60)).granted).toBe(4);
});

test('what is given back frees nothing that others took later', () => {
  const mine = take({ second: 10 }, null, {}, 5, moment(START));
  const theirs = take({ second: 10 }, null, mine.use, 5, moment(START + 150));
  const back = giveBack(theirs.use, 5, START, moment(START + 160));
  expect(take({ second: 10 }, null, back, 10, moment(START + 1_350)).granted).toBe(5);
});

test('in the last moment of a day nothing leaves that would arrive on the next', () => {
  const almost = Date.parse('2026-12-01T23:59:59.900Z');
  expect(take({ day: 100 }, null, {}, 5, moment(almost))).toMatchObject({ granted: 0, retryAt: Date.parse('2026-12-02T00:00:00Z') });
});
