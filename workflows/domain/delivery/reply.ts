/** Where in the conversation a server answered. */
export type ReplyStage = 'login' | 'sender' | 'recipient' | 'message';

/**
 * What an answer means for the message:
 * `hard` the address is dead and is suppressed; `soft` given up, the address stays; `block` sender or policy refused;
 * `content` this mail is refused; `deferred` try this person again later; `later` the connection is busy, no attempt is used;
 * `login` and `sender`: the connection is broken, nobody is blamed.
 */
export type ReplyClass = 'hard' | 'soft' | 'block' | 'content' | 'deferred' | 'later' | 'login' | 'sender';

export interface Reply {
  readonly code: number;
  readonly text: string;
}

/** Digits that follow the reply code, like `5.1.1`, or null. */
export function enhancedCode(text: string): string | null {
  return /(?:^|\s)([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(text)?.[1] ?? null;
}

const hardCodes = new Set(['5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10', '5.2.1']);
const contentCodes = new Set(['5.2.3', '5.3.4']);
const busyCodes = new Set([421, 454, 429]);

/** For servers that send no enhanced code: a 550 with one of these names a dead address. */
const unknownUser = /user unknown|unknown user|no such (?:user|mailbox|recipient|address)|does not exist|mailbox (?:not found|unavailable: unknown)|recipient (?:not found|unknown)/i;

/**
 * Classifies a refusal by its digits. The first digit decides whether to try again, the enhanced code whether to
 * suppress; vague text never kills an address.
 * Source: RFC 5321 4.2, RFC 3463; the class table is the product's.
 */
export function classify(stage: ReplyStage, reply: Reply): ReplyClass {
  const temporary = reply.code < 500;
  if (stage === 'login') return temporary ? 'later' : 'login';
  if (busyCodes.has(reply.code)) return 'later';
  if (stage === 'sender') return temporary ? 'later' : 'sender';
  if (temporary) return 'deferred';
  const enhanced = enhancedCode(reply.text);
  if (enhanced === null) return stage === 'recipient' && reply.code === 550 && unknownUser.test(reply.text) ? 'hard' : 'block';
  if (hardCodes.has(enhanced)) return 'hard';
  if (contentCodes.has(enhanced) || enhanced.startsWith('5.6.')) return 'content';
  if (enhanced === '5.2.2' || enhanced.startsWith('5.4.')) return 'soft';
  return 'block';
}

/** The reason a recipient's row carries for a class that ends it. */
export const failureReasons = { hard: 'hard_bounce', soft: 'temporary', block: 'blocked', content: 'content' } as const;

/** Attempts a person gets over about an hour: at 0, 1, 5, 20 and 60 minutes. */
export const ATTEMPTS = 5;
const waitMinutes = [1, 4, 15, 40] as const;

/** Milliseconds until the next attempt after attempt `attempt` (from 1), or null when that was the last. */
export function retryDelayMs(attempt: number): number | null {
  const minutes = waitMinutes[attempt - 1];
  return minutes === undefined ? null : minutes * 60_000;
}
