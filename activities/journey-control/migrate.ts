import { settled } from '../../infra/db/contention.ts';
import type { Transaction } from '../../infra/db/sql.ts';
import { COHORT_SIZE, type CohortRef } from '../../infra/journeys/enter.ts';
import { COMPLETE, holdJob, isOvertaken, LATER, noteBatch, setTotal, workIn, type JobWork, type Progress } from './job.ts';

/** Moving people between versions. A batch, its counts and the cursor are one transaction; whoever is on the way meanwhile is held for that moment. */

interface Inside {
  readonly id: number;
  readonly versionNo: number;
  readonly cohortId: number;
  readonly node: string;
  readonly visit: number;
  /** Her step has begun to send her its mail: it goes on where it began, or she would get the other version's, too. */
  readonly isSending: boolean;
}

// Read once their rows are held: who places a mail holds them, too, so that it is seen.
const INSIDE = /* sql */ `e.id, e.version_no as "versionNo", e.cohort_id as "cohortId", e.node_id as node, e.visit,
  exists (select from message m where m.customer_id = e.customer_id and m.enrollment_id = e.id and m.visit = e.visit) as "isSending"`;

/** Moves whoever stands on a step that the newer version has, too: step, due time and path stay. Others finish on their version. */
export async function migrateJob(work: JobWork<'migrate'>): Promise<Progress> {
  const { options: { from, to } } = work;
  const others = `e.journey_id = $1 and e.state = 'active' and case when $3::int is null then e.version_no < $2 else e.version_no = $3 end`;
  return inBatches(work, {
    count: (tx) => tx.first<{ n: number }>(`select count(*)::int as n from enrollment e where ${others}`, [work.journeyId, to, from]),
    hold: (tx, cursor) => tx.rows<{ id: number }>(`select e.id from enrollment e where ${others} and e.id > $4 order by e.id limit $5 for update of e`, [work.journeyId, to, from, cursor, COHORT_SIZE]),
    read: (tx, ids) => tx.rows<Inside>(`select ${INSIDE} from enrollment e where e.id = any($1) order by e.id`, [ids]),
    async act(tx, people) {
      const { versions, org } = workIn(work, tx);
      const kindsOf = async (no: number) => new Map((await versions.get({ org, sql: tx }, work.journeyId, no)).graph.nodes.map((node) => [node.id, node.kind]));
      const kindsByVersion = new Map<number, Awaited<ReturnType<typeof kindsOf>>>();
      for (const no of new Set([to, ...people.map((each) => each.versionNo)])) kindsByVersion.set(no, await kindsOf(no));
      const moving = people.filter(({ node, versionNo, isSending }) => !isSending && kindsByVersion.get(to)!.has(node) && kindsByVersion.get(to)!.get(node) === kindsByVersion.get(versionNo)!.get(node));
      if (moving.length === 0) return { cohorts: [], moved: 0 };
      await tx.run(NOTE, [work.jobId, moving.map((each) => each.id), moving.map((each) => each.versionNo), moving.map((each) => each.cohortId), moving.map((each) => each.visit)]);
      return { cohorts: [await moveTo(tx, work.journeyId, to, moving)], moved: moving.length };
    },
  });
}

const NOTE = /* sql */ `
insert into journey_migration (job_id, enrollment_id, from_version, from_cohort, visit) select $1, u.* from unnest($2::bigint[], $3::int[], $4::bigint[], $5::int[]) u
on conflict (enrollment_id) do update set job_id = excluded.job_id, from_version = excluded.from_version, from_cohort = excluded.from_cohort, visit = excluded.visit`;

/** Returns whoever has not left the step on which a migration found her. */
export async function undoJob(work: JobWork<'undo'>): Promise<Progress> {
  const migrated = work.options.jobId;
  return inBatches(work, {
    count: (tx) => tx.first<{ n: number }>('select count(*)::int as n from journey_migration where job_id = $1', [migrated]),
    hold: (tx, cursor) => tx.rows<{ id: number }>(
      'select e.id from journey_migration m join enrollment e on e.id = m.enrollment_id where m.job_id = $1 and m.enrollment_id > $2 order by e.id limit $3 for update of e', [migrated, cursor, COHORT_SIZE]),
    read: (tx, ids) => tx.rows<Returning>(
      `select ${INSIDE}, m.from_version as "fromVersion", e.state = 'active' and e.visit = m.visit as "isThere" from journey_migration m join enrollment e on e.id = m.enrollment_id where e.id = any($1) order by e.id`, [ids]),
    async act(tx, people) {
      const returning = people.filter(({ isThere, isSending }) => isThere && !isSending);
      const cohorts: CohortRef[] = [];
      for (const [version, hers] of Map.groupBy(returning, (each) => each.fromVersion)) cohorts.push(await moveTo(tx, work.journeyId, version, hers));
      await tx.run('delete from journey_migration where enrollment_id = any($1)', [people.map((each) => each.id)]);
      return { cohorts, moved: returning.length };
    },
  });
}

interface Returning extends Inside {
  readonly fromVersion: number;
  readonly isThere: boolean;
}

interface Batches<P extends Inside> {
  count(tx: Transaction): Promise<{ readonly n: number } | undefined>;
  /** The next runs after a cursor, held in the order of their ids. */
  hold(tx: Transaction, cursor: number): Promise<{ readonly id: number }[]>;
  read(tx: Transaction, ids: readonly number[]): Promise<P[]>;
  act(tx: Transaction, people: readonly P[]): Promise<{ readonly cohorts: readonly CohortRef[]; readonly moved: number }>;
}

async function inBatches<P extends Inside>(work: JobWork<'migrate'> | JobWork<'undo'>, { count, hold, read, act }: Batches<P>): Promise<Progress> {
  for (;;) {
    work.goOn();
    if (await isOvertaken(work)) return LATER;
    const cohorts = await settled(work.tenant.sql, async (tx) => {
      const job = await holdJob(tx, work.jobId);
      if (job.total === null) await setTotal(tx, work.jobId, (await count(tx))?.n ?? 0);
      const held = await hold(tx, job.cursor);
      if (held.length === 0) return null;
      const people = await read(tx, held.map((row) => row.id));
      const { cohorts, moved } = await act(tx, people);
      await noteBatch(tx, work.jobId, job, { cursor: held.at(-1)!.id, done: held.length, counts: { moved, stayed: held.length - moved } });
      return cohorts;
    });
    if (cohorts === null) return COMPLETE;
    await work.tell({ started: cohorts, woken: [] });
  }
}

/** Gives people a cohort of their own on a version; nothing else of them changes. A step that runs for them in the old cohort finds nobody any more. */
async function moveTo(tx: Transaction, journeyId: string, versionNo: number, people: readonly Inside[]): Promise<CohortRef> {
  const { id } = (await tx.first<{ id: number }>('insert into cohort (journey_id, version_no, size) values ($1, $2, $3) returning id', [journeyId, versionNo, people.length]))!;
  await tx.run('update enrollment set version_no = $2, cohort_id = $3 where id = any($1)', [people.map((each) => each.id), versionNo, id]);
  return { journeyId, versionNo, cohortId: id };
}
