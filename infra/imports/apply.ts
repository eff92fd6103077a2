import type { Secrets } from '../secrets.ts';
import type { Sql, Transaction } from '../db/sql.ts';
import { blockErased, createAddressHash, holdSuppressionsOf, unhideSuppressions } from '../customers/erasure.ts';
import { KEEP_ERASED, WRITE_SUPPRESSIONS } from '../customers/suppression-lock.ts';
import { upsertCustomers } from './apply-customers.ts';
import { holdSuppressed, upsertSuppressions } from './apply-suppressions.ts';
import { ended, readJob, type Job } from './job.ts';

/** Rows of one transaction and one outbox row: what readers of the table may wait for, 0.2 s. */
const BATCH = 5_000;

export interface ApplyOptions {
  readonly importId: string;
  readonly table: string;
  /** The number of the last staged row. */
  readonly last: number;
  readonly secrets: Secrets;
}

/**
 * Applies the next batch of staged rows in one transaction with the cursor and the counts.
 * @returns false when the cursor is at the end
 * @throws AppError `conflict` when the import was ended meanwhile
 */
export async function applyBatch(sql: Sql, options: ApplyOptions): Promise<boolean> {
  return sql.transaction(async (tx) => {
    const job = await readJob(tx, options.importId, true);
    if (job.state !== 'running') throw ended();
    if (job.cursor >= options.last) return false;
    const to = Math.min(job.cursor + BATCH, options.last);
    const { batch, created } = job.kind === 'customers' ? await applyCustomers(tx, job, to, options) : await applySuppressions(tx, job, to, options);
    await tx.run(
      `update import_job set cursor_no = $2, rows_done = least(rows_total, rows_done + $2 - cursor_no), created_count = created_count + $3, updated_count = updated_count + $4 where id = $1`,
      [options.importId, to, created, batch - created]);
    return true;
  });
}

interface Counted {
  readonly batch: number;
  readonly created: number;
}

async function applyCustomers(tx: Transaction, job: Job, to: number, { table, secrets }: ApplyOptions): Promise<Counted> {
  // A list that is being deleted gets nobody; one that is not stays until the batch is in.
  const list = job.listId === null ? undefined : await tx.first<{ id: string }>('select id from list where id = $1 for key share', [job.listId]);
  await holdSuppressionsOf(tx, secrets, async () => {
    // First: who was erased since the upload does not come again with it, and neither does her suppression.
    await takeOutErased(tx, job, to, { table, secrets });
    return keysThatMayBeHidden(tx, table, job.cursor, to);
  });
  return (await tx.first<Counted>(upsertCustomers(table, job.options), [job.cursor, to, list?.id ?? null, job.no]))!;
}

/** People who were erased after the upload: while the file was still being read, their erasure did not see its rows. @returns their addresses */
async function takeOutErased(tx: Transaction, job: Job, to: number, { table, secrets }: Pick<ApplyOptions, 'table' | 'secrets'>): Promise<string[]> {
  if ((await tx.first('select 1 as any from erased_address where erased_at > $1 limit 1', [job.createdAt])) === undefined) return [];
  const hashOf = createAddressHash(secrets);
  const keyByHash = new Map((await keysOf(tx, table, job.cursor, to)).map((key) => [hashOf(key).toString('hex'), key]));
  const erased = await tx.rows<{ hash: string }>(`select encode(hash, 'hex') as hash from erased_address where erased_at > $1 and hash = any(array(select decode(h, 'hex') from unnest($2::text[]) h))`, [job.createdAt, [...keyByHash.keys()]]);
  const keys = erased.map(({ hash }) => keyByHash.get(hash)!);
  if (keys.length > 0) await tx.run(`delete from ${table} where no > $1 and no <= $2 and email_key = any($3)`, [job.cursor, to, keys]);
  return keys;
}

async function applySuppressions(tx: Transaction, job: Job, to: number, { table, secrets }: ApplyOptions): Promise<Counted> {
  await tx.run(WRITE_SUPPRESSIONS);
  await tx.run(KEEP_ERASED);
  await tx.rows(holdSuppressed(table), [job.cursor, to]);
  await blockErased(tx, secrets, await takeOutErased(tx, job, to, { table, secrets }), { reason: 'list_import', source: 'csv_import' });
  await unhideSuppressions(tx, secrets, await keysThatMayBeHidden(tx, table, job.cursor, to));
  return (await tx.first<Counted>(upsertSuppressions(table), [job.cursor, to]))!;
}

/** The addresses of the batch; none while nobody is hidden behind a hash: then they need not travel. */
async function keysThatMayBeHidden(tx: Transaction, table: string, after: number, to: number): Promise<string[]> {
  if ((await tx.first('select 1 as any from suppression_hash limit 1')) === undefined) return [];
  return keysOf(tx, table, after, to);
}

async function keysOf(tx: Transaction, table: string, after: number, to: number): Promise<string[]> {
  return (await tx.rows<{ key: string }>(`select email_key as key from ${table} where no > $1 and no <= $2`, [after, to])).map((row) => row.key);
}
