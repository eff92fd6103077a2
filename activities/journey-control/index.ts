import { Context } from '@temporalio/activity';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../infra/container.ts';
import type { JobAction, JobOptions } from '../../infra/journeys/jobs.ts';
import { tellCohorts } from '../../infra/journeys/nudge.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import type { JourneyControlInput, OrganizationInput } from '../../workflows/contracts.ts';
import { alive } from '../alive.ts';
import { translating } from '../errors.ts';
import { attemptClock } from '../journeys/cohort.ts';
import { archiveJob } from './archive.ts';
import { dryRunJob } from './dry-run.ts';
import { enrollJob } from './enroll.ts';
import type { JobWork, Progress } from './job.ts';
import { migrateJob, undoJob } from './migrate.ts';
import { removeJob } from './remove.ts';
import { resumeJob } from './resume.ts';
import { passSegments } from './segments.ts';

export type JourneyControlActivities = ReturnType<typeof createJourneyControlActivities>;

/** Searching waits for the index as long as it takes: the heartbeat goes by the clock. */
const HEARTBEAT_MS = 2_000;

const workers: { readonly [A in JobAction]: (work: JobWork<A>) => Promise<Progress> } = { enroll: enrollJob, migrate: migrateJob, undo: undoJob, archive: archiveJob, resume: resumeJob, dry_run: dryRunJob, remove: removeJob };

/** As Temporal's web UI names the work. */
const titles: Readonly<Record<JobAction, string>> = { enroll: 'Enroll people', migrate: 'Move people to a version', undo: 'Move people back', archive: 'End active runs', resume: 'Resume', dry_run: 'Dry run', remove: 'Remove the journey' };

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createJourneyControlActivities({ tenants, gateway, secrets, logger }: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'logger'>, isStopping: () => boolean) {
  const versions = createVersions();
  const goOn = () => {
    Context.current().cancellationSignal.throwIfAborted();
    if (isStopping()) throw new Error('this worker stops; the work goes on elsewhere');
  };

  return translating({
    /**
     * Whose turn it is: the oldest job of the journey that has not ended; null when there is none. Resuming and archiving wait
     * for nobody: what else is to be done may wait for the people they set free.
     */
    async nextJourneyJob({ orgId, journeyId }: JourneyControlInput): Promise<{ id: string; title: string } | null> {
      const job = await tenants.use(orgId, ({ sql }) => sql.first<{ id: string; action: JobAction }>(
        `update journey_job set state = 'running', started_at = coalesce(started_at, now()) where id = (
           select id from journey_job where journey_id = $1 and state in ('queued', 'running') order by action not in ('resume', 'archive'), created_at, id limit 1) and state in ('queued', 'running') returning id::text, action`, [journeyId]));
      return job === undefined ? null : { id: job.id, title: titles[job.action] };
    },

    /** Works on a job from its committed cursor on, until it is complete or others should have their turn. */
    async workJourneyJob({ orgId, journeyId }: JourneyControlInput, jobId: string): Promise<Progress> {
      const now = attemptClock();
      return alive(HEARTBEAT_MS, () => tenants.use(orgId, async (tenant) => {
        const job = await tenant.sql.first<{ action: JobAction; options: JobOptions[JobAction] }>(`select action, options from journey_job where id = $1 and journey_id = $2 and state = 'running'`, [jobId, journeyId]);
        if (job === undefined) throw new AppError('conflict', 'It was ended.');
        return (workers[job.action] as (work: JobWork<JobAction>) => Promise<Progress>)({
          tenant, versions, secrets, gateway, orgId, journeyId, jobId, options: job.options, now, goOn,
          tell: (nudges) => tellCohorts(gateway, orgId, nudges, (error) => logger.warn({ err: error, orgId }, 'a cohort was not told; the sweep will make up for it')),
          nudgeOutbox: () => gateway.nudgeOutbox(orgId),
        });
      }));
    },

    /** Writes how a job ended and forgets whom it was about; an end that is there already stays. */
    async closeJourneyJob({ orgId }: JourneyControlInput, jobId: string, state: 'completed' | 'failed', problem: string | null): Promise<void> {
      await tenants.use(orgId, async ({ sql }) => {
        await sql.run(`update journey_job set state = $2, problem = $3, ended_at = now() where id = $1 and state in ('queued', 'running')`, [jobId, state, problem]);
        await sql.run(`update journey_job set options = options - 'emails' where id = $1`, [jobId]);
        await sql.run('delete from journey_job_staging where job_id = $1', [jobId]);
      });
    },

    /** Looks through the segments that end runs or are goals, as far as that was longer ago than a quarter of an hour. */
    async passJourneySegments({ orgId }: OrganizationInput): Promise<{ exited: number; goals: number }> {
      const now = attemptClock();
      return alive(HEARTBEAT_MS, () => tenants.use(orgId, (tenant) => passSegments(tenant, versions, now, { goOn, nudgeOutbox: () => gateway.nudgeOutbox(orgId) })));
    },
  });
}
