import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AppError, refuse } from '#domain/shared/errors.ts';
import { createEncodingSniffer, type Sniffed } from './encoding.ts';

const REFUSED_DRAIN_MS = 30_000;

/**
 * Writes the body to the file. After a refusal the rest is read and dropped for half a minute: closed at once,
 * the connection would take the answer with it, and left unread the sender's next request would wait behind it.
 * @returns how the bytes are to be read
 * @throws AppError `too_large`, `invalid` for what is no text or empty, `malformed` when the sender breaks off
 */
export async function storeUpload(body: Readable, path: string, limitMb: number): Promise<Sniffed> {
  const sniffer = createEncodingSniffer();
  const out = createWriteStream(path);
  const written = finished(out);
  written.catch(() => undefined);  // awaited below
  let size = 0;
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limitMb * 1_048_576) throw new AppError('too_large', `The file is larger than ${limitMb} MB. Split it and upload the parts.`);
      sniffer.watch(chunk);
      if (!out.write(chunk)) await Promise.race([once(out, 'drain'), written]);
    }
    out.end();
    await written;
  } catch (error) {
    out.destroy();
    await written.catch(() => undefined);  // the first error is the one to tell
    if (body.errored !== null) throw new AppError('malformed', 'The upload broke off before its end. Upload the file again.', [], { cause: error });
    body.resume();
    const patience = setTimeout(() => body.destroy(), REFUSED_DRAIN_MS).unref();
    body.once('close', () => clearTimeout(patience));
    throw error;
  }
  if (size === 0) throw refuse('file', 'The file is empty. Choose a CSV file with a header line.');
  const sniffed = sniffer.end();
  if (sniffed === null) throw refuse('file', 'This is not a text file. Save it as CSV (UTF-8) and upload it again.');
  return sniffed;
}
