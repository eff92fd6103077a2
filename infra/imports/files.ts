import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createCsvReader, detectDelimiter, type CsvRecord } from '#domain/customer/csv.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Config } from '../config.ts';
import { createDecoder, type Encoding } from './encoding.ts';

/** Where the files of imports lie; names come from ids only. */
export function importFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string, importId: string) {
  const folder = importFolder(config, orgId);
  return { folder, source: join(folder, `${importId}.csv`), rejected: join(folder, `${importId}.rejected.csv`) };
}

export function importFolder(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string): string {
  return join(config.FERMATA_STATE_DIR, 'imports', orgId);
}

const CHUNK = 64 * 1_024;

/**
 * Records of a file as they are read, with the bytes read so far. Closes the file however it ends.
 * One small buffer for all of it: with a stream's fresh 256 kB each the process grew by 215 MB instead of 140 MB before its garbage was collected.
 * @throws AppError `invalid` when the file is gone
 */
export async function* readRecords(path: string, encoding: Encoding, delimiter: string): AsyncIterable<{ records: CsvRecord[]; bytes: number }> {
  const decoder = createDecoder(encoding);
  const reader = createCsvReader(delimiter);
  const buffer = Buffer.alloc(CHUNK);
  const file = await openUpload(path);
  try {
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      yield { records: reader.push(decoder.write(buffer.subarray(0, bytesRead))), bytes };
    }
    yield { records: [...reader.push(decoder.end()), ...reader.end()], bytes };
  } finally {
    await file.close();
  }
}

/** Enough for a header and a row of the largest size allowed. */
const HEAD = 2_200_000;

function openUpload(path: string): Promise<FileHandle> {
  return open(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new AppError('invalid', 'The uploaded file is gone. Upload it again.', [], { cause: error }) : error;
  });
}

/** The first records of a file, header first, and its delimiter. @throws AppError `invalid` when the file is gone */
export async function readHead(path: string, encoding: Encoding, rows: number, delimiter?: string): Promise<{ delimiter: string; records: CsvRecord[] }> {
  const file = await openUpload(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    const decoder = createDecoder(encoding);
    const text = decoder.write(buffer.subarray(0, bytesRead)) + decoder.end();
    const used = delimiter ?? detectDelimiter(/^[^\r\n]*/.exec(text)![0]);
    const reader = createCsvReader(used);
    const records = reader.push(text);
    if (bytesRead < HEAD) records.push(...reader.end());
    return { delimiter: used, records: records.slice(0, rows + 1) };
  } finally {
    await file.close();
  }
}
