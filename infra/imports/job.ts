import type { ImportColumn, ImportKind } from '#domain/customer/import-columns.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Sql } from '../db/sql.ts';
import type { Encoding } from './encoding.ts';

/** How a file is read and what becomes of it: chosen by a person, or guessed. */
export interface ImportOptions {
  readonly encoding: Encoding;
  readonly delimiter: string;
  /** The bytes are UTF-8 and something else; rows that cannot be read are refused. */
  readonly isMixed: boolean;
  readonly columns: readonly ImportColumn[];
  /** Keys of new fields whose type a person chose; the others are inferred over all values. */
  readonly chosen: readonly string[];
  readonly emptyCellsClear: boolean;
}

/** What the activities read of an import. */
export interface Job {
  readonly no: number;
  readonly kind: ImportKind;
  readonly state: string;
  readonly options: ImportOptions;
  readonly listId: string | null;
  readonly fileSize: number;
  readonly createdAt: Date;
  /** Staged rows up to this one are applied. */
  readonly cursor: number;
}

const JOB = 'select no, kind, state, options, list_id as "listId", file_size as "fileSize", created_at as "createdAt", cursor_no as cursor from import_job where id = $1';

/** @throws AppError `not_found` */
export async function readJob(sql: Pick<Sql, 'first'>, importId: string, lock = false): Promise<Job> {
  const job = await sql.first<Job>(lock ? `${JOB} for update` : JOB, [importId]);
  if (job === undefined) throw new AppError('not_found', 'This import does not exist any more.');
  return job;
}

/** The table an import's rows wait in. Whoever erases people looks for tables of this name with an `email_key`. */
export function stagingTable(importId: string): string {
  if (!/^[0-9a-f-]{36}$/.test(importId)) throw new AppError('invalid', 'Not an import id.');
  return `import_staging_${importId.replaceAll('-', '')}`;
}

/** The end came from outside: cancelled, or failed by another attempt. */
export function ended(): AppError {
  return new AppError('conflict', 'This import was ended.');
}
