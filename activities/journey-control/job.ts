import { AppError } from '#domain/shared/errors.ts';
import type { Transaction } from '../../infra/db/sql.ts';
import type { Nudges } from '../../infra/journeys/react.ts';
import type { JobAction, JobOptions } from '../../infra/journeys/jobs.ts';
import type { JourneyWork } from '../../infra/journeys/enter.ts';
import type { Versions } from '../../infra/journeys/versions.ts';
import type { Secrets } from '../../infra/secrets.ts';
import type { Gateway } from '../../infra/temporal/gateway.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';

/** How far an activity came with a job. `pauseMs`: others have their turn before it is asked again. */
export interface Progress {
  readonly complete: boolean;
  readonly pauseMs: number;
}

export const COMPLETE: Progress = { complete: true, pauseMs: 0 };
export const LATER: Progress = { complete: false, pauseMs: 0 };

/** A job under way, and what working on it needs. */
export interface JobWork<A extends JobAction> {
  readonly tenant: Tenant;
  readonly versions: Versions;
  readonly secrets: Secrets;
  readonly orgId: string;
  readonly journeyId: string;
  readonly jobId: string;
  readonly options: JobOptions[A];
  /** Temporal's clock, epoch ms. */
  now(): number;
  /** @throws when the attempt is to end: cancelled, or the process stops */
  goOn(): void;
  readonly gateway: Gateway;
  /** Tells runs after a commit; a lost word costs delay only. */
  tell(nudges: Nudges): Promise<void>;
  nudgeOutbox(): void;
}

export interface HeldJob {
  readonly cursor: number;
  readonly total: number | null;
  readonly done: number;
  readonly result: Readonly<Record<string, number>>;
  readonly createdAt: Date;
}

/**
 * Holds the job's row: the fence. An attempt that was given up waits here, and then goes on where the other has come.
 * @throws AppError `conflict` when it was ended meanwhile
 */
export async function holdJob(tx: Transaction, jobId: string): Promise<HeldJob> {
  const job = await tx.first<Omit<HeldJob, 'result'> & { state: string; result: HeldJob['result'] | null }>(
    'select state, cursor_id as cursor, total, done, result, created_at as "createdAt" from journey_job where id = $1 for update', [jobId]);
  if (job?.state !== 'running') throw new AppError('conflict', 'It was ended.');
  return { ...job, result: job.result ?? {} };
}

/** Whether something waits that goes before other work; a job that stands back for it goes on where it has come. */
export async function isOvertaken({ tenant: { sql }, journeyId }: Pick<JobWork<JobAction>, 'tenant' | 'journeyId'>): Promise<boolean> {
  return (await sql.first(`select 1 as found from journey_job where journey_id = $1 and action in ('resume', 'archive') and state in ('queued', 'running')`, [journeyId])) !== undefined;
}

/** Notes a batch in the transaction that did it: where the next begins, how many are done, and counts by outcome. */
export async function noteBatch(tx: Transaction, jobId: string, job: HeldJob, batch: { readonly cursor: number; readonly done: number; readonly counts: Readonly<Record<string, number>> }): Promise<void> {
  const result: Record<string, number> = { ...job.result };
  for (const [outcome, count] of Object.entries(batch.counts)) result[outcome] = (result[outcome] ?? 0) + count;
  await tx.run('update journey_job set cursor_id = $2, done = done + $3, result = $4 where id = $1', [jobId, batch.cursor, batch.done, JSON.stringify(result)]);
}

export async function setTotal(tx: Transaction, jobId: string, total: number): Promise<void> {
  await tx.run('update journey_job set total = $2 where id = $1', [jobId, total]);
}

/** What entering needs, in a transaction of the job. */
export function workIn({ tenant, versions, now }: Pick<JobWork<JobAction>, 'tenant' | 'versions' | 'now'>, tx: Transaction): JourneyWork {
  return { org: tenant.org, tx, versions, now: now() };
}
