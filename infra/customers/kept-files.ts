import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { emailKey } from '#domain/customer/email-address.ts';
import type { Config } from '../config.ts';
import type { Sql } from '../db/sql.ts';
import { createDecoder, type Encoding } from '../imports/encoding.ts';
import { importFiles } from '../imports/files.ts';
import type { Secrets } from '../secrets.ts';
import { settleLateMessages } from './erase.ts';
import { forgetSearched, readErasedAddresses } from './erased-addresses.ts';
import { createAddressHash } from './erasure.ts';

interface KeptImport {
  readonly id: string;
  readonly state: string;
  readonly encoding: Encoding;
  readonly createdAt: Date;
}

const IMPORTS = /* sql */ `
select id::text, state, options->>'encoding' as encoding, created_at as "createdAt" from import_job
 where file_removed_at is null and ($1::uuid[] is null or id = any($1::uuid[])) order by no`;

const underWay: ReadonlySet<string> = new Set(['queued', 'validating', 'running']);

/**
 * Searches what is kept of imports for people who were erased since: the uploaded file and the file of rejected rows.
 * Whatever holds one of them is removed, whole files, as a rewritten one would not be what was uploaded; an upload that was not started is cancelled with it. Files uploaded after the erasure are not looked at.
 * With no import under way left the search is over for those erased before the last search of all began.
 * @param importIds only these, for those erased before that; null: all
 * @param alive called while files are read
 * @returns imports under way, whose files are still needed: search them again when they have ended
 */
export async function scrubImports(sql: Sql, { config, secrets, orgId }: { config: Pick<Config, 'FERMATA_STATE_DIR'>; secrets: Secrets; orgId: string }, importIds: readonly string[] | null, alive: () => void): Promise<string[]> {
  await removeLeftFiles(sql, config, orgId);
  const erased = await readErasedAddresses(sql, importIds === null, async (customerIds) => {
    alive();
    if (importIds === null) await sql.transaction((tx) => settleLateMessages(tx, customerIds));
  });
  if (erased.count === 0) return [];
  const hashOf = createAddressHash(secrets);
  const waiting: string[] = [];
  for (const job of await sql.rows<KeptImport>(IMPORTS, [importIds])) {
    if (underWay.has(job.state)) {
      waiting.push(job.id);
      continue;
    }
    const isErased = (key: string) => erased.erasedAt(hashOf(key)) > job.createdAt.getTime();
    const files = importFiles(config, orgId, job.id);
    if (!((await fileMentions(files.source, job.encoding, isErased, alive)) || (await fileMentions(files.rejected, 'utf8', isErased, alive)))) continue;
    // The row first: an upload that is started meanwhile needs its file, and is searched again when it has ended.
    const closed = await sql.run(
      `update import_job set file_removed_at = now(),
              state = case state when 'uploaded' then 'cancelled' else state end, ended_at = case state when 'uploaded' then now() else ended_at end,
              problem = case state when 'uploaded' then 'The file held somebody who was erased, so it was removed. Upload it again without her.' else problem end
        where id = $1 and state = $2`, [job.id, job.state]);
    if (closed === 0) waiting.push(job.id);
    else await removeFiles(config, orgId, job.id);
  }
  if (waiting.length === 0) await forgetSearched(sql);
  return waiting;
}

/** What a process left that died between the row and the removal of its files. */
async function removeLeftFiles(sql: Sql, config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string): Promise<void> {
  for (const { id } of await sql.rows<{ id: string }>(`select id::text from import_job where file_removed_at > now() - interval '1 day'`)) await removeFiles(config, orgId, id);
}

async function removeFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string, importId: string): Promise<void> {
  const { source, rejected } = importFiles(config, orgId, importId);
  for (const path of [source, rejected]) await rm(path, { force: true });
}

/** Longer than any address with what may stand around it: how much of a piece of text is read again with the next. */
const OVERLAP = 1_024;

async function fileMentions(path: string, encoding: Encoding, isErased: (key: string) => boolean, alive: () => void): Promise<boolean> {
  if ((await stat(path).catch(() => null)) === null) return false;
  const decoder = createDecoder(encoding);
  let rest = '';
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 }) as AsyncIterable<Buffer>) {
    alive();
    const text = rest + decoder.write(chunk);
    if (mentions(text, isErased)) return true;
    rest = text.slice(-OVERLAP);
  }
  return mentions(rest + decoder.end(), isErased);
}

/** Anything that looks like an address, whatever the delimiter, quotes and signs around it. */
const LIKE_ADDRESS = /[^\s<>()[\]",;:\\@]{1,64}@[^\s<>()[\]",;:\\@|'=]{1,253}/gu;

function mentions(text: string, isErased: (key: string) => boolean): boolean {
  for (const [found] of text.matchAll(LIKE_ADDRESS)) {
    // A bar may be the delimiter or part of the address, an apostrophe the mark of a disarmed formula: both readings are tried.
    const at = found.lastIndexOf('@');
    const local = found.slice(0, at);
    const domain = found.slice(at).replace(/[.!?]+$/, '');
    for (const start of new Set([0, local.lastIndexOf('|') + 1, local.startsWith(`'`) ? 1 : 0])) {
      const key = emailKey(local.slice(start) + domain);
      if (key !== null && isErased(key)) return true;
    }
  }
  return false;
}
