import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';
import type { ExportRow } from './columns.ts';

export interface CsvFile {
  write(rows: readonly ExportRow[]): Promise<void>;
  /** Puts the whole file on the disk. @returns its size in bytes */
  end(): Promise<number>;
  /** Gives it its name; an earlier file of that name is replaced. */
  publish(path: string): Promise<void>;
  /** Ends an attempt that is not to be published. */
  discard(): Promise<void>;
}

/**
 * A CSV file that grows page by page and is nowhere to be found until it is whole.
 * @param raw values as they are; otherwise cells that begin with = + - @, tab or CR, which a spreadsheet would run as
 * formulas, get an apostrophe
 */
export function createCsvFile(part: string, columns: readonly string[], raw: boolean): CsvFile {
  const out = createWriteStream(part);
  const written = finished(out);
  written.catch(() => undefined);  // awaited in `end`
  const put = async (rows: readonly (readonly string[])[]) => {
    if (!out.write(stringify(rows as string[][], { escape_formulas: !raw }))) await Promise.race([once(out, 'drain'), written]);
  };
  const header = put([columns]);
  header.catch(() => undefined);  // awaited in `write` and `end`
  return {
    async write(rows) {
      await header;
      await put(rows.map((row) => columns.map((column) => cell(row[column]))));
    },
    async end() {
      await header;
      out.end();
      await written;
      return (await stat(part)).size;
    },
    publish: (path) => rename(part, path),
    async discard() {
      out.destroy();
      await written.catch(() => undefined);
      await rm(part, { force: true });
    },
  };
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value as number | boolean);
}
