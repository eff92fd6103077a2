import { z } from 'zod';

const type = z.enum(['text', 'number', 'date', 'boolean']);
export const ColumnView = z.object({ header: z.string(), target: z.string(), type });

export const PreviewView = z.object({
  encoding: z.string(), delimiter: z.string(), header: z.array(z.string()), columns: z.array(ColumnView), rows: z.array(z.array(z.string())),
  problems: z.array(z.object({ field: z.string(), message: z.string() })),
});

export const ImportView = z.object({
  id: z.string(), fileName: z.string(), fileSize: z.number().int(), list: z.object({ id: z.string(), name: z.string() }).nullable(),
  state: z.enum(['uploaded', 'queued', 'validating', 'running', 'completed', 'failed', 'cancelled']), problem: z.string().nullable(),
  bytesDone: z.number().int(), rowsTotal: z.number().int().nullable(), rowsDone: z.number().int(),
  created: z.number().int(), updated: z.number().int(), skipped: z.number().int(), warnings: z.number().int(),
  createdBy: z.string(), createdAt: z.string(), startedAt: z.string().nullable(), endedAt: z.string().nullable(), temporalUrl: z.string().nullable(),
});

export interface ImportRecord {
  readonly id: string; readonly fileName: string; readonly fileSize: number; readonly listId: string | null; readonly listName: string;
  readonly state: z.infer<typeof ImportView>['state']; readonly problem: string | null; readonly bytesDone: number;
  readonly rowsTotal: number | null; readonly rowsDone: number; readonly created: number; readonly updated: number; readonly skipped: number; readonly warnings: number;
  readonly createdBy: string; readonly createdAt: Date; readonly startedAt: Date | null; readonly endedAt: Date | null;
}

export const IMPORT = /* sql */ `
select j.id, j.file_name as "fileName", j.file_size as "fileSize", j.list_id as "listId", coalesce(l.name, j.list_name) as "listName", j.state, j.problem,
  j.bytes_done as "bytesDone", j.rows_total as "rowsTotal", j.rows_done as "rowsDone", j.created_count as created, j.updated_count as updated,
  j.skipped_count as skipped, j.warning_count as warnings, j.created_by as "createdBy", j.created_at as "createdAt", j.started_at as "startedAt", j.ended_at as "endedAt"
from import_job j left join list l on l.id = j.list_id`;

export function toImportView(row: ImportRecord, temporalUrl: string | null): z.input<typeof ImportView> {
  return {
    id: row.id, fileName: row.fileName, fileSize: row.fileSize, list: row.listId === null ? null : { id: row.listId, name: row.listName },
    state: row.state, problem: row.problem, bytesDone: row.bytesDone, rowsTotal: row.rowsTotal, rowsDone: row.rowsDone,
    created: row.created, updated: row.updated, skipped: row.skipped, warnings: row.warnings,
    createdBy: row.createdBy, createdAt: row.createdAt.toISOString(), startedAt: row.startedAt?.toISOString() ?? null, endedAt: row.endedAt?.toISOString() ?? null,
    temporalUrl: row.state === 'uploaded' ? null : temporalUrl,
  };
}
