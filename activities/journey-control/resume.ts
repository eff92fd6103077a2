import { settled } from '../../infra/db/contention.ts';
import type { JobAction } from '../../infra/journeys/jobs.ts';
import { COMPLETE, holdJob, noteBatch, setTotal, type JobWork, type Progress } from './job.ts';

const PAGE = 500;
const AT_ONCE = 20;

/** Has the runs that found the journey paused go on. A run told twice goes on once. */
export async function resumeJob(work: JobWork<'resume'>): Promise<Progress> {
  const { sql } = work.tenant;
  const cursor = await settled(sql, async (tx) => {
    const job = await holdJob(tx, work.jobId);
    if (job.total === null) await setTotal(tx, work.jobId, (await tx.first<{ n: number }>('select count(*)::int as n from cohort where journey_id = $1 and parked', [work.journeyId]))!.n);
    return job.cursor;
  });
  await signalParked(work, cursor, (ids) => settled(sql, async (tx) => noteBatch(tx, work.jobId, await holdJob(tx, work.jobId), { cursor: ids.at(-1)!, done: ids.length, counts: { resumed: ids.length } })));
  return COMPLETE;
}

/**
 * Signals parked runs page by page, then says that they are parked no more, unless the journey was paused again meanwhile:
 * those that parked anew wait for the next Resume.
 */
export async function signalParked(work: JobWork<JobAction>, after: number, note: (ids: readonly number[]) => Promise<void>): Promise<void> {
  const { tenant: { sql }, journeyId, orgId } = work;
  for (let cursor = after; ;) {
    work.goOn();
    const cohorts = await sql.rows<{ id: number; versionNo: number }>('select id, version_no as "versionNo" from cohort where journey_id = $1 and parked and id > $2 order by id limit $3', [journeyId, cursor, PAGE]);
    if (cohorts.length === 0) return;
    for (let i = 0; i < cohorts.length; i += AT_ONCE) await Promise.all(cohorts.slice(i, i + AT_ONCE).map(({ id, versionNo }) => work.gateway.resumeCohort({ orgId, journeyId, versionNo, cohortId: id })));
    const ids = cohorts.map((cohort) => cohort.id);
    await sql.run(`update cohort set parked = false where id = any($1) and exists (select from journey where id = $2 and state <> 'paused')`, [ids, journeyId]);
    await note(ids);
    cursor = ids.at(-1)!;
  }
}
