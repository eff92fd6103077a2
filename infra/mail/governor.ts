import { LEASE_MS, giveBack, isLimited, take, type Limits, type Moment, type RateUse, type WarmUp } from '#domain/delivery/rate.ts';
import { offsetAt, zonedInstant } from '#domain/shared/time.ts';
import type { Sql, Transaction } from '../db/sql.ts';

/** How many mails may leave now, or when to ask again: `retryAt` on this process's clock, `until` on the database's. */
export type Allowance = { readonly granted: number; readonly retryAt: null } | { readonly granted: 0; readonly retryAt: number; readonly until: number };

/** Tokens that were taken, when on the database's clock, and no earlier than when on this process's. */
interface Lease {
  readonly tokens: number;
  readonly takenAt: number;
  readonly begunAt: number;
}

export interface GovernorOptions {
  readonly sql: Sql;
  readonly connectionNo: number;
  /** The campaign whose own throttle holds too; null for test mail. */
  readonly mailNo: number | null;
  /** The organization's time zone: its midnight begins a day. */
  readonly zone: string;
}

/** Connections and campaigns without limits are asked again after this, so that a new limit holds within 5 s. */
const LOOK_AGAIN_MS = 2_000;
/** Half of a lease's life; the other half is for the intent's commit and the server's answer. */
const USE_WITHIN_MS = LEASE_MS / 2;
/** A lease covers what was used in the last one and half as much again, so that few tokens are given up. */
const GROWTH = 1.5;

interface Governed {
  readonly limits: Limits;
  readonly warmUp: WarmUp | null;
  readonly throttle: number | null;
}

/**
 * Holds the limits of a connection and the throttle of a campaign for one run, together with every other run and
 * process: tokens are leased from Postgres on the database's clock, for at most 100 ms, and what is not used in that time
 * is given up. So a crash or a restart wastes a lease and never exceeds a limit.
 */
export class Governor {
  readonly #o: GovernorOptions;
  #tokens = 0;
  #leased = 0;
  #takenAt = 0;
  #expiresAt = 0;
  #freeUntil = 0;

  constructor(options: GovernorOptions) {
    this.#o = options;
  }

  /**
   * @param wanted mails ready to leave, at least 1
   * @returns up to `wanted` granted, each good for one mail now; or when to ask again, on this process's clock
   */
  async take(wanted: number): Promise<Allowance> {
    const now = Date.now();
    if (now < this.#freeUntil) return { granted: wanted, retryAt: null };
    if (now >= this.#expiresAt) this.#tokens = 0;
    if (this.#tokens === 0) {
      const lease = await this.#lease(Math.max(wanted, Math.ceil(this.#leased * GROWTH)));
      if (lease === null) {
        this.#freeUntil = Date.now() + LOOK_AGAIN_MS;
        return { granted: wanted, retryAt: null };
      }
      if ('retryAt' in lease) return lease;
      this.#tokens = lease.tokens;
      this.#leased = 0;
      this.#takenAt = lease.takenAt;
      this.#expiresAt = lease.begunAt + USE_WITHIN_MS;
    }
    const granted = Math.min(wanted, this.#tokens);
    this.#tokens -= granted;
    this.#leased += granted;
    return { granted, retryAt: null };
  }

  /** Mails that were granted and did not leave. */
  putBack(count: number): void {
    if (Date.now() < this.#freeUntil) return;
    this.#tokens += count;
    this.#leased -= count;
  }

  /** Gives the rest of a lease back to the others. */
  async close(): Promise<void> {
    const rest = Date.now() < this.#expiresAt ? this.#tokens : 0;
    this.#tokens = 0;
    if (rest === 0) return;
    await this.#o.sql.transaction(async (tx) => {
      const { uses, moment } = await this.#read(tx, await readLimits(tx, this.#o));
      for (const { key, use } of uses) await write(tx, key, giveBack(use, rest, this.#takenAt, moment));
    });
  }

  /** @returns null when nothing limits */
  #lease(wanted: number): Promise<Lease | Extract<Allowance, { granted: 0; retryAt: number }> | null> {
    return this.#o.sql.transaction(async (tx) => {
      const governed = await readLimits(tx, this.#o);
      if (!isLimited(governed.limits, governed.warmUp) && governed.throttle === null) return null;
      const { uses, moment, begunAt } = await this.#read(tx, governed);
      let granted = wanted;
      let retryAt = 0;
      for (const each of uses) {
        const grant = take(each.limits, each.warmUp, each.use, wanted, moment);
        granted = Math.min(granted, grant.granted);
        retryAt = Math.max(retryAt, grant.retryAt ?? 0);
      }
      if (granted === 0) return { granted: 0, retryAt: Date.now() + Math.max(1, retryAt - moment.now), until: retryAt };
      for (const each of uses) await write(tx, each.key, take(each.limits, each.warmUp, each.use, granted, moment).use);
      return { tokens: granted, takenAt: moment.now, begunAt };
    });
  }

  /** The rows of use, made where missing and locked in the order of their keys. */
  async #read(tx: Transaction, { limits, warmUp, throttle }: Governed) {
    const ruled = [
      ...(isLimited(limits, warmUp) ? [{ key: `connection:${this.#o.connectionNo}`, limits, warmUp }] : []),
      ...(throttle === null ? [] : [{ key: `mail:${this.#o.mailNo}`, limits: { minute: throttle }, warmUp: null }]),
    ];
    const keys = ruled.map((each) => each.key);
    await tx.run("insert into rate_use (key, rings) select k, '{}' from unnest($1::text[]) u(k) order by k on conflict do nothing", [keys]);
    const rows = await tx.rows<{ key: string; rings: RateUse }>('select key, rings from rate_use where key = any($1) order by key for update', [keys]);
    // After the locks: who waited for them must not count by an old clock.
    const begunAt = Date.now();
    const clock = await tx.first<{ now: number }>('select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now');
    const byKey = new Map(rows.map((row) => [row.key, row.rings]));
    return { uses: ruled.map((each) => ({ ...each, use: byKey.get(each.key) ?? {} })), moment: momentOf(clock!.now, this.#o.zone), begunAt };
  }
}

async function readLimits(tx: Sql, { connectionNo, mailNo }: GovernorOptions): Promise<Governed> {
  const row = await tx.first<Governed>(
    `select n.limits, n.warmup as "warmUp", (c.delivery->>'throttlePerMinute')::int as throttle from connection n left join campaign c on c.mail_no = $2 where n.no = $1`, [connectionNo, mailNo]);
  return row ?? { limits: {}, warmUp: null, throttle: null };
}

async function write(tx: Sql, key: string, use: RateUse): Promise<void> {
  await tx.run('update rate_use set rings = $2 where key = $1', [key, JSON.stringify(use)]);
}

const DAY_MS = 86_400_000;

export function momentOf(now: number, zone: string): Moment {
  const wall = now + offsetAt(now, zone);
  const today = Math.floor(wall / DAY_MS) * DAY_MS;
  return { now, today: new Date(today).toISOString().slice(0, 10), tomorrowAt: zonedInstant(today + DAY_MS, zone) };
}
