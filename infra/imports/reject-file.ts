import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';
import type { ImportColumn } from '#domain/customer/import-columns.ts';

/** One row that was not taken: its cells as the file has them, the line it begins on, why. */
export interface Rejection {
  readonly cells: readonly string[];
  readonly line: number;
  readonly reason: string;
}

export interface RejectFile {
  write(rejections: readonly Rejection[]): Promise<void>;
  /** Puts the file where it is downloaded from; until then an earlier one stays. */
  publish(): Promise<void>;
  /** Ends an attempt that failed. */
  discard(): void;
}

/**
 * The file of rejected rows: the original columns, then `line` and `reason`. Cells that a spreadsheet
 * would run as a formula (= + - @, tab, CR) get an apostrophe.
 */
export function createRejectFile(path: string, columns: readonly ImportColumn[]): RejectFile {
  const part = `${path}.part`;
  const out = createWriteStream(part);
  const failed = finished(out);
  failed.catch(() => undefined);  // awaited in `publish`
  const put = async (rows: readonly (readonly unknown[])[]) => {
    if (!out.write(stringify(rows as unknown[][], { escape_formulas: true }))) await Promise.race([once(out, 'drain'), failed]);
  };
  const header = put([[...columns.map((column) => column.header), 'line', 'reason']]);
  return {
    async write(rejections) {
      await header;
      if (rejections.length > 0) await put(rejections.map(({ cells, line, reason }) => [...columns.map((_, i) => cells[i] ?? ''), line, reason]));
    },
    async publish() {
      await header;
      out.end();
      await failed;
      await rename(part, path);
    },
    discard: () => void out.destroy(),
  };
}
