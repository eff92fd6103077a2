import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../infra/container.ts';
import { createCsvFile, type CsvFile } from '../infra/exports/csv-file.ts';
import type { ExportKind, ExportOptions } from '../infra/exports/export-job.ts';
import { exportFiles } from '../infra/exports/files.ts';
import { openExport } from '../infra/exports/rows.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import type { ExportInput } from '../workflows/contracts.ts';
import { alive } from './alive.ts';
import { translating } from './errors.ts';

export type ExportActivities = ReturnType<typeof createExportActivities>;

/** Searching waits for the index as long as it takes. */
const HEARTBEAT_MS = 2_000;
const REPORT_MS = 500;
/** An export begins again when somebody is erased while it runs; who erases without pause is told. */
const TURNS = 20;

interface Job {
  readonly kind: ExportKind;
  readonly options: ExportOptions;
  readonly state: string;
}

const ended = () => new AppError('conflict', 'This export was ended.');

/** @param isStopping whether the process drains: what runs then fails retryably and begins again elsewhere */
export function createExportActivities({ tenants, gateway, config }: Pick<Container, 'tenants' | 'gateway' | 'config'>, isStopping: () => boolean) {
  const goOn = () => {
    Context.current().cancellationSignal.throwIfAborted();
    if (isStopping()) throw new Error('this worker stops; the export begins again elsewhere');
  };

  /** Writes all rows as they are from now on. @returns their number */
  async function fill(tenant: Tenant, exportId: string, job: Job, create: (columns: readonly string[]) => CsvFile): Promise<{ file: CsvFile; rows: number }> {
    gateway.nudgeOutbox(tenant.org.id);
    const source = await openExport(tenant, job.kind, job.options, () => { goOn(); gateway.nudgeOutbox(tenant.org.id); });
    await tenant.sql.run('update export_job set rows_total = $2 where id = $1', [exportId, source.total]);
    const file = create(source.columns);
    let rows = 0;
    let reported = performance.now();
    for await (const page of source.pages) {
      goOn();
      await file.write(page);
      rows += page.length;
      if (performance.now() - reported < REPORT_MS) continue;
      reported = performance.now();
      if ((await tenant.sql.run(`update export_job set rows_done = $2 where id = $1 and state = 'running'`, [exportId, rows])) === 0) throw ended();
    }
    return { file, rows };
  }

  return translating({
    /**
     * Writes the file from the beginning, whatever earlier attempts left, and publishes it by its name in the transaction
     * that says it is there. When somebody was erased meanwhile, what is written may hold her: it is written anew.
     */
    async writeExport({ orgId, exportId }: ExportInput): Promise<{ rows: number }> {
      return alive(HEARTBEAT_MS, () => tenants.use(orgId, async (tenant) => {
        const files = exportFiles(config, orgId);
        await files.make();
        for (let turn = 0; turn < TURNS; turn++) {
          const job = await tenant.sql.first<Job>(
            `update export_job set state = case when state = 'queued' then 'running' else state end, start_over = false, rows_done = case when state = 'completed' then rows_done else 0 end, started_at = coalesce(started_at, now())
              where id = $1 returning kind, options, state`, [exportId]);
          if (job?.state === 'completed') return { rows: 0 };
          if (job?.state !== 'running') throw ended();
          let made: CsvFile | undefined;
          try {
            const { file, rows } = await fill(tenant, exportId, job, (columns) => (made = createCsvFile(files.part(exportId, randomUUID()), columns, job.options.raw)));
            const size = await file.end();
            goOn();
            if (await publish(tenant, exportId, rows, size, () => file.publish(files.file(exportId)))) return { rows };
          } finally {
            await made?.discard();
          }
        }
        throw new AppError('conflict', 'People were erased all the time while this export ran. Export again when that is over.');
      }));
    },

    /** Writes how the export ended, forgets whom it was about and removes what attempts have left. */
    async closeExport({ orgId, exportId }: ExportInput, state: 'completed' | 'failed' | 'cancelled', problem: string | null): Promise<void> {
      await tenants.use(orgId, async ({ sql }) => {
        await sql.run(`update export_job set state = $2, problem = $3, ended_at = now() where id = $1 and state in ('queued', 'running')`, [exportId, state, problem]);
        await sql.run(`update export_job set options = options - 'filter' - 'ids' - 'recipients' where id = $1`, [exportId]);
        await exportFiles(config, orgId).removeParts(exportId);
      });
    },
  });
}

/** @returns false when the file must be written anew. An erasure that commits at this moment waits, and then finds the file to remove. */
function publish(tenant: Tenant, exportId: string, rows: number, size: number, rename: () => Promise<void>): Promise<boolean> {
  return tenant.sql.transaction(async (tx) => {
    const job = await tx.first<{ state: string; startOver: boolean }>('select state, start_over as "startOver" from export_job where id = $1 for update', [exportId]);
    if (job?.state !== 'running') throw ended();
    if (job.startOver) return false;
    await rename();
    await tx.run(`update export_job set state = 'completed', rows_total = $2, rows_done = $2, file_size = $3, ended_at = now() where id = $1`, [exportId, rows, size]);
    return true;
  });
}
