import { parseEmailAddress, type EmailAddress } from '#domain/customer/email-address.ts';
import { AppError } from '#domain/shared/errors.ts';
import { findOrMakeCustomers } from '../../infra/customers/find-or-make.ts';
import { settled } from '../../infra/db/contention.ts';
import type { Transaction } from '../../infra/db/sql.ts';
import { analyzeGrown } from '../../infra/db/statistics.ts';
import { COHORT_SIZE, enter, type CohortRef, type Entered } from '../../infra/journeys/enter.ts';
import { COMPLETE, holdJob, isOvertaken, LATER, noteBatch, setTotal, workIn, type JobWork, type Progress } from './job.ts';
import { stagedAfter, stagePeople } from './stage.ts';

/**
 * While so many people of the organization are due, no further cohort begins: an enrollment of a million is fifty cohorts at a
 * time, and people of other journeys have their turn. Who rests in a wait is not due, and who waits for Resume holds up nobody.
 */
const DUE_MAX = 50_000;
/** So many of the latest who are due are looked through: among them may be those of paused journeys. */
const DUE_SEEN = 2 * DUE_MAX;
const PAUSE_MS = 1_000;
/** People who entered between two looks at the statistics of what they and their mails add to. */
const ANALYZED_AT = 2_000;

/**
 * Lets a list, a segment or typed addresses into the journey, in cohorts of up to 1,000. A batch, its counts and the cursor are
 * one transaction, so whoever is killed leaves nobody out and lets nobody in twice.
 * @throws AppError `conflict` when the journey is not published any more, `invalid` when list or segment are gone
 */
export async function enrollJob(work: JobWork<'enroll'>): Promise<Progress> {
  const { tenant: { sql }, options, tell, nudgeOutbox } = work;
  let [room, entered] = [0, 0];
  for (;;) {
    work.goOn();
    if (await isOvertaken(work)) return LATER;
    if (room <= 0) room = await readRoom(work);
    if (room <= 0) return (await isThrough(work)) ? COMPLETE : { complete: false, pauseMs: PAUSE_MS };
    room -= COHORT_SIZE;
    const batch = await settled(sql, (tx) => (options.emails === undefined ? enrollStaged(work, tx) : enrollTyped(work, tx)));
    if (batch === 'collect') await stagePeople(work, options);
    else if (batch === 'complete') return COMPLETE;
    else {
      await tell({ started: batch.cohorts, woken: [] });
      entered += batch.entered;
      if (entered >= ANALYZED_AT) {
        await analyzeGrown(sql, 'enrollment', entered);
        await analyzeGrown(sql, 'message', entered);
        entered = 0;
      }
      if (batch.made > 0) nudgeOutbox();
    }
  }
}

/** How many people more may be due. */
async function readRoom({ tenant: { sql }, now }: JobWork<'enroll'>): Promise<number> {
  const due = await sql.first<{ n: number }>(DUE, [now(), DUE_SEEN]);
  return DUE_MAX - due!.n;
}

const DUE = /* sql */ `
select count(*)::int as n from (select journey_id, cohort_id from enrollment where state = 'active' and due_at <= to_timestamp($1::float8 / 1000) order by due_at desc limit $2) due
  join journey j on j.id = due.journey_id and j.state = 'published' where not exists (select from cohort c where c.id = due.cohort_id and c.parked)`;

/** Whether everybody was asked: the last cohorts need not have moved on. */
async function isThrough({ tenant: { sql }, jobId }: JobWork<'enroll'>): Promise<boolean> {
  return (await sql.first('select 1 as through from journey_job where id = $1 and done >= total', [jobId])) !== undefined;
}

interface Batch {
  readonly cohorts: readonly CohortRef[];
  readonly entered: number;
  readonly made: number;
}

async function enrollStaged(work: JobWork<'enroll'>, tx: Transaction): Promise<Batch | 'collect' | 'complete'> {
  const job = await holdJob(tx, work.jobId);
  if (job.total === null) return 'collect';
  const ids = await stagedAfter(tx, work.jobId, job.cursor, COHORT_SIZE);
  if (ids.length === 0) return job.done >= job.total ? 'complete' : 'collect';
  const entered = await enterAll(work, tx, ids);
  await noteBatch(tx, work.jobId, job, { cursor: ids.at(-1)!, done: ids.length, counts: countsOf(entered) });
  return { cohorts: entered.cohorts, entered: entered.enrolled, made: 0 };
}

async function enrollTyped(work: JobWork<'enroll'>, tx: Transaction): Promise<Batch | 'complete'> {
  const job = await holdJob(tx, work.jobId);
  // Read from the row: an address that was erased meanwhile is an empty text there.
  const { emails } = (await tx.first<{ emails: string[] }>(`select options->'emails' as emails from journey_job where id = $1`, [work.jobId]))!;
  if (job.total === null) await setTotal(tx, work.jobId, emails.length);
  const typed = emails.slice(job.cursor, job.cursor + COHORT_SIZE);
  if (typed.length === 0) return 'complete';
  const earlier = new Set(emails.slice(0, job.cursor).map((text) => text.trim().toLowerCase()));
  const addresses = new Map<string, EmailAddress>();
  let invalid = 0;
  for (const text of typed) {
    const address = parseEmailAddress(text);
    if ('problem' in address) invalid += 1;
    else if (!earlier.has(text.trim().toLowerCase())) addresses.set(address.key, address);
  }
  const asked = [...addresses.values()];
  const { idByKey, made } = await findOrMakeCustomers(tx, work.secrets, asked, work.options.createUnknown ? asked : []);
  const entered = await enterAll(work, tx, [...idByKey.values()].sort((a, b) => a - b));
  const counts = { ...countsOf(entered), invalid, created: made };
  await noteBatch(tx, work.jobId, job, { cursor: job.cursor + typed.length, done: typed.length, counts: { ...counts, unknown: counts.unknown + asked.length - idByKey.size } });
  return { cohorts: entered.cohorts, entered: entered.enrolled, made };
}

async function enterAll(work: JobWork<'enroll'>, tx: Transaction, ids: readonly number[]): Promise<Entered> {
  const entered = await enter(workIn(work, tx), work.journeyId, ids.map((customerId) => ({ customerId })));
  if (entered === null) throw new AppError('conflict', 'The journey is not published any more. Whoever entered before is inside.');
  return entered;
}

function countsOf({ enrolled, barred, suppressed, unknown }: Entered) {
  return { enrolled, barred, suppressed, unknown };
}
