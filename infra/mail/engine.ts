import { LRUCache } from 'lru-cache';
import { AppError } from '#domain/shared/errors.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Secrets } from '../secrets.ts';
import type { Tenant, Tenants } from '../tenancy/registry.ts';
import { compileMail, type CompiledMail } from './content.ts';
import { takeHold } from './ledger.ts';
import { SessionPool } from './pool.ts';
import type { Providers } from './providers/registry.ts';
import { RangeRun, type RangeResult } from './range-run.ts';
import { loadMail } from './source.ts';
import type { TrackingIds } from './tracking-id.ts';

export interface RangeJob {
  readonly orgId: string;
  readonly mailNo: number;
  readonly laneId: number;
  readonly from: number;
  readonly to: number;
}

export interface SendEngine {
  /**
   * Sends what is pending between two ordinals. Nobody twice, nobody lost: each message is `sending` in the ledger
   * before the server is asked to take it, and only a definite "not sent" makes it pending again.
   * @throws AppError `conflict` when the lane is gone, `unavailable` when a newer attempt took it, `not_found` when mail or connection are gone
   */
  sendRange(job: RangeJob, alive: () => void): Promise<RangeResult>;
  /** Sends what is due again, of the whole mail. */
  sendRetries(job: RangeJob, alive: () => void): Promise<RangeResult>;
  /** No new intents; mail in flight finishes and runs return. */
  drain(): void;
  close(): void;
}

export interface SendEngineOptions {
  readonly tenants: Tenants;
  readonly providers: Providers;
  readonly secrets: Secrets;
  readonly ids: TrackingIds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly baseUrl: string;
  /** Open sessions of this process at most. */
  readonly maxSessions: number;
  /** Wakes the organization's outbox. */
  readonly nudge: (orgId: string) => void;
}

/** The send engine: one per worker process, for every organization and mail. */
export function createSendEngine(options: SendEngineOptions): SendEngine {
  const pools = new LRUCache<string, SessionPool>({ max: 1_000, dispose: (pool) => pool.close() });
  const runs = new Set<RangeRun>();
  const compiled = new LRUCache<string, CompiledMail>({ max: 50 });
  let isDraining = false;
  let sessions = 0;

  async function run(job: RangeJob, alive: () => void, takesRetries: boolean): Promise<RangeResult> {
    return options.tenants.use(job.orgId, async (tenant) => {
      const held = await takeHold(tenant.sql, job);
      if (held === undefined) throw new AppError('conflict', 'This lane belongs to a newer run.');
      const { mail, pool } = await prepare(tenant, job);
      // A share of the process's sessions, but never none: a lane without a session would stand still.
      const share = Math.max(1, Math.min(held.sessions, options.maxSessions - sessions));
      sessions += share;
      const range = new RangeRun({
        sql: tenant.sql, hold: held.hold, mail, pool, clock: options.clock, from: job.from, to: job.to, takesRetries, sessions: share, alive,
        onOutbox: () => options.nudge(job.orgId),
        onProblem: (problem, error) => options.logger.error({ err: error, orgId: job.orgId, mailNo: job.mailNo }, problem),
      });
      runs.add(range);
      if (isDraining) range.drain();
      try {
        return await range.run();
      } finally {
        runs.delete(range);
        sessions -= share;
      }
    });
  }

  async function prepare(tenant: Tenant, job: RangeJob): Promise<{ mail: CompiledMail; pool: SessionPool }> {
    const loaded = await loadMail(tenant, options.secrets, job.mailNo);
    if (loaded === undefined) throw new AppError('not_found', 'The campaign or its connection is gone.');
    const mailKey = `${job.orgId}|${job.mailNo}`;
    // From launch on the content is locked, so the first compilation stands.
    const mail = compiled.get(mailKey) ?? compileMail(loaded.source, { ids: options.ids, baseUrl: options.baseUrl });
    compiled.set(mailKey, mail);
    const { connection } = loaded;
    const poolKey = `${job.orgId}|${connection.id}|${connection.version}`;
    let pool = pools.get(poolKey);
    // A pool whose breaker opened served its purpose: whoever asks again has resumed the campaign.
    if (pool === undefined || pool.stop !== null) {
      const provider = options.providers.get(connection.vendor);
      pool = new SessionPool(() => provider.open(connection.settings));
      pools.set(poolKey, pool);
    }
    return { mail, pool };
  }

  return {
    sendRange: (job, alive) => run(job, alive, false),
    sendRetries: (job, alive) => run(job, alive, true),
    drain() {
      isDraining = true;
      for (const range of runs) range.drain();
    },
    close: () => pools.clear(),
  };
}
