import { createHash } from 'node:crypto';
import type { Response } from 'express';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '#domain/shared/errors.ts';

/**
 * JSON deeper than this is refused before anything recursive sees it (`JSON.stringify` overflows between 1,000 and 5,000);
 * a rule of 100 nested groups takes 202.
 */
const MAX_DEPTH = 256;
const MAX_VALUES = 100_000;

/**
 * Refuses JSON that is too deep, holds more values than allowed, or a text no database keeps (NUL, half a
 * surrogate pair); walks without recursion.
 * @throws AppError `invalid`
 */
export function checkShape(json: unknown, mostValues = MAX_VALUES): void {
  let level: unknown[] = [json];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new AppError('invalid', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value === 'string') checkText(value);
      if (typeof value !== 'object' || value === null) continue;
      if (!Array.isArray(value)) Object.keys(value).forEach(checkText);
      for (const child of Array.isArray(value) ? value : Object.values(value)) next.push(child);
    }
    values += next.length;
    if (values > mostValues) throw new AppError('invalid', `The body holds more than ${mostValues} values.`);
    level = next;
  }
}

function checkText(text: string): void {
  if (text.includes('\u0000') || !text.isWellFormed()) throw new AppError('invalid', 'A text holds a character that cannot be stored: NUL, or half of a surrogate pair.');
}

/** Counts requests per caller and writes `RateLimit-*` and, on refusal, `Retry-After`. */
export interface Limiter {
  /** @param weight what this request counts for, 1 by default @throws AppError `rate_limited` */
  take(key: string, res?: Response, weight?: number): Promise<void>;
}

/** Counts of all processes, in the table `rate_limit` of the control database. */
export interface SharedCounts {
  readonly pool: Pool;
  /** Tells the counts of this limiter from those of others. */
  readonly name: string;
}

/**
 * @param points requests in a window of `seconds`
 * @param shared without it each process counts for itself: no database is asked
 */
export function createLimiter(points: number, seconds: number, refusal: (waitSeconds: number) => string, shared?: SharedCounts): Limiter {
  const limiter = shared === undefined
    ? new RateLimiterMemory({ points, duration: seconds })
    // Who is over the limit is refused from memory until her window ends: a flood costs no writes.
    : new RateLimiterPostgres({ storeClient: shared.pool, storeType: 'pool', tableName: 'rate_limit', tableCreated: true, keyPrefix: shared.name, points, duration: seconds, inMemoryBlockOnConsumed: points + 1 });
  // Keys are addresses of people and machines: only a hash of them is kept.
  const keyOf = (key: string) => (shared === undefined ? key : createHash('sha256').update(key).digest('base64url'));
  const show = (res: Response | undefined, state: RateLimiterRes) => {
    res?.set({ 'RateLimit-Limit': String(points), 'RateLimit-Remaining': String(state.remainingPoints), 'RateLimit-Reset': String(Math.ceil(state.msBeforeNext / 1_000)) });
  };
  return {
    async take(key, res, weight = 1) {
      try {
        show(res, await limiter.consume(keyOf(key), weight));
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        const wait = Math.max(1, Math.ceil(error.msBeforeNext / 1_000));
        show(res, error);
        res?.set('Retry-After', String(wait));
        throw new AppError('rate_limited', refusal(wait));
      }
    },
  };
}

/** Whom an address stands for in limits: an IPv4 address itself, of an IPv6 address the /64, all of which one household has. */
export function networkOf(ip: string | undefined): string {
  if (ip === undefined || !ip.includes(':') || ip.includes('.')) return ip ?? '';
  const [head = [], tail = []] = ip.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  return [...head, ...Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0'), ...tail].slice(0, 4).join(':');
}
