import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Context } from '@temporalio/activity';
import { from as copyFrom } from 'pg-copy-streams';
import { freeSlot, inferredType, noEvidence, weigh, type CustomField, type TypeEvidence } from '#domain/customer/fields.ts';
import type { ImportColumn } from '#domain/customer/import-columns.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../infra/container.ts';
import type { Transaction } from '../infra/db/sql.ts';
import { importFiles, readRecords, type Encoding } from '../infra/imports/files.ts';
import { createRejectFile, type Rejection } from '../infra/imports/reject-file.ts';
import { createRowReader } from '../infra/imports/rows.ts';
import { takeOutSuperseded } from '../infra/imports/superseded.ts';
import { readCatalogue } from '../search/catalogue.ts';
import type { ImportInput } from '../workflows/contracts.ts';
import { translating } from './errors.ts';

export type ImportActivities = ReturnType<typeof createImportActivities>;

/** Rows of one transaction and one outbox row: what readers of the table may wait for, 0.2 s. */
const BATCH = 5_000;
const HEARTBEAT_MS = 2_000;

export interface ImportOptions {
  readonly encoding: Encoding;
  readonly delimiter: string;
  readonly columns: readonly ImportColumn[];
  /** Columns whose type a person chose; the others are inferred over all values. */
  readonly chosen: readonly string[];
  readonly emptyCellsClear: boolean;
}

interface Job {
  readonly state: string;
  readonly options: ImportOptions;
  readonly listId: string | null;
  readonly cursor: number;
}

const JOB = 'select state, options, list_id as "listId", cursor_no as cursor from import_job where id = $1';

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createImportActivities({ tenants, config, gateway }: Pick<Container, 'tenants' | 'config' | 'gateway'>, isStopping: () => boolean) {
  const goOn = () => {
    Context.current().cancellationSignal.throwIfAborted();
    if (isStopping()) throw new Error('this worker stops; the import goes on elsewhere');
  };
  return translating({
    /**
     * Reads and checks the whole file into the import's own staging table, writes the rejected rows,
     * makes the custom fields. One transaction: a crash leaves nothing and the next attempt starts over.
     */
    async stageImport({ orgId, importId }: ImportInput): Promise<{ rows: number }> {
      return tenants.use(orgId, async (tenant) => {
        const job = await tenant.sql.first<Job>(JOB, [importId]);
        if (job === undefined) throw new AppError('not_found', 'This import does not exist any more.');
        await tenant.sql.run(`update import_job set state = 'validating', started_at = coalesce(started_at, now()) where id = $1 and state = 'queued'`, [importId]);
        const files = importFiles(config, orgId, importId);
        const table = stagingTable(importId);
        const { columns, encoding, delimiter } = job.options;
        const catalogue = await readCatalogue(tenant);
        const unknown = new Map<string, TypeEvidence>();
        columns.forEach((column) => {
          const key = customKey(column);
          if (key !== null && !catalogue.some((field) => field.key === key)) unknown.set(key, noEvidence());
        });

        // Sorting and indexing millions of rows is one statement: the heartbeat goes by the clock.
        const alive = setInterval(() => Context.current().heartbeat(), HEARTBEAT_MS);
        const rows = await tenant.sql.transaction(async (tx) => {
          await tx.run(`drop table if exists ${table}`);
          await tx.run(`create unlogged table ${table} (no integer not null, line integer not null, email text not null, email_key text collate "C" not null,
            first_name text, last_name text, phone text, city text, country text, score double precision, timezone text, custom jsonb not null)`);
          const copy = tx.client.query(copyFrom(`copy ${table} from stdin`));
          const copied = finished(copy);
          copied.catch(() => undefined);  // awaited below
          const rejected = createRejectFile(files.rejected, columns);
          try {
            const reader = createRowReader(columns, unknown, weigh);
            let good = 0;
            let bad = 0;
            let warnings = 0;
            let isHeader = true;
            let reported = performance.now();
            for await (const { records, bytes } of readRecords(files.source, encoding, delimiter)) {
              goOn();
              let lines = '';
              const refusals: Rejection[] = [];
              for (const record of records) {
                if (isHeader) {
                  isHeader = false;
                  continue;
                }
                const row = record.problem === undefined ? reader(record) : { problem: record.problem };
                if ('problem' in row) {
                  bad++;
                  refusals.push({ cells: record.cells, line: record.line, reason: row.problem });
                } else {
                  lines += `${++good}\t${record.line}\t${row.line}\n`;
                  warnings += row.warnings;
                }
              }
              if (lines !== '' && !copy.write(lines)) await Promise.race([once(copy, 'drain'), copied]);
              await rejected.write(refusals);
              if (performance.now() - reported > 500) {
                reported = performance.now();
                await tenant.sql.run(`update import_job set bytes_done = $2 where id = $1 and state = 'validating'`, [importId, bytes]);
              }
            }
            copy.end();
            await copied;
            const superseded = await takeOutSuperseded(tx, table, columns, (rows) => rejected.write(rows));
            await tx.run(`create unique index on ${table} (no)`);
            await tx.run(`analyze ${table}`);
            goOn();
            await rejected.publish();
            await addFields(tx, columns, job.options.chosen, unknown);
            const moved = await tx.run(
              `update import_job set state = 'running', bytes_done = file_size, rows_total = $2, skipped_count = $3, warning_count = $4, rows_done = $3 + cursor_no
                where id = $1 and state in ('validating', 'running')`, [importId, good + bad, bad + superseded, warnings]);
            if (moved === 0) throw new AppError('conflict', 'This import was ended.');
            return good - superseded;
          } finally {
            rejected.discard();
            copy.destroy();
          }
        }).finally(() => clearInterval(alive));
        return { rows };
      });
    },

    /**
     * Applies the staged rows from the committed cursor on: customers, list, one outbox row per batch and
     * the counts move in one transaction. @returns `complete: false` when the staging table was lost
     */
    async applyImport({ orgId, importId }: ImportInput): Promise<{ complete: boolean }> {
      return tenants.use(orgId, async (tenant) => {
        const table = stagingTable(importId);
        const known = await tenant.sql.first<{ there: boolean }>('select to_regclass($1) is not null as there', [table]);
        if (known?.there !== true) return { complete: false };
        const last = (await tenant.sql.first<{ last: number | null }>(`select max(no) as last from ${table}`))?.last ?? 0;
        const expected = await tenant.sql.first<{ rows: number; cursor: number }>(
          'select rows_total - skipped_count as rows, cursor_no as cursor from import_job where id = $1', [importId]);
        if (last === 0 && (expected?.rows ?? 0) > 0) return { complete: false };
        for (;;) {
          Context.current().heartbeat();
          goOn();
          const cursor = await tenant.sql.transaction((tx) => applyBatch(tx, importId, table, last));
          if (cursor === null) return { complete: true };
          gateway.nudgeOutbox(orgId);
        }
      });
    },

    /** Writes how the import ended and drops the staging table; an end that is there already stays. */
    async closeImport({ orgId, importId }: ImportInput, state: 'completed' | 'failed' | 'cancelled', problem: string | null): Promise<void> {
      await tenants.use(orgId, async ({ sql }) => {
        await sql.run(
          `update import_job set state = $2, problem = $3, ended_at = now() where id = $1 and state in ('queued', 'validating', 'running')`,
          [importId, state, problem]);
        await sql.run(`drop table if exists ${stagingTable(importId)}`);
      });
    },
  });
}

/** One batch, or null when the cursor is at the end. @throws AppError `conflict` when the import was ended meanwhile */
async function applyBatch(tx: Transaction, importId: string, table: string, last: number): Promise<number | null> {
  const job = await tx.first<Job>(`${JOB} for update`, [importId]);
  if (job?.state !== 'running') throw new AppError('conflict', 'This import was ended.');
  if (job.cursor >= last) return null;
  const to = Math.min(job.cursor + BATCH, last);
  // A suppression that commits while its customer is being made would miss her, and she it.
  await tx.run('lock table suppression in share mode');
  const counted = await tx.first<{ batch: number; created: number }>(upsert(table, job.options.emptyCellsClear), [job.cursor, to, job.listId]);
  await tx.run(
    `update import_job set cursor_no = $2, rows_done = least(rows_total, rows_done + $2 - cursor_no), created_count = created_count + $3, updated_count = updated_count + $4 where id = $1`,
    [importId, to, counted!.created, counted!.batch - counted!.created]);
  return to;
}

const texts = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone'] as const;

/**
 * Rows in key order, so that two imports never lock crosswise; those who have everything already and are
 * members are not touched and keep their version.
 */
function upsert(table: string, emptyCellsClear: boolean): string {
  const next = (column: string) => (emptyCellsClear ? `excluded.${column}` : `coalesce(excluded.${column}, c.${column})`);
  // The staged values hold nulls for empty cells: dropped when they keep, merged and then dropped when they clear.
  const custom = emptyCellsClear ? `jsonb_strip_nulls(c.custom || excluded.custom)` : `c.custom || excluded.custom`;
  return /* sql */ `
with batch as materialized (
  select s.* from ${table} s
   where s.no > $1 and s.no <= $2
   order by s.email_key
), written as (
  insert into customer as c (email, email_key, ${texts.join(', ')}, custom, is_suppressed, is_unsubscribed, is_bounced)
  select b.email, b.email_key, ${texts.map((t) => `b.${t}`).join(', ')}, ${emptyCellsClear ? 'b.custom' : 'jsonb_strip_nulls(b.custom)'},
         p.email_key is not null, coalesce(p.reason = 'unsubscribed', false), coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)
    from batch b left join suppression p on p.email_key = b.email_key
   order by b.email_key
  on conflict (email_key) do update
     set ${texts.map((t) => `${t} = ${next(t)}`).join(', ')}, custom = ${custom}, version = c.version + 1, updated_at = now()
   where (${texts.map((t) => `c.${t}`).join(', ')}, c.custom) is distinct from (${texts.map(next).join(', ')}, ${custom})
      or ($3::uuid is not null and not exists (select 1 from list_member m where m.list_id = $3 and m.customer_id = c.id))
  returning id, xmax = 0 as created
), joined as (
  insert into list_member (list_id, customer_id) select $3, id from written where $3::uuid is not null order by id on conflict do nothing
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from written having count(*) > 0
)
select (select count(*) from batch) as batch, (select count(*) from written where created) as created`;
}

async function addFields(tx: Transaction, columns: readonly ImportColumn[], chosen: readonly string[], unknown: ReadonlyMap<string, TypeEvidence>): Promise<void> {
  if (unknown.size === 0) return;
  await tx.run('lock table custom_field in share row exclusive mode');
  const present = await tx.rows<CustomField>('select field_no as no, key, label, type, slot from custom_field');
  const taken = new Set(present.flatMap((field) => (field.slot === null ? [] : [field.slot])));
  for (const column of columns) {
    const key = customKey(column);
    if (key === null || !unknown.has(key) || present.some((field) => field.key === key)) continue;
    const type = chosen.includes(key) ? column.type : inferredType(unknown.get(key)!);
    const slot = freeSlot(type, taken);
    if (slot !== null) taken.add(slot);
    await tx.run('insert into custom_field (key, label, type, slot) values ($1, $2, $3, $4)', [key, column.header.trim(), type, slot]);
  }
}

function customKey(column: ImportColumn): string | null {
  return column.target.startsWith('custom:') ? column.target.slice('custom:'.length) : null;
}

function stagingTable(importId: string): string {
  if (!/^[0-9a-f-]{36}$/.test(importId)) throw new AppError('invalid', 'Not an import id.');
  return `import_staging_${importId.replaceAll('-', '')}`;
}
