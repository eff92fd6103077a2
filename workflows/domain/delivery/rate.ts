/** Mails at most in any window of this length; all that are given hold together. */
export interface Limits {
  readonly second?: number;
  readonly minute?: number;
  readonly hour?: number;
  readonly day?: number;
  /** Whether a day is the organization's calendar day (default) or any 24 hours. */
  readonly dayWindow?: 'midnight' | 'rolling';
}

/** Mails a day that grow: `first` on the first day, `growthPercent` more each day, until `target`. */
export interface WarmUp {
  /** The organization's calendar day, like `2026-12-01`. */
  readonly startedOn: string;
  readonly first: number;
  readonly growthPercent: number;
  readonly target: number;
}

/** How many were taken in each slot of a window: `counts[i]` belongs to slot `first + i`; slots are `slotMs` wide and count from the epoch. */
interface Ring {
  readonly first: number;
  readonly counts: readonly number[];
}

/** What was taken, by window; `today` by the organization's calendar day. */
export interface RateUse {
  readonly second?: Ring;
  readonly minute?: Ring;
  readonly hour?: Ring;
  readonly day?: Ring;
  readonly today?: { readonly on: string; readonly count: number };
}

export const windows = {
  second: { windowMs: 1_000, slotMs: 100 },
  minute: { windowMs: 60_000, slotMs: 2_000 },
  hour: { windowMs: 3_600_000, slotMs: 60_000 },
  day: { windowMs: 86_400_000, slotMs: 900_000 },
} as const;
type WindowName = keyof typeof windows;
const names = Object.keys(windows) as WindowName[];

/**
 * Tokens are good for this long after they were leased; what is not used by then is given up. It is added to every
 * window, so that mails that leave late are still within their limit.
 */
export const LEASE_MS = 200;

export interface Moment {
  /** Epoch ms. */
  readonly now: number;
  /** The organization's calendar day, like `2026-12-01`, and when the next begins, epoch ms. */
  readonly today: string;
  readonly tomorrowAt: number;
}

export interface Grant {
  readonly granted: number;
  /** When to ask again, epoch ms; only when nothing was granted. */
  readonly retryAt: number | null;
  /** What is taken afterwards, for the row. */
  readonly use: RateUse;
}

export function isLimited(limits: Limits, warmUp: WarmUp | null = null): boolean {
  return warmUp !== null || names.some((name) => limits[name] !== undefined);
}

/**
 * Decides how many mails may leave now, so that no rolling window ever exceeds its limit: a token counts from its lease
 * until its window, one slot and the lease's life are over.
 * @param wanted mails asked for, at least 1
 */
export function take(limits: Limits, warmUp: WarmUp | null, use: RateUse, wanted: number, moment: Moment): Grant {
  let granted = wanted;
  let retryAt = moment.now;
  const rings: Partial<Record<WindowName, Ring>> = {};
  for (const name of names) {
    const limit = limits[name];
    if (limit === undefined || (name === 'day' && limits.dayWindow !== 'rolling')) continue;
    const ring = current(use[name], name, moment.now);
    rings[name] = ring;
    const room = Math.max(0, limit - sum(ring));
    granted = Math.min(granted, room);
    if (room === 0) retryAt = Math.max(retryAt, freeAt(ring, name, limit));
  }
  const daily = dailyLimit(limits, warmUp, moment.today);
  const used = use.today?.on === moment.today ? use.today.count : 0;
  if (daily !== null) {
    granted = Math.min(granted, Math.max(0, daily - used));
    // What leaves late must not count for one day and leave on the next.
    const isOver = used >= daily || moment.tomorrowAt - moment.now <= LEASE_MS;
    if (isOver) [granted, retryAt] = [0, Math.max(retryAt, moment.tomorrowAt)];
  }
  if (granted <= 0) return { granted: 0, retryAt: Math.max(retryAt, moment.now + 1), use };
  for (const name of names) {
    const ring = rings[name];
    if (ring !== undefined) rings[name] = added(ring, name, moment.now, granted);
  }
  return { granted, retryAt: null, use: { ...rings, ...(daily === null ? {} : { today: { on: moment.today, count: used + granted } }) } };
}

/** Tokens given back unused: they no longer count. @param takenAt when they were taken, epoch ms */
export function giveBack(use: RateUse, count: number, takenAt: number, moment: Moment): RateUse {
  const next: { -readonly [Key in keyof RateUse]: RateUse[Key] } = { ...use };
  for (const name of names) {
    const ring = use[name];
    if (ring === undefined) continue;
    // From where they were taken and no newer slot: what others took later counts until later.
    const counts = [...ring.counts];
    let left = count;
    for (let i = Math.min(counts.length - 1, slotOf(name, takenAt) - ring.first); i >= 0 && left > 0; i -= 1) {
      const back = Math.min(left, counts[i]!);
      counts[i]! -= back;
      left -= back;
    }
    next[name] = { ...ring, counts };
  }
  if (use.today?.on === moment.today) next.today = { ...use.today, count: Math.max(0, use.today.count - count) };
  return next;
}

/** Mails this calendar day at most, or null. */
export function dailyLimit(limits: Limits, warmUp: WarmUp | null, today: string): number | null {
  const day = limits.day !== undefined && limits.dayWindow !== 'rolling' ? limits.day : null;
  const warm = warmUp === null ? null : warmUpOf(warmUp, today);
  if (day === null || warm === null) return day ?? warm;
  return Math.min(day, warm);
}

/** What a warm-up allows on a day; null once it has reached its target, for it then limits nothing. */
export function warmUpOf(warmUp: WarmUp, on: string): number | null {
  const days = Math.round((Date.parse(`${on}T00:00:00Z`) - Date.parse(`${warmUp.startedOn}T00:00:00Z`)) / 86_400_000);
  if (days < 0) return 0;
  const allowed = Math.floor(warmUp.first * (1 + warmUp.growthPercent / 100) ** days);
  return allowed >= warmUp.target ? null : allowed;
}

function slotOf(name: WindowName, at: number): number {
  return Math.floor(at / windows[name].slotMs);
}

/** Slots that still count at `now`. */
function current(ring: Ring | undefined, name: WindowName, now: number): Ring {
  const { windowMs, slotMs } = windows[name];
  const oldest = slotOf(name, now - windowMs - slotMs - LEASE_MS) + 1;
  if (ring === undefined || ring.first + ring.counts.length <= oldest) return { first: slotOf(name, now), counts: [] };
  return ring.first >= oldest ? ring : { first: oldest, counts: ring.counts.slice(oldest - ring.first) };
}

function added(ring: Ring, name: WindowName, now: number, count: number): Ring {
  const counts = [...ring.counts];
  // A clock that steps back counts in the newest slot.
  const at = Math.max(slotOf(name, now), ring.first + counts.length - 1) - ring.first;
  while (counts.length <= at) counts.push(0);
  counts[at]! += count;
  return { first: ring.first, counts };
}

function sum(ring: Ring): number {
  let total = 0;
  for (const count of ring.counts) total += count;
  return total;
}

/** When enough slots have gone for one more. */
function freeAt(ring: Ring, name: WindowName, limit: number): number {
  const { windowMs, slotMs } = windows[name];
  let held = sum(ring);
  for (const [i, count] of ring.counts.entries()) {
    held -= count;
    if (held < limit) return (ring.first + i + 1) * slotMs + windowMs + LEASE_MS;
  }
  return 0;
}
