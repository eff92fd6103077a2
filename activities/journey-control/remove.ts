import { settled } from '../../infra/db/contention.ts';
import { COMPLETE, holdJob, noteBatch, type JobWork, type Progress } from './job.ts';

/** Runs of one transaction, with their paths. */
const BATCH = 2_000;

/** Takes the people of a deleted journey away, then the journey with this job. What was mailed stays in the ledger and in reports. */
export async function removeJob(work: JobWork<'remove'>): Promise<Progress> {
  for (;;) {
    work.goOn();
    const isLast = await settled(work.tenant.sql, async (tx) => {
      const job = await holdJob(tx, work.jobId);
      const gone = await tx.rows<{ id: number }>('delete from enrollment where id in (select id from enrollment where journey_id = $1 and id > $2 order by id limit $3) returning id', [work.journeyId, job.cursor, BATCH]);
      if (gone.length === 0) {
        await tx.run('delete from journey where id = $1 and removing', [work.journeyId]);
        return true;
      }
      await noteBatch(tx, work.jobId, job, { cursor: gone.reduce((last, row) => Math.max(last, row.id), 0), done: gone.length, counts: { removed: gone.length } });
      return false;
    });
    if (isLast) return COMPLETE;
  }
}
