import { stat } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../infra/container.ts';
import { addressFile, readAddresses, type AddressReading } from '../infra/customers/address-file.ts';
import { addToList, removeFromList, suppressCustomers } from '../infra/customers/bulk-actions.ts';
import type { BulkOptions } from '../infra/customers/bulk-job.ts';
import { eraseCustomers } from '../infra/customers/erase.ts';
import { settled } from '../infra/db/contention.ts';
import type { Sql, Transaction } from '../infra/db/sql.ts';
import { removeExportFiles } from '../infra/exports/files.ts';
import { createSeenAddresses } from '../infra/imports/seen-addresses.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { streamFiltered } from '../search/population.ts';
import type { BulkInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';

export type BulkActivities = ReturnType<typeof createBulkActivities>;

/** Customers of one transaction: what others may wait for, about 0.2 s. Erasing touches most tables. */
const BATCH = 2_000;
const ERASE_BATCH = 200;
/** Searching waits for the index as long as it takes: the heartbeat goes by the clock. */
const HEARTBEAT_MS = 2_000;

interface Job {
  readonly action: 'add_to_list' | 'remove_from_list' | 'suppress' | 'erase';
  readonly options: BulkOptions;
  readonly state: string;
  readonly cursor: number;
  readonly total: number | null;
  readonly done: number;
  readonly actor: string;
}

const JOB = 'select action, options, state, cursor_id as cursor, customers_total as total, customers_done as done, created_by as actor from bulk_job where id = $1';

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createBulkActivities({ tenants, gateway, secrets, config }: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'config'>, isStopping: () => boolean) {
  const goOn = () => {
    Context.current().cancellationSignal.throwIfAborted();
    if (isStopping()) throw new Error('this worker stops; the action goes on elsewhere');
  };

  /** Resolves a file of addresses; of those that are no customer's everything else is erased here. @returns how many these are */
  async function collectFile(tenant: Tenant, input: BulkInput, job: Job, reading: AddressReading): Promise<number> {
    const { path } = addressFile(config, input.orgId, input.bulkId);
    // Whom it suspects is not counted, so it gets eight times the bits: of a million none is suspected, where eleven were.
    const isRepeat = createSeenAddresses(8 * ((await stat(path).catch(() => null))?.size ?? 0));
    let count = 0;
    for await (const page of readAddresses(path, reading)) {
      const keys = [...new Set(page)];
      for (let i = 0; i < keys.length; i += BATCH) {
        goOn();
        const found = await stage(tenant.sql, input.bulkId, 'email_key = any($2::text[])', keys.slice(i, i + BATCH));
        const known = new Set(found.map((row) => row.key));
        const strangers = keys.slice(i, i + BATCH).filter((key) => !known.has(key));
        for (const key of strangers) if (!isRepeat(key)) count++;
        if (strangers.length === 0) continue;
        const erased = await settled(tenant.sql, (tx) => eraseCustomers(tx, secrets, { customerIds: [], emailKeys: strangers, neverMail: job.options.neverMail === true, actor: job.actor }));
        await removeExportFiles(config, input.orgId, erased.exportIds);
      }
    }
    return count;
  }

  return translating({
    /**
     * Collects whose turn it is into the job's staging rows. Begun anew it starts over; who was done already (ids up to
     * the cursor) is not done again.
     */
    async collectBulk(input: BulkInput): Promise<{ customers: number }> {
      return alive(HEARTBEAT_MS, () => tenants.use(input.orgId, async (tenant) => {
        const { sql } = tenant;
        await sql.run(`update bulk_job set state = 'collecting', started_at = coalesce(started_at, now()) where id = $1 and state in ('queued', 'running')`, [input.bulkId]);
        const job = await sql.first<Job>(JOB, [input.bulkId]);
        if (job?.state !== 'collecting') throw new AppError('conflict', 'This action was ended.');
        await sql.run('delete from bulk_staging where job_id = $1', [input.bulkId]);
        const { selection } = job.options;
        let notFound = 0;
        if ('ids' in selection) notFound = selection.ids.length - (await stage(sql, input.bulkId, 'id = any($2::bigint[])', selection.ids)).length;
        else if ('file' in selection) notFound = await collectFile(tenant, input, job, selection.file);
        else {
          gateway.nudgeOutbox(input.orgId);
          for await (const ids of streamFiltered(tenant, selection.filter, { onWait: () => { goOn(); gateway.nudgeOutbox(input.orgId); } })) {
            goOn();
            await sql.run('insert into bulk_staging (job_id, customer_id) select $1, id from unnest($2::bigint[]) u(id) on conflict do nothing', [input.bulkId, ids]);
          }
        }
        const moved = await sql.first<{ total: number }>(
          `update bulk_job set state = 'running', not_found_count = $2,
                  customers_total = customers_done + (select count(*) from bulk_staging where job_id = $1 and customer_id > cursor_id)
            where id = $1 and state = 'collecting' returning customers_total as total`, [input.bulkId, notFound]);
        if (moved === undefined) throw new AppError('conflict', 'This action was ended.');
        return { customers: moved.total };
      }));
    },

    /**
     * Goes through the collected customers in id order from the committed cursor on; a batch, its counts and the cursor
     * are one transaction. @returns `complete: false` when the staging rows were lost (a crash of the database empties them)
     */
    async applyBulk(input: BulkInput): Promise<{ complete: boolean }> {
      return alive(HEARTBEAT_MS, () => tenants.use(input.orgId, async ({ sql }) => {
        for (;;) {
          goOn();
          const batch = await settled(sql, (tx) => applyBatch(tx, input.bulkId));
          if (batch.isLast) return { complete: batch.complete };
          await removeExportFiles(config, input.orgId, batch.exportIds);
          gateway.nudgeOutbox(input.orgId);
        }
      }));
    },

    /** Writes how the action ended and forgets whom it was about; an end that is there already stays. */
    async closeBulk(input: BulkInput, state: 'completed' | 'failed' | 'cancelled', problem: string | null): Promise<void> {
      await tenants.use(input.orgId, async ({ sql }) => {
        await sql.run(`update bulk_job set state = $2, problem = $3, ended_at = now() where id = $1 and state in ('queued', 'collecting', 'running')`, [input.bulkId, state, problem]);
        const job = await sql.first<{ action: string }>(`update bulk_job set options = options - 'selection' where id = $1 returning action`, [input.bulkId]);
        await sql.run('delete from bulk_staging where job_id = $1', [input.bulkId]);
        await addressFile(config, input.orgId, input.bulkId).remove();
        if (job?.action === 'erase') gateway.nudgeScrub(input.orgId);
      });
    },
  });

  async function applyBatch(tx: Transaction, bulkId: string): Promise<{ isLast: boolean; complete: boolean; exportIds: readonly string[] }> {
    // The row's lock is the fence: an attempt that was given up waits here, and then goes on where the other has come.
    const job = await tx.first<Job>(`${JOB} for update`, [bulkId]);
    if (job?.state !== 'running') throw new AppError('conflict', 'This action was ended.');
    const staged = await tx.rows<{ id: number }>(
      'select customer_id as id from bulk_staging where job_id = $1 and customer_id > $2 order by customer_id limit $3', [bulkId, job.cursor, job.action === 'erase' ? ERASE_BATCH : BATCH]);
    const ids = staged.map((row) => row.id);
    if (ids.length === 0) return { isLast: true, complete: job.done >= (job.total ?? 0), exportIds: [] };
    const { changed, exportIds } = await act(tx, job, ids);
    await tx.run('update bulk_job set cursor_id = $2, customers_done = customers_done + $3, changed_count = changed_count + $4 where id = $1', [bulkId, ids.at(-1), ids.length, changed]);
    return { isLast: false, complete: false, exportIds };
  }

  async function act(tx: Transaction, { action, options, actor }: Job, ids: readonly number[]): Promise<{ changed: number; exportIds: readonly string[] }> {
    const listId = options.list?.id ?? '';
    switch (action) {
      case 'add_to_list': return { changed: await addToList(tx, listId, ids), exportIds: [] };
      case 'remove_from_list': return { changed: await removeFromList(tx, actor, listId, ids), exportIds: [] };
      case 'suppress': return { changed: await suppressCustomers(tx, ids, options.source, options.note ?? null), exportIds: [] };
      case 'erase': {
        const erased = await eraseCustomers(tx, secrets, { customerIds: ids, neverMail: options.neverMail === true, actor });
        return { changed: erased.customers, exportIds: erased.exportIds };
      }
    }
  }
}

/** Stages the customers a condition means. @returns their keys */
function stage(sql: Sql, bulkId: string, where: string, values: readonly unknown[]): Promise<{ key: string }[]> {
  return sql.rows(
    `with found as (select id, email_key from customer where ${where}),
       staged as (insert into bulk_staging (job_id, customer_id) select $1, id from found on conflict do nothing)
     select email_key as key from found`, [bulkId, values]);
}
