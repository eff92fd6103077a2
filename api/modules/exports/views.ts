import { z } from 'zod';
import { exportKinds, type ExportKind } from '../../../infra/exports/export-job.ts';

export const kinds = Object.keys(exportKinds) as [ExportKind, ...ExportKind[]];

export const ExportView = z.object({
  id: z.string(), kind: z.enum(kinds), title: z.string(), fileName: z.string(), raw: z.boolean(),
  state: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']), problem: z.string().nullable(),
  /** Known when it runs; of a filter what it meant when it began. */
  rowsTotal: z.int().nullable(), rowsDone: z.int(),
  fileSize: z.int().nullable(),
  /** Whether the file can be downloaded: kept 7 days, and gone earlier when somebody it may hold was erased. */
  available: z.boolean(), availableUntil: z.string().nullable(),
  createdBy: z.string(), createdAt: z.string(), startedAt: z.string().nullable(), endedAt: z.string().nullable(), temporalUrl: z.string(),
}).meta({ id: 'ExportJob' });

export interface ExportRecord {
  readonly id: string; readonly kind: ExportKind; readonly title: string; readonly raw: boolean;
  readonly state: z.infer<typeof ExportView>['state']; readonly problem: string | null;
  readonly rowsTotal: number | null; readonly rowsDone: number; readonly fileSize: number | null;
  readonly createdBy: string; readonly createdAt: Date; readonly startedAt: Date | null; readonly endedAt: Date | null; readonly fileRemovedAt: Date | null;
}

export const EXPORT = /* sql */ `
select id::text, kind, title, coalesce((options->>'raw')::boolean, false) as raw, state, problem, rows_total as "rowsTotal", rows_done as "rowsDone", file_size as "fileSize",
  created_by as "createdBy", created_at as "createdAt", started_at as "startedAt", ended_at as "endedAt", file_removed_at as "fileRemovedAt"
from export_job`;

const DAY_MS = 86_400_000;

export function toExportView(row: ExportRecord, keptDays: number, temporalUrl: string): z.input<typeof ExportView> {
  const available = row.state === 'completed' && row.fileRemovedAt === null;
  return {
    id: row.id, kind: row.kind, title: row.title, fileName: fileNameOf(row), raw: row.raw, state: row.state, problem: row.problem,
    rowsTotal: row.rowsTotal, rowsDone: row.rowsDone, fileSize: row.fileSize,
    available, availableUntil: available && row.endedAt !== null ? new Date(row.endedAt.getTime() + keptDays * DAY_MS).toISOString() : null,
    createdBy: row.createdBy, createdAt: row.createdAt.toISOString(), startedAt: row.startedAt?.toISOString() ?? null, endedAt: row.endedAt?.toISOString() ?? null, temporalUrl,
  };
}

function fileNameOf({ title, createdAt }: ExportRecord): string {
  const slug = title.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);
  return `${slug === '' ? 'export' : slug}-${createdAt.toISOString().slice(0, 10)}.csv`;
}
