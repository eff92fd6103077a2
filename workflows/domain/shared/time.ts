/** Clocks of time zones. Instants are epoch milliseconds; a wall time is one too, as if its clock ran in UTC. */

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
export function zonedInstant(wall: number, zone: string): number {
  if (zone === 'UTC') return wall;
  const before = wall - offsetAt(wall - 86_400_000, zone);
  const after = wall - offsetAt(wall + 86_400_000, zone);
  if (offsetAt(before, zone) === wall - before) return before;
  if (offsetAt(after, zone) === wall - after) return after;
  return Math.max(before, after);
}

const DAY_MS = 86_400_000;

/** The instant so many days later (or earlier) at which the zone's clocks show the same time; a time they skip is the end of the gap. */
export function plusDays(instant: number, days: number, zone: string): number {
  return zonedInstant(instant + offsetAt(instant, zone) + days * DAY_MS, zone);
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

/** Offsets of one year in the order of time: each holds from its instant to the next. */
interface YearOfOffsets {
  readonly from: readonly number[];
  readonly offset: readonly number[];
}

const years = new Map<string, Map<number, YearOfOffsets>>();
/** No zone changes its clocks twice within this. */
const LOOK_EVERY_MS = 7 * 86_400_000;

/** Milliseconds the zone's clocks are ahead of UTC at an instant. Looked up by year: asking the calendar takes 4 µs, and an index asks millions of times. */
export function offsetAt(instant: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const year = new Date(instant).getUTCFullYear();
  let known = years.get(zone);
  if (known === undefined) years.set(zone, (known = new Map<number, YearOfOffsets>()));
  let changes = known.get(year);
  if (changes === undefined) known.set(year, (changes = readYear(year, zone)));
  let i = changes.from.length - 1;
  while (i > 0 && changes.from[i]! > instant) i--;
  return changes.offset[i]!;
}

function readYear(year: number, zone: string): YearOfOffsets {
  const [start, end] = [startOfYear(year), startOfYear(year + 1)];
  const from = [start];
  const offset = [readOffset(start, zone)];
  for (let at = start; at < end; at += LOOK_EVERY_MS) {
    const later = Math.min(end, at + LOOK_EVERY_MS);
    const after = readOffset(later, zone);
    if (after === offset.at(-1)) continue;
    let [low, high] = [at, later];  // the change is the first second with the new offset
    while (high - low > 1_000) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000;
      if (readOffset(middle, zone) === after) high = middle;
      else low = middle;
    }
    from.push(high);
    offset.push(after);
  }
  return { from, offset };
}

function startOfYear(year: number): number {
  const start = new Date(0);
  start.setUTCFullYear(year, 0, 1);
  return start.getTime();
}

function readOffset(instant: number, zone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatter(zone).formatToParts(instant)) parts[type] = Number(value);
  const wall = Date.UTC(parts['year'] ?? 0, (parts['month'] ?? 1) - 1, parts['day'], parts['hour'], parts['minute'], parts['second']);
  return wall - Math.floor(instant / 1000) * 1000;
}
