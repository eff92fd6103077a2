const LIMIT = 200;
/** Changes of the same thing within this time are one step back. */
const MERGE_MS = 1_000;

/** What something was, is, and was again taken back from being. */
export interface Timeline<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
  /** What the last change was about, while more of it may follow. */
  readonly about: string | null;
  /** Epoch ms. */
  readonly at: number;
}

export const begin = <T>(now: T): Timeline<T> => ({ past: [], now, future: [], about: null, at: 0 });

/** @param about changes with the same word in quick succession are one step back; null: a step of its own */
export function record<T>(timeline: Timeline<T>, next: T, about: string | null, at: number): Timeline<T> {
  if (next === timeline.now) return timeline;
  const merges = about !== null && about === timeline.about && at - timeline.at < MERGE_MS && timeline.past.length > 0;
  return { past: merges ? timeline.past : [...timeline.past, timeline.now].slice(-LIMIT), now: next, future: [], about, at };
}

export function undo<T>(timeline: Timeline<T>): Timeline<T> {
  const before = timeline.past.at(-1);
  return before === undefined ? timeline : { past: timeline.past.slice(0, -1), now: before, future: [...timeline.future, timeline.now], about: null, at: 0 };
}

export function redo<T>(timeline: Timeline<T>): Timeline<T> {
  const next = timeline.future.at(-1);
  return next === undefined ? timeline : { past: [...timeline.past, timeline.now], now: next, future: timeline.future.slice(0, -1), about: null, at: 0 };
}
