import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import { applyBatch } from '../infra/imports/apply.ts';
import { importFiles } from '../infra/imports/files.ts';
import { ended, readJob, stagingTable } from '../infra/imports/job.ts';
import { addNewFields } from '../infra/imports/new-fields.ts';
import { stageFile } from '../infra/imports/staging.ts';
import { readCatalogue } from '../search/catalogue.ts';
import type { ImportInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';

export type ImportActivities = ReturnType<typeof createImportActivities>;

const HEARTBEAT_MS = 2_000;
const PROGRESS_MS = 500;

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createImportActivities({ tenants, config, gateway, secrets }: Pick<Container, 'tenants' | 'config' | 'gateway' | 'secrets'>, isStopping: () => boolean) {
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
        const job = await readJob(tenant.sql, importId);
        await tenant.sql.run(`update import_job set state = 'validating', started_at = coalesce(started_at, now()) where id = $1 and state = 'queued'`, [importId]);
        let reported = performance.now();
        const onPiece = async (bytes: number) => {
          goOn();
          if (performance.now() - reported < PROGRESS_MS) return;
          reported = performance.now();
          await tenant.sql.run(`update import_job set bytes_done = $2 where id = $1 and state = 'validating'`, [importId, bytes]);
        };
        const catalogue = await readCatalogue(tenant);
        // Of an earlier attempt, dropped by itself: whoever erases people looks for rows of theirs in it, and would wait for the file to be read.
        await tenant.sql.run(`drop table if exists ${stagingTable(importId)}`);
        // Indexing millions of rows is one statement.
        return alive(HEARTBEAT_MS, () => tenant.sql.transaction(async (tx) => {
          const { rows, skipped, warnings, unknown } = await stageFile(tx, stagingTable(importId), job, { files: importFiles(config, orgId, importId), catalogue, onPiece });
          goOn();
          await addNewFields(tx, job.options, unknown);
          const moved = await tx.run(
            `update import_job set state = 'running', bytes_done = file_size, rows_total = $2, skipped_count = $3, warning_count = $4, rows_done = $3 + cursor_no
              where id = $1 and state in ('validating', 'running')`, [importId, rows, skipped, warnings]);
          if (moved === 0) throw ended();
          return { rows: rows - skipped };
        }));
      });
    },

    /**
     * Applies the staged rows from the committed cursor on: people or suppressions, one outbox row per batch and
     * the counts move in one transaction. @returns `complete: false` when the staging table was lost
     */
    async applyImport({ orgId, importId }: ImportInput): Promise<{ complete: boolean }> {
      return tenants.use(orgId, async ({ sql }) => {
        const table = stagingTable(importId);
        const known = await sql.first<{ there: boolean }>('select to_regclass($1) is not null as there', [table]);
        if (known?.there !== true) return { complete: false };
        const last = (await sql.first<{ last: number | null }>(`select max(no) as last from ${table} having min(no) = 0`))?.last;
        if (last === undefined || last === null) return { complete: false };
        do {
          Context.current().heartbeat();
          goOn();
          gateway.nudgeOutbox(orgId);
        } while (await applyBatch(sql, { importId, table, last, secrets }));
        return { complete: true };
      });
    },

    /** Writes how the import ended and drops the staging table; an end that is there already stays. */
    async closeImport({ orgId, importId }: ImportInput, state: 'completed' | 'failed' | 'cancelled', problem: string | null): Promise<void> {
      await tenants.use(orgId, async ({ sql }) => {
        await sql.transaction(async (tx) => {
          const closed = await tx.first<{ kind: string; createdBy: string; created: number; updated: number }>(
            `update import_job set state = $2, problem = $3, ended_at = now() where id = $1 and state in ('queued', 'validating', 'running')
             returning kind, created_by as "createdBy", created_count as created, updated_count as updated`, [importId, state, problem]);
          if (closed?.kind === 'suppressions') {
            await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'suppression.imported', $2, $3)`,
              [closed.createdBy, importId, JSON.stringify({ state, added: closed.created, already: closed.updated })]);
          }
        });
        await sql.run(`drop table if exists ${stagingTable(importId)}`);
      });
    },
  });
}
