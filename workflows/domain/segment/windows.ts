/** Days and instants: a plain date is the whole day in the organization's zone, everywhere. */

/** Half-open span of epoch milliseconds: `from` belongs to it, `to` does not. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

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

/** Whether the runtime knows the IANA zone. */
export function isTimeZone(zone: string): boolean {
  if (zone === '' || zone.length > 64 || !/^[A-Za-z]/.test(zone)) return false;
  try {
    return formatter(zone) !== undefined;
  } catch {
    return false;
  }
}

/** The instant at which clocks in the zone show this wall time (given as if it were UTC). In a gap: its end; twice: the first. */
function zonedInstant(wall: number, zone: string): number {
  if (zone === 'UTC') return wall;
  const before = wall - offsetAt(wall - 86_400_000, zone);
  const after = wall - offsetAt(wall + 86_400_000, zone);
  if (offsetAt(before, zone) === wall - before) return before;
  if (offsetAt(after, zone) === wall - after) return after;
  return Math.max(before, after);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
  let known = formatters.get(zone);
  if (known === undefined) {
    known = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    });
    formatters.set(zone, known);
  }
  return known;
}

/** Milliseconds the zone's clocks are ahead of UTC at an instant. */
function offsetAt(instant: number, zone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatter(zone).formatToParts(instant)) parts[type] = Number(value);
  const wall = Date.UTC(parts['year'] ?? 0, (parts['month'] ?? 1) - 1, parts['day'], parts['hour'], parts['minute'], parts['second']);
  return wall - Math.floor(instant / 1000) * 1000;
}

function offsetMinutes(text: string): number {
  if (text.toUpperCase() === 'Z') return 0;
  const digits = text.replace(':', '');
  return (digits.startsWith('-') ? -1 : 1) * (Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5)));
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  return day <= [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}
