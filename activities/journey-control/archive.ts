import { settled } from '../../infra/db/contention.ts';
import { COMPLETE, holdJob, noteBatch, setTotal, type JobWork, type Progress } from './job.ts';
import { signalParked } from './resume.ts';

/** Runs of one transaction: what others may wait for, about 0.2 s. */
const BATCH = 2_000;
/** How far Temporal's clock, by which people enter, may be ahead of the database's, by which the job was asked for. */
const CLOCKS_MS = 5_000;

/** Ends whoever is inside an archived journey as `journey_archived`, and lets runs that waited for Resume find nobody. Who enters after the job was asked for stays: the journey was published anew. */
export async function archiveJob(work: JobWork<'archive'>): Promise<Progress> {
  for (;;) {
    work.goOn();
    const isLast = await settled(work.tenant.sql, async (tx) => {
      const job = await holdJob(tx, work.jobId);
      const inside = `journey_id = $1 and state = 'active' and entered_at <= $2::timestamptz`;
      const [journeyId, until] = [work.journeyId, new Date(job.createdAt.getTime() + CLOCKS_MS).toISOString()];
      if (job.total === null) await setTotal(tx, work.jobId, (await tx.first<{ n: number }>(`select count(*)::int as n from enrollment where ${inside}`, [journeyId, until]))!.n);
      const rows = await tx.rows<{ id: number }>(`select id from enrollment where ${inside} and id > $3 order by id limit $4 for update`, [journeyId, until, job.cursor, BATCH]);
      if (rows.length === 0) return true;
      const ids = rows.map((row) => row.id);
      await tx.run(
        `update enrollment set state = 'exited', reason = 'journey_archived', ended_at = to_timestamp($2::float8 / 1000), due_at = null, wake_event = null, woken_by = null, woken_at = null where id = any($1)`, [ids, work.now()]);
      await noteBatch(tx, work.jobId, job, { cursor: ids.at(-1)!, done: ids.length, counts: { ended: ids.length } });
      return false;
    });
    if (!isLast) continue;
    await signalParked(work, 0, () => Promise.resolve());
    return COMPLETE;
  }
}
