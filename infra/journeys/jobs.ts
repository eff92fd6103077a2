import type { Sql } from '../db/sql.ts';
import { newId } from '../ids.ts';

/** Long work on a journey, as the rows of `journey_job` say it: one at a time, oldest first, by the journey's control workflow. */

export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface EnrollOptions {
  readonly list?: Named;
  readonly segment?: Named;
  /** As they were typed; they go when the job ends. */
  readonly emails?: readonly string[];
  /** How many were typed. */
  readonly addresses?: number;
  /** Whether customers are made of addresses nobody has. */
  readonly createUnknown: boolean;
}

export interface MigrateOptions {
  /** The version people are moved to. */
  readonly to: number;
  /** Only people of this one; null: of every earlier one. */
  readonly from: number | null;
}

export interface UndoOptions {
  /** The migration that is taken back. */
  readonly jobId: string;
}

export interface DryRunOptions {
  readonly list?: Named;
  readonly segment?: Named;
  /** Who would have entered in the last so many days. */
  readonly days?: number;
  /** Percent of mails that count as opened and clicked; without it those of the last 90 days. */
  readonly rates?: { readonly opened: number; readonly clicked: number };
}

export interface JobOptions {
  readonly enroll: EnrollOptions;
  readonly migrate: MigrateOptions;
  readonly undo: UndoOptions;
  readonly archive: Readonly<Record<string, never>>;
  readonly resume: Readonly<Record<string, never>>;
  readonly dry_run: DryRunOptions;
  readonly remove: Readonly<Record<string, never>>;
}

export type JobAction = keyof JobOptions;

/**
 * Queues a job in the caller's transaction; after its commit `gateway.nudgeJourney` has it done.
 * @param by who asked, as screens show it
 * @returns the job's id
 */
export async function queueJob<A extends JobAction>(tx: Pick<Sql, 'run'>, job: { readonly journeyId: string; readonly action: A; readonly options: JobOptions[A]; readonly by: string }): Promise<string> {
  const id = newId();
  await tx.run('insert into journey_job (id, journey_id, action, options, created_by) values ($1, $2, $3, $4, $5)', [id, job.journeyId, job.action, JSON.stringify(job.options), job.by]);
  return id;
}
