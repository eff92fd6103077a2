import { ATTEMPTS, failureReasons, retryDelayMs, type ReplyClass } from '#domain/delivery/reply.ts';
import type { Refusal } from './ledger.ts';

const BUSY_SERVER_DELAY_MS = 60_000;

/** A definite "not sent" for which nobody is blamed: pending again, at once. */
export const requeue = { verdict: 'requeue', usesAttempt: false, dueInMs: 0, reason: null, isHardBounce: false, bounceClass: null } as const;

/** What a refusal means for the message's row. @param message its attempts before this one */
export function toRefusal(message: { readonly ordinal: number; readonly attempt: number }, kind: ReplyClass, text: string): Refusal {
  const base = { ordinal: message.ordinal, reply: text };
  if (kind === 'login' || kind === 'sender') return { ...requeue, ...base };
  if (kind === 'later') return { ...requeue, ...base, verdict: 'retry', dueInMs: BUSY_SERVER_DELAY_MS };
  if (kind === 'deferred') {
    const delay = retryDelayMs(message.attempt + 1);
    if (message.attempt + 1 < ATTEMPTS && delay !== null) return { ...requeue, ...base, verdict: 'retry', usesAttempt: true, dueInMs: delay };
    return { ...requeue, ...base, verdict: 'fail', usesAttempt: true, reason: 'temporary', bounceClass: 'soft' };
  }
  return {
    ...requeue, ...base, verdict: 'fail', usesAttempt: true, reason: failureReasons[kind],
    isHardBounce: kind === 'hard', bounceClass: kind === 'content' ? 'block' : kind,
  };
}
