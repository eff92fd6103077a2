import { expect, test } from 'vitest';
import { daysAround, monthDay, monthDaysAhead, parseDate, windowStart, type Window } from '#domain/segment/windows.ts';

const zone = 'America/New_York';
const at = (iso: string) => Date.parse(iso);

test.each<[string, Window, string, string]>([
  ['days are exact spans', { last: 1, unit: 'DAY' }, '2026-03-08T12:00:00-04:00', '2026-03-07T11:00:00-05:00'],
  ['weeks too', { last: 2, unit: 'WEEK' }, '2026-03-10T12:00:00Z', '2026-02-24T12:00:00Z'],
  ['months go by the calendar of the zone', { last: 1, unit: 'MONTH' }, '2026-03-15T09:30:00-04:00', '2026-02-15T09:30:00-05:00'],
  ['a day the month lacks is its last', { last: 1, unit: 'MONTH' }, '2026-03-31T10:00:00-04:00', '2026-02-28T10:00:00-05:00'],
  ['over the end of the year', { last: 3, unit: 'MONTH' }, '2026-01-31T23:59:59.999-05:00', '2025-10-31T23:59:59.999-04:00'],
  ['a leap day a year before', { last: 1, unit: 'YEAR' }, '2028-02-29T08:00:00-05:00', '2027-02-28T08:00:00-05:00'],
  ['a time the clocks skipped is the end of the gap', { last: 1, unit: 'MONTH' }, '2026-04-08T02:30:00-04:00', '2026-03-08T03:30:00-04:00'],
])('%s', (_, window, now, expected) => {
  expect(new Date(windowStart(window, at(now), zone)).toISOString()).toBe(new Date(expected).toISOString());
});

test('days around now are whole days of the zone, of 23 hours too', () => {
  const now = at('2026-03-08T20:00:00-04:00');
  expect(daysAround(0, 0, now, zone)).toEqual({ from: at('2026-03-08T00:00:00-05:00'), to: at('2026-03-09T00:00:00-04:00') });
  expect(daysAround(-7, 0, now, zone)).toEqual({ from: at('2026-03-01T00:00:00-05:00'), to: at('2026-03-09T00:00:00-04:00') });
});

test('29 February is the 28th, and the year goes round', () => {
  expect(monthDay(at('2024-02-29T12:00:00Z'), zone)).toBe(monthDay(at('2026-02-28T12:00:00Z'), zone));
  const contains = (days: number, now: string, day: string) => monthDaysAhead(days, at(now), zone).some(({ gte, lte }) => gte <= monthDay(at(day), zone) && monthDay(at(day), zone) <= lte);
  expect(contains(3, '2026-12-30T12:00:00Z', '1990-01-02T12:00:00Z')).toBe(true);
  expect(contains(3, '2026-12-30T12:00:00Z', '1990-01-03T12:00:00Z')).toBe(false);
  expect(contains(0, '2026-02-28T12:00:00Z', '2024-02-29T12:00:00Z')).toBe(true);
  expect(contains(364, '2026-11-25T12:00:00Z', '1990-11-24T12:00:00Z')).toBe(true);
  expect(contains(363, '2026-11-25T12:00:00Z', '1990-11-24T12:00:00Z')).toBe(false);
});

test('a window that ends when clocks go back twice as long is the first of both', () => {
  expect(new Date(windowStart({ last: 1, unit: 'MONTH' }, at('2026-12-01T01:30:00-05:00'), zone)).toISOString()).toBe('2026-11-01T05:30:00.000Z');
});

test.each(['America/New_York', 'Africa/Casablanca', 'Australia/Lord_Howe', 'Europe/Dublin', 'Pacific/Apia', 'Asia/Kathmandu'])('days of %s are those of the calendar, every one of a century', (of) => {
  const calendar = new Intl.DateTimeFormat('en-CA', { timeZone: of, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', hourCycle: 'h23' });
  const missing: string[] = [];
  for (let day = Date.UTC(1930, 0, 1); day < Date.UTC(2040, 0, 1); day += 86_400_000) {
    const text = new Date(day).toISOString().slice(0, 10);
    const { from, to } = parseDate(text, of)!;
    const [first, before, next] = [calendar.format(from), calendar.format(from - 1), calendar.format(to)];
    // Samoa had no 30 December 2011: its span is empty.
    if (from === to) missing.push(text);
    else if (!first.startsWith(text) || before.startsWith(text) || next.startsWith(text)) expect([text, before, first, next]).toBe('the day');
  }
  expect(missing).toEqual(of === 'Pacific/Apia' ? ['2011-12-30'] : []);
}, 60_000);
