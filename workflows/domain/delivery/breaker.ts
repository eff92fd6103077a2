import type { ReplyClass } from './reply.ts';

/** `connection_disabled`: a person took it out of use; the others the breaker finds. */
export type BreakReason = 'login_refused' | 'sender_refused' | 'connection_failures' | 'policy_refusals' | 'connection_disabled';

/** What is remembered of the last answers of one connection: plain counts, cheap enough to update per mail. */
export interface Breaker {
  readonly failuresInRow: number;
  /** Of the last `WINDOW` answers: 1 for a refusal by policy (5.7.x), newest last. */
  readonly answers: readonly (0 | 1)[];
}

const FAILURES_IN_ROW = 20;
const WINDOW = 100;
const POLICY_REFUSALS = 50;

export const closedBreaker: Breaker = { failuresInRow: 0, answers: [] };

/** A session could not be opened, or broke before the server had answered: one that takes everything and answers nothing must not put a whole audience in doubt. */
export function failed(breaker: Breaker): Breaker {
  return { ...breaker, failuresInRow: breaker.failuresInRow + 1 };
}

/** The server answered: it can be reached. */
export function answered(breaker: Breaker, enhanced: string | null): Breaker {
  const refused = enhanced?.startsWith('5.7.') === true ? 1 : 0;
  if (refused === 0 && breaker.answers.length === 0 && breaker.failuresInRow === 0) return breaker;
  return { failuresInRow: 0, answers: [...breaker.answers, refused as 0 | 1].slice(-WINDOW) };
}

/** The reason to stop sending over the connection, or null. @param last class of the newest answer, if it was a refusal */
export function verdict(breaker: Breaker, last?: ReplyClass): BreakReason | null {
  if (last === 'login') return 'login_refused';
  if (last === 'sender') return 'sender_refused';
  if (breaker.failuresInRow >= FAILURES_IN_ROW) return 'connection_failures';
  let refusals = 0;
  for (const answer of breaker.answers) refusals += answer;
  return refusals >= POLICY_REFUSALS ? 'policy_refusals' : null;
}
