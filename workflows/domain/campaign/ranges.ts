/** A run of ordinals, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A run of ordinals of one slice: same connection, same variant. */
export interface Piece extends Range {
  readonly sliceId: number;
  readonly connectionNo: number;
  readonly variant: number | null;
}

/** What is left to hand out, in the order of sending; ranges that came back unfinished stand first. */
export type Supply = readonly Piece[];

/** 5,000 mails are a second or two of work: small enough to lose little with a worker, large enough that 1,000,000 are 200 activities. */
export const RANGE_SIZE = 5_000;

/** The next range for a lane of this connection, or none; ranges never overlap. */
export function take(supply: Supply, connectionNo: number, size = RANGE_SIZE): { readonly piece: Piece | undefined; readonly rest: Supply } {
  const at = supply.findIndex((piece) => piece.connectionNo === connectionNo);
  const first = supply[at];
  if (first === undefined) return { piece: undefined, rest: supply };
  const to = Math.min(first.to, first.from + size - 1);
  const left = to === first.to ? [] : [{ ...first, from: to + 1 }];
  return { piece: { ...first, to }, rest: [...supply.slice(0, at), ...left, ...supply.slice(at + 1)] };
}

/** Gives back what a lane did not finish. */
export function giveBack(supply: Supply, piece: Piece): Supply {
  return piece.from > piece.to ? supply : [piece, ...supply];
}

/** By slice the first ordinal that may still be pending, given what is left; past its end where nothing is. */
export function cursorsOf(slices: Supply, left: Supply): { readonly sliceId: number; readonly next: number }[] {
  return slices.map(({ sliceId, to }) => ({ sliceId, next: left.reduce((lowest, piece) => (piece.sliceId === sliceId ? Math.min(lowest, piece.from) : lowest), to + 1) }));
}

/** Lanes of a campaign, all connections together. */
const MOST_LANES = 4;

/**
 * How many lanes send over one connection at once: two for each worker process of a common installation, fewer where
 * several connections share them or the audience is small, and never more than the parallel sessions.
 */
export function laneCount(recipients: number, parallel: number, connections = 1): number {
  return Math.max(1, Math.min(Math.ceil(MOST_LANES / connections), parallel, Math.ceil(recipients / 250)));
}
