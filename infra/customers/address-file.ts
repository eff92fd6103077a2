import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { emailKey } from '#domain/customer/email-address.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Config } from '../config.ts';
import type { Sql } from '../db/sql.ts';
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
  const folder = folderOf(config, orgId);
  const path = join(folder, `${jobId}.csv`);
  return { path, make: () => mkdir(folder, { recursive: true }), remove: () => rm(path, { force: true }) };
}

function folderOf(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string): string {
  return join(config.FERMATA_STATE_DIR, 'bulk', orgId);
}

const HOUR_MS = 3_600_000;

/** Removes files of addresses no job waits for: what a process leaves that dies between the upload and the job. */
export async function removeLeftAddressFiles(sql: Sql, config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string): Promise<void> {
  const names = (await readdir(folderOf(config, orgId)).catch(() => [])).filter((name) => /^[0-9a-f-]{36}\.csv$/.test(name));
  if (names.length === 0) return;
  const waiting = new Set((await sql.rows<{ id: string }>(`select id::text from bulk_job where id = any($1::uuid[]) and state in ('queued', 'collecting', 'running')`, [names.map((name) => name.slice(0, 36))])).map((row) => row.id));
  for (const name of names) {
    const path = join(folderOf(config, orgId), name);
    const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
    if (!waiting.has(name.slice(0, 36)) && age > HOUR_MS) await rm(path, { force: true });
  }
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
