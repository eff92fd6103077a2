import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { emailKey } from '#domain/customer/email-address.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Config } from '../config.ts';
import type { Encoding } from '../imports/encoding.ts';
import { readHead, readRecords } from '../imports/files.ts';
import { storeUpload } from '../imports/store.ts';

/** How a file of addresses is read. */
export interface AddressReading {
  readonly encoding: Encoding;
  readonly delimiter: string;
  /** The cell that holds the address. */
  readonly column: number;
  readonly hasHeader: boolean;
}

/** Where files of addresses lie until a bulk job has read them; names come from ids only. */
export function addressFile(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string, jobId: string) {
  const folder = join(config.FERMATA_STATE_DIR, 'bulk', orgId);
  const path = join(folder, `${jobId}.csv`);
  return { path, make: () => mkdir(folder, { recursive: true }), remove: () => rm(path, { force: true }) };
}

/**
 * Stores a file of addresses as it streams in and finds where they stand: in the column `email`, or in a file
 * without a header in the first column that holds one.
 * @throws AppError `invalid` when there are none, else as `storeUpload`
 */
export async function storeAddresses(body: Readable, path: string, limitMb: number): Promise<AddressReading> {
  const { encoding } = await storeUpload(body, path, limitMb);
  const { delimiter, records } = await readHead(path, encoding, 1);
  const cells = records[0]?.cells ?? [];
  const named = cells.findIndex((cell) => cell.trim().toLowerCase() === 'email');
  if (named !== -1) return { encoding, delimiter, column: named, hasHeader: true };
  const first = cells.findIndex((cell) => emailKey(cell) !== null);
  if (first === -1) throw refuse('file', 'The file has no column named email. Name the one with the addresses email in the first line and send it again.');
  return { encoding, delimiter, column: first, hasHeader: false };
}

/** Keys of the addresses of a file, in pages; cells that are no address are left out. */
export async function* readAddresses(path: string, { encoding, delimiter, column, hasHeader }: AddressReading): AsyncIterable<string[]> {
  let isHeader = hasHeader;
  for await (const { records } of readRecords(path, encoding, delimiter)) {
    const keys: string[] = [];
    for (const { cells } of records) {
      const key = isHeader ? null : emailKey(cells[column] ?? '');
      isHeader = false;
      if (key !== null) keys.push(key);
    }
    yield keys;
  }
}
