/** A run of ordinals, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What is left of a campaign to hand out to lanes: everything from `next` on, and ranges that came back unfinished. */
export interface Supply {
  readonly next: number;
  readonly last: number;
  readonly returned: readonly Range[];
}

/** 5,000 mails are a second or two of work: small enough to lose little with a worker, large enough that 1,000,000 are 200 activities. */
export const RANGE_SIZE = 5_000;

export function supplyOf(last: number): Supply {
  return { next: 1, last, returned: [] };
}

/** The next range for a lane, or none; ranges never overlap and returned ones go first. */
export function take(supply: Supply, size = RANGE_SIZE): { readonly range: Range | undefined; readonly rest: Supply } {
  const [first, ...returned] = supply.returned;
  if (first !== undefined) return { range: first, rest: { ...supply, returned } };
  if (supply.next > supply.last) return { range: undefined, rest: supply };
  const to = Math.min(supply.last, supply.next + size - 1);
  return { range: { from: supply.next, to }, rest: { ...supply, next: to + 1 } };
}

/** Gives back what a lane did not finish. */
export function giveBack(supply: Supply, range: Range): Supply {
  return range.from > range.to ? supply : { ...supply, returned: [...supply.returned, range] };
}

/**
 * How many lanes send at once: two for each worker process of a common installation, fewer for small audiences
 * and never more than the connection's parallel sessions, so that every lane has one.
 */
export function laneCount(recipients: number, parallel: number): number {
  return Math.max(1, Math.min(4, parallel, Math.ceil(recipients / 250)));
}

/** How many of the connection's parallel sessions lane `index` (from 0) may open; they sum to `parallel`. */
export function sessionsOfLane(parallel: number, lanes: number, index: number): number {
  return Math.max(1, Math.floor(parallel / lanes) + (index < parallel % lanes ? 1 : 0));
}
