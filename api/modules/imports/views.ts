import { z } from 'zod';
import { datePatterns } from '#domain/customer/date-pattern.ts';
import type { ImportJob } from '../../../infra/db/organization/entities/import-job.ts';
import { encodings } from '../../../infra/imports/encoding.ts';

export const kinds = ['customers', 'suppressions'] as const;

export const EncodingView = z.enum(encodings);
/** What separates the cells: the four that are recognized. */
export const DelimiterView = z.enum([',', ';', '\t', '|'], { message: 'Expected a comma, a semicolon, a tab or a vertical bar.' });

export const ColumnView = z.strictObject({
  header: z.string().max(1_100_000), target: z.string().max(200), type: z.enum(['text', 'number', 'date', 'boolean']), datePattern: z.enum(datePatterns).nullable().default(null),
}).meta({ id: 'ImportColumn' });

const FieldProblem = z.object({ field: z.string(), message: z.string() });

export const PreviewView = z.object({
  encoding: EncodingView, delimiter: z.string(), header: z.array(z.string()), columns: z.array(ColumnView), rows: z.array(z.array(z.string())),
  problems: z.array(FieldProblem), notes: z.array(FieldProblem),
}).meta({ id: 'ImportPreview' });

export const ImportView = z.object({
  id: z.string(), kind: z.enum(kinds), fileName: z.string(), fileSize: z.number().int(), list: z.object({ id: z.string().nullable(), name: z.string() }).nullable(),
  state: z.enum(['uploaded', 'queued', 'validating', 'running', 'completed', 'failed', 'cancelled']), problem: z.string().nullable(),
  bytesDone: z.number().int(), rowsTotal: z.number().int().nullable(), rowsDone: z.number().int(),
  created: z.number().int(), updated: z.number().int(), skipped: z.number().int(), warnings: z.number().int(),
  createdBy: z.string(), createdAt: z.string(), startedAt: z.string().nullable(), endedAt: z.string().nullable(), fileRemovedAt: z.string().nullable(), temporalUrl: z.string().nullable(),
}).meta({ id: 'Import' });

/** @param listName the list's name today; null when it is gone and the name it had is shown */
export function toImportView(job: ImportJob, listName: string | null, temporalUrl: string): z.input<typeof ImportView> {
  return {
    id: job.id, kind: job.kind, fileName: job.fileName, fileSize: job.fileSize,
    list: listName !== null ? { id: job.listId, name: listName } : job.listName === '' ? null : { id: null, name: job.listName },
    state: job.state, problem: job.problem, bytesDone: job.bytesDone, rowsTotal: job.rowsTotal, rowsDone: job.rowsDone,
    created: job.createdCount, updated: job.updatedCount, skipped: job.skippedCount, warnings: job.warningCount,
    createdBy: job.createdBy, createdAt: job.createdAt.toISOString(), startedAt: job.startedAt?.toISOString() ?? null, endedAt: job.endedAt?.toISOString() ?? null,
    fileRemovedAt: job.fileRemovedAt?.toISOString() ?? null,
    temporalUrl: job.state === 'uploaded' ? null : temporalUrl,
  };
}
