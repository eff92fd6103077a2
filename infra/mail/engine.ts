import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AppError } from '#domain/shared/errors.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Secrets } from '../secrets.ts';
import type { Tenant, Tenants } from '../tenancy/registry.ts';
import { Governor } from './governor.ts';
import { takeHold } from './ledger.ts';
import { SessionPool } from './pool.ts';
import type { Providers } from './providers/registry.ts';
import { ChosenSupply, RangeSupply, type RangeSupplyOptions } from './pages.ts';
import { RangeRun, type RangeResult } from './range-run.ts';
import { findHarm } from './safety.ts';
import { SessionShare } from './session-share.ts';
import { loadConnectionNo, loadMail } from './source.ts';
import type { TrackingIds } from './tracking-id.ts';
import { compileVariants, type CompiledVariants } from './variants.ts';

export interface RangeJob {
  readonly orgId: string;
  readonly mailNo: number;
  readonly laneId: number;
  readonly from: number;
  readonly to: number;
  /** Variant of those in the range, or null. */
  readonly variant: number | null;
  /** Whether due retries of this connection are sent beside the range. */
  readonly withRetries: boolean;
}

/** Certain messages of a journey's send step. */
export interface ChosenJob {
  readonly orgId: string;
  readonly mailNo: number;
  readonly laneId: number;
  /** A page at most. */
  readonly ordinals: readonly number[];
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
  /** Sends exactly these, as far as they are pending and no retry of theirs is to come. Promises and errors as `sendRange`. */
  sendChosen(job: ChosenJob, alive: () => void): Promise<RangeResult>;
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
  /** Open sessions of this process to one connection at most. */
  readonly maxSessions: number;
  /** Wakes the organization's outbox. */
  readonly nudge: (orgId: string) => void;
}

/** The sessions of a connection in this process. */
interface OpenPool {
  readonly pool: SessionPool;
  readonly share: SessionShare;
  /** Of the connection it was opened with. */
  readonly version: number;
}

/** A run looks so often whether its process may have more sessions, or must have fewer; most looks ask nobody. */
const SHARE_EVERY_MS = 200;

/** Settings that were edited hold from the next range on: the one under way returns. */
async function isEdited({ sql }: Tenant, connectionNo: number, version: number): Promise<boolean> {
  return (await sql.first<{ version: number }>('select version from connection where no = $1', [connectionNo]))?.version !== version;
}

/** The send engine: one per worker process, for every organization and mail. */
export function createSendEngine(options: SendEngineOptions): SendEngine {
  const pools = new LRUCache<string, OpenPool>({ max: 1_000, dispose: ({ pool }) => pool.close() });
  const runs = new Set<RangeRun>();
  const compiled = new LRUCache<string, CompiledVariants>({ max: 50 });
  const processId = randomUUID();
  let isDraining = false;

  async function run(job: Omit<RangeJob, 'withRetries'> & { readonly ordinals?: readonly number[] }, alive: () => void, reads: RangeSupplyOptions['reads']): Promise<RangeResult> {
    return options.tenants.use(job.orgId, async (tenant) => {
      const hold = await takeHold(tenant.sql, job);
      if (hold === undefined) throw new AppError('conflict', 'This lane belongs to a newer run.');
      // A fast range is over before it is looked at for the first time.
      const harm = await findHarm(tenant.sql, job.mailNo);
      if (harm !== null) return { next: job.from, sent: 0, failed: 0, skipped: 0, inDoubt: 0, deferred: 0, stop: harm };
      const mail = await compiledMail(tenant, job);
      const { pool, share, version } = await openPool(tenant, hold.connectionNo);
      const takeShare = async () => {
        await share.refresh(tenant.sql, pool.size);
        pool.trim();
      };
      await takeShare();
      const onProblem = (problem: string, error: unknown) => options.logger.error({ err: error, orgId: job.orgId, mailNo: job.mailNo }, problem);
      const about = { sql: tenant.sql, mailNo: job.mailNo, paths: mail.paths };
      const supply = job.ordinals !== undefined ? new ChosenSupply({ ...about, ordinals: job.ordinals }) : new RangeSupply({ ...about, connectionNo: hold.connectionNo, from: job.from, to: job.to, reads });
      const range = new RangeRun({
        sql: tenant.sql, hold, mailOf: mail.of, paths: mail.paths, pool, supply, clock: options.clock, alive, onProblem,
        governor: new Governor({ sql: tenant.sql, connectionNo: hold.connectionNo, mailNo: job.mailNo, zone: tenant.org.timezone }),
        watch: async () => ((await isEdited(tenant, hold.connectionNo, version)) ? { kind: 'draining' } : findHarm(tenant.sql, job.mailNo)),
        onOutbox: () => options.nudge(job.orgId),
      });
      const sharing = setInterval(() => void takeShare().catch((error: unknown) => onProblem('a process could not say how many sessions it has', error)), SHARE_EVERY_MS);
      runs.add(range);
      pool.join(range);
      if (isDraining) range.drain();
      try {
        return await range.run();
      } finally {
        clearInterval(sharing);
        runs.delete(range);
        const isResting = pool.leave(range);
        const told = isDraining ? share.leave(tenant.sql) : isResting ? share.rest(tenant.sql, pool.size) : Promise.resolve();
        await told.catch((error: unknown) => onProblem('a process could not give up its sessions', error));
      }
    });
  }

  /** From launch on the content is locked, so the first compilation stands. */
  async function compiledMail(tenant: Tenant, job: Pick<RangeJob, 'orgId' | 'mailNo'>): Promise<CompiledVariants> {
    const key = `${job.orgId}|${job.mailNo}`;
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const loaded = await loadMail(tenant, job.mailNo);
    if (loaded === undefined) throw new AppError('not_found', 'The campaign or journey of this mail is gone.');
    const made = compileVariants(loaded, { ids: options.ids, baseUrl: options.baseUrl });
    compiled.set(key, made);
    return made;
  }

  async function openPool(tenant: Tenant, connectionNo: number): Promise<OpenPool> {
    const connection = await loadConnectionNo(tenant, options.secrets, connectionNo);
    if (connection === undefined) throw new AppError('not_found', 'The connection is gone.');
    const key = `${tenant.org.id}|${connection.id}`;
    const known = pools.get(key);
    // A pool whose breaker opened served its purpose: whoever asks again has resumed the campaign.
    if (known !== undefined && known.version === connection.version && known.pool.stop === null) return known;
    const provider = options.providers.get(connection.vendor);
    const share = new SessionShare({ connectionNo, processId, most: Math.min(provider.limits.sessions, options.maxSessions) });
    const opened = { pool: new SessionPool(() => provider.open(connection.settings), share), share, version: connection.version };
    pools.set(key, opened);
    return opened;
  }

  return {
    sendRange: (job, alive) => run(job, alive, job.withRetries ? 'both' : 'range'),
    sendRetries: (job, alive) => run(job, alive, 'retries'),
    sendChosen: (job, alive) => run({ ...job, from: 1, to: 0, variant: null }, alive, 'range'),
    drain() {
      isDraining = true;
      for (const range of runs) range.drain();
    },
    close: () => pools.clear(),
  };
}
