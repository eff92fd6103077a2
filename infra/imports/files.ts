import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { createCsvReader, detectDelimiter, type CsvRecord } from '#domain/customer/csv.ts';
import type { Config } from '../config.ts';

/** Where the files of imports lie; names come from ids only. */
export function importFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string, importId: string) {
  const folder = join(config.FERMATA_STATE_DIR, 'imports', orgId);
  return { folder, source: join(folder, `${importId}.csv`), rejected: join(folder, `${importId}.rejected.csv`) };
}

export type Encoding = 'utf8' | 'utf16le' | 'utf16be' | 'windows-1252';

/**
 * Watches the bytes of an upload go by and says at the end how they are to be read. Whether they are
 * text is judged by the first 4 KB; a NUL further on costs its row.
 */
export function createEncodingSniffer() {
  let head = Buffer.alloc(0);
  let strict: InstanceType<typeof TextDecoder> | null = new TextDecoder('utf-8', { fatal: true });
  return {
    watch(chunk: Buffer): void {
      if (head.length < 4_096) head = Buffer.concat([head, chunk.subarray(0, 4_096 - head.length)]);
      try {
        strict?.decode(chunk, { stream: true });
      } catch {
        strict = null;  // not UTF-8; the answer is in `encoding`
      }
    },
    /** @returns null when the bytes are no text */
    encoding(): Encoding | null {
      if (head[0] === 0xff && head[1] === 0xfe) return 'utf16le';
      if (head[0] === 0xfe && head[1] === 0xff) return 'utf16be';
      const isControl = (byte: number) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27);
      if (head.some((byte) => byte !== 0 && isControl(byte))) return null;
      if (head.includes(0)) {
        // UTF-16 without a mark: western text has its zeros all on one side.
        const zeros = [0, 0];
        head.forEach((byte, i) => { if (byte === 0) zeros[i % 2]!++; });
        if (zeros[1]! > head.length / 4 && zeros[0] === 0) return 'utf16le';
        if (zeros[0]! > head.length / 4 && zeros[1] === 0) return 'utf16be';
        return null;
      }
      return strict === null ? 'windows-1252' : 'utf8';
    },
  };
}

/** Records of a file as they are read, with the bytes read so far. Closes the file however it ends. */
export async function* readRecords(path: string, encoding: Encoding, delimiter: string): AsyncIterable<{ records: CsvRecord[]; bytes: number }> {
  const decoder = iconv.getDecoder(encoding, { stripBOM: true });
  const reader = createCsvReader(delimiter);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1_024 }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    yield { records: reader.push(decoder.write(chunk)), bytes };
  }
  yield { records: [...reader.push(decoder.end() ?? ''), ...reader.end()], bytes };
}

/** The first records of a file, header first, and its delimiter. */
export async function readHead(path: string, encoding: Encoding, rows: number, delimiter?: string): Promise<{ delimiter: string; records: CsvRecord[] }> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1_200_000), 0, 1_200_000, 0);
    const text = iconv.decode(buffer.subarray(0, bytesRead), encoding, { stripBOM: true });
    const used = delimiter ?? detectDelimiter(text.slice(0, text.search(/[\r\n]/) === -1 ? undefined : text.search(/[\r\n]/)));
    const reader = createCsvReader(used);
    const records = reader.push(text);
    if (bytesRead < 1_200_000) records.push(...reader.end());
    return { delimiter: used, records: records.slice(0, rows + 1) };
  } finally {
    await file.close();
  }
}
