import { offsetAt, zonedInstant } from '../shared/time.ts';

/** Days and instants: a plain date is the whole day in the organization's zone, everywhere. */

/** Half-open span of epoch milliseconds: `from` belongs to it, `to` does not. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const windowUnits = ['MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR'] as const;
export type WindowUnit = (typeof windowUnits)[number];

/** The last N units, ending now: up to weeks exact spans, months and years by the calendar of the organization's zone. */
export interface Window {
  readonly last: number;
  readonly unit: WindowUnit;
}

export const MAX_WINDOW = 10_000;

const spans: Partial<Record<WindowUnit, number>> = { MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000, WEEK: 604_800_000 };

/** @returns the first instant inside, epoch ms. A day the target month lacks is its last one: a month before 31 March is 28 or 29 February. */
export function windowStart(window: Window, now: number, zone: string): number {
  const span = spans[window.unit];
  if (span !== undefined) return now - window.last * span;
  const wall = new Date(now + offsetAt(now, zone));
  const months = wall.getUTCFullYear() * 12 + wall.getUTCMonth() - window.last * (window.unit === 'YEAR' ? 12 : 1);
  const [year, month] = [Math.floor(months / 12), ((months % 12) + 12) % 12];
  const day = Math.min(wall.getUTCDate(), daysInMonth(year, month + 1));
  const start = new Date(0);
  start.setUTCFullYear(year, month, day);
  return zonedInstant(start.getTime() + (wall.getTime() % DAY_MS + DAY_MS) % DAY_MS, zone);
}

/** Whole days in the zone around now, by their distance from today: 0 to 0 is today, -7 to 0 the last seven days and today. */
export function daysAround(from: number, to: number, now: number, zone: string): Span {
  const today = Math.floor((now + offsetAt(now, zone)) / DAY_MS);
  return { from: zonedInstant((today + from) * DAY_MS, zone), to: zonedInstant((today + to + 1) * DAY_MS, zone) };
}

/** Month and day of an instant on the zone's calendar, as one number that sorts: month * 32 + day. 29 February counts as the 28th. */
export function monthDay(instant: number, zone: string): number {
  const wall = new Date(instant + offsetAt(instant, zone));
  const [month, day] = [wall.getUTCMonth() + 1, wall.getUTCDate()];
  return month * 32 + (month === 2 && day === 29 ? 28 : day);
}

/** The month-days from today on for N more days, as ranges with both ends; two when the year ends among them. */
export function monthDaysAhead(days: number, now: number, zone: string): { readonly gte: number; readonly lte: number }[] {
  if (days >= 365) return [{ gte: 0, lte: 511 }];
  const today = Math.floor((now + offsetAt(now, zone)) / DAY_MS) * DAY_MS;
  const end = today + days * DAY_MS;
  const [first, last] = [monthDay(today, 'UTC'), monthDay(end, 'UTC')];
  return new Date(today).getUTCFullYear() === new Date(end).getUTCFullYear() ? [{ gte: first, lte: last }] : [{ gte: first, lte: 511 }, { gte: 0, lte: last }];
}

/** @returns a sentence when this is no window, or null */
export function windowProblem(value: unknown): string | null {
  const window = value as { last?: unknown; unit?: unknown } | null;
  if (typeof window !== 'object' || window === null || Array.isArray(window) || Object.keys(window).some((key) => key !== 'last' && key !== 'unit')) return 'Expected a window like { "last": 30, "unit": "DAY" }, or none for any time.';
  if (!windowUnits.includes(window.unit as WindowUnit)) return `Expected one of ${windowUnits.join(', ')}.`;
  if (!Number.isInteger(window.last) || (window.last as number) < 1 || (window.last as number) > MAX_WINDOW) return `Expected a whole number from 1 to ${MAX_WINDOW.toLocaleString('en-US')}.`;
  return null;
}

const DAY_MS = 86_400_000;

const PLAIN = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads `YYYY-MM-DD` as the whole day in the zone, an ISO date-time as its millisecond
 * (without an offset it is local time in the zone).
 * @returns null when it is no date, or a day the calendar does not have
 */
export function parseDate(text: string, zone: string): Span | null {
  const plain = PLAIN.exec(text);
  if (plain !== null) {
    const [year, month, day] = [Number(plain[1]), Number(plain[2]), Number(plain[3])];
    if (!isCalendarDay(year, month, day)) return null;
    return { from: zonedInstant(Date.UTC(year, month - 1, day), zone), to: zonedInstant(Date.UTC(year, month - 1, day + 1), zone) };
  }
  const instant = INSTANT.exec(text);
  if (instant === null) return null;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((group) => Number(instant[group] ?? 0)) as [number, number, number, number, number, number];
  if (!isCalendarDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return null;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second, Number((instant[7] ?? '').padEnd(3, '0').slice(0, 3)));
  const from = instant[8] === undefined ? zonedInstant(wall, zone) : wall - offsetMinutes(instant[8]) * 60_000;
  return { from, to: from + 1 };
}

function offsetMinutes(text: string): number {
  if (text.toUpperCase() === 'Z') return 0;
  const digits = text.replace(':', '');
  return (digits.startsWith('-') ? -1 : 1) * (Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5)));
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  return day <= daysInMonth(year, month);
}

function daysInMonth(year: number, month: number): number {
  return [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}
