import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '#domain/shared/errors.ts';
import type { Config } from '../config.ts';

export const IMAGE_LIMIT_MB = 5;
const REFUSED_DRAIN_MS = 30_000;

/** Where the pictures of an organization lie; names come from ids only. */
export function imageFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string) {
  const folder = join(config.FERMATA_STATE_DIR, 'images', orgId);
  const path = (id: string) => join(folder, id);
  return {
    path,
    /** Writes a whole file that survives a crash once this has returned; before, there is none of this name. */
    async write(id: string, bytes: Buffer): Promise<void> {
      await mkdir(folder, { recursive: true });
      const part = `${path(id)}.part`;
      const file = await open(part, 'w');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path(id));
      const held = await open(folder);
      await held.sync().finally(() => held.close());
    },
    remove: (id: string): Promise<void> => rm(path(id), { force: true }),
  };
}

/**
 * The body of an upload. After a refusal the rest is read and dropped for half a minute: closed at once, the connection
 * would take the answer with it.
 * @throws AppError `too_large`, `malformed` when the sender breaks off
 */
export async function readImage(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > IMAGE_LIMIT_MB * 1_048_576) throw new AppError('too_large', `The picture is larger than ${IMAGE_LIMIT_MB} MB. Save it smaller: mails are read on phones.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (body.errored !== null) throw new AppError('malformed', 'The upload broke off before its end. Upload the picture again.', [], { cause: error });
    body.resume();
    const patience = setTimeout(() => body.destroy(), REFUSED_DRAIN_MS).unref();
    body.once('close', () => clearTimeout(patience));
    throw error;
  }
  return Buffer.concat(chunks);
}
