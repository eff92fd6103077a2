import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { noEvidence, type CustomField, type TypeEvidence } from '#domain/customer/fields.ts';
import { customKey } from '#domain/customer/import-columns.ts';
import type { Transaction } from '../db/sql.ts';
import { readRecords, type importFiles } from './files.ts';
import type { Job } from './job.ts';
import { createRejectFile, type Rejection } from './reject-file.ts';
import { createCustomerReader, createSuppressionReader, standardIn, type RowReader } from './rows.ts';
import { createSeenAddresses } from './seen-addresses.ts';
import { takeOutSuperseded } from './superseded.ts';

export interface Staged {
  /** Rows of the file without its header, and those of them that are not taken. */
  readonly rows: number;
  readonly skipped: number;
  readonly warnings: number;
  /** What all values of fields that are new have in common. */
  readonly unknown: ReadonlyMap<string, TypeEvidence>;
}

export interface StageOptions {
  readonly files: ReturnType<typeof importFiles>;
  readonly catalogue: readonly CustomField[];
  /** Called with the bytes read after each piece of the file; throws to stop. */
  readonly onPiece: (bytes: number) => Promise<void>;
}

/**
 * Reads and checks the whole file into a staging table of its own and writes the file of rejected rows.
 * Part of the caller's transaction; a table of an earlier attempt is gone before it begins. Row 0 is a mark: a table without it was emptied by a crash of the database.
 */
export async function stageFile(tx: Transaction, table: string, job: Job, { files, catalogue, onPiece }: StageOptions): Promise<Staged> {
  const { columns, encoding, delimiter, emptyCellsClear } = job.options;
  const unknown = new Map<string, TypeEvidence>();
  for (const column of columns) {
    const key = customKey(column);
    if (key !== null && !catalogue.some((field) => field.key === key)) unknown.set(key, noEvidence());
  }
  const read: RowReader = job.kind === 'customers' ? createCustomerReader(columns, { unknown, emptyCellsClear }) : createSuppressionReader(columns);
  const seen = createSeenAddresses(job.fileSize);
  await tx.run(job.kind === 'customers' ? customerTable(table, job) : suppressionTable(table));
  const copy = tx.client.query(copyFrom(`copy ${table} from stdin`));
  const copied = finished(copy);
  copied.catch(() => undefined);  // awaited below
  const rejected = createRejectFile(files.rejected, columns);
  let good = 0;
  let bad = 0;
  let warnings = 0;
  let repeats = 0;
  try {
    let isHeader = true;
    for await (const { records, bytes } of readRecords(files.source, encoding, delimiter)) {
      let lines = '';
      const refusals: Rejection[] = [];
      for (const record of records) {
        if (isHeader) {
          isHeader = false;
          continue;
        }
        const row = record.problem === undefined ? read(record) : { problem: record.problem };
        if ('problem' in row) {
          bad++;
          refusals.push({ cells: record.cells, line: record.line, reason: row.problem });
          continue;
        }
        const isRepeat = seen(row.key);
        if (isRepeat) repeats++;
        warnings += row.warnings;
        lines += `${++good}\t${record.line}\t${isRepeat ? 't' : 'f'}\t${row.line}\n`;
      }
      if (lines !== '' && !copy.write(lines)) await Promise.race([once(copy, 'drain'), copied]);
      await rejected.write(refusals);
      await onPiece(bytes);
    }
    copy.end();
    await copied;
    await tx.run(markRow(table, job.kind));
    await tx.run(`create unique index on ${table} (no)`);
    const superseded = repeats === 0 ? 0 : await takeOutSuperseded(tx, table, readRecords(files.source, encoding, delimiter), (rows) => rejected.write(rows));
    await rejected.publish();
    return { rows: good + bad, skipped: bad + superseded, warnings, unknown };
  } finally {
    rejected.discard();
    copy.destroy();
  }
}

const COMMON = 'no integer not null, line integer not null, is_repeat boolean not null, email text not null, email_key text not null';

function customerTable(table: string, { options }: Job): string {
  const standard = standardIn(options.columns).map((field) => `${field} ${field === 'score' ? 'double precision' : 'text'}, `).join('');
  return `create unlogged table ${table} (${COMMON}, ${standard}custom jsonb not null${options.emptyCellsClear ? `, kept text[] not null default '{}'` : ''})`;
}

function suppressionTable(table: string): string {
  return `create unlogged table ${table} (${COMMON}, note text)`;
}

function markRow(table: string, kind: Job['kind']): string {
  return kind === 'customers'
    ? `insert into ${table} (no, line, is_repeat, email, email_key, custom) values (0, 0, false, '', '', '{}')`
    : `insert into ${table} (no, line, is_repeat, email, email_key) values (0, 0, false, '', '')`;
}
