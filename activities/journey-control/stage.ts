import { AppError } from '#domain/shared/errors.ts';
import type { Named } from '../../infra/journeys/jobs.ts';
import { streamFiltered } from '../../search/population.ts';
import type { JobWork } from './job.ts';

/**
 * Stages whom a job is about: whoever is on the list or in the segment now, or whom a query finds. Begun anew it starts over;
 * who was done already (ids up to the cursor) is not done again. Staging rows are unlogged: a crash of the database empties them.
 * @throws AppError `invalid` when the list or segment is gone
 */
export async function stagePeople(work: Pick<JobWork<'enroll'>, 'tenant' | 'jobId' | 'goOn' | 'nudgeOutbox'>, whom: { readonly list?: Named | undefined; readonly segment?: Named | undefined; readonly query?: { readonly text: string; readonly values: readonly unknown[] } }): Promise<void> {
  const { tenant, jobId, goOn, nudgeOutbox } = work;
  const { sql } = tenant;
  await sql.run('delete from journey_job_staging where job_id = $1', [jobId]);
  if (whom.list !== undefined) {
    if ((await sql.first('select 1 as found from list where id = $1', [whom.list.id])) === undefined) throw new AppError('invalid', 'The list was deleted meanwhile.');
    await sql.run('insert into journey_job_staging (job_id, customer_id) select $1, customer_id from list_member where list_id = $2 on conflict do nothing', [jobId, whom.list.id]);
  }
  if (whom.segment !== undefined) {
    if ((await sql.first('select 1 as found from segment where id = $1', [whom.segment.id])) === undefined) throw new AppError('invalid', 'The segment was deleted meanwhile.');
    nudgeOutbox();
    for await (const ids of streamFiltered(tenant, { rule: { op: 'and', parts: [{ segment: whom.segment.id, in: true }] } }, { onWait: () => { goOn(); nudgeOutbox(); } })) {
      goOn();
      await sql.run('insert into journey_job_staging (job_id, customer_id) select $1, id from unnest($2::bigint[]) u(id) on conflict do nothing', [jobId, ids]);
    }
  }
  if (whom.query !== undefined) await sql.run(`insert into journey_job_staging (job_id, customer_id) select distinct $1::uuid, customer_id from (${whom.query.text}) found where customer_id is not null on conflict do nothing`, [jobId, ...whom.query.values]);
  await sql.run(`update journey_job set total = done + (select count(*) from journey_job_staging where job_id = $1 and customer_id > cursor_id) where id = $1 and state = 'running'`, [jobId]);
}

/** The next people staged, after a cursor. */
export async function stagedAfter(sql: Pick<JobWork<'enroll'>['tenant']['sql'], 'rows'>, jobId: string, cursor: number, limit: number): Promise<number[]> {
  return (await sql.rows<{ id: number }>('select customer_id as id from journey_job_staging where job_id = $1 and customer_id > $2 order by customer_id limit $3', [jobId, cursor, limit])).map((row) => row.id);
}
