import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Sql } from '../db/sql.ts';
import { importFiles, importFolder } from './files.ts';

/** Days an import's file and its rejected rows are kept after the end; one that was never started ends that long after its upload. */
export const KEPT_DAYS = 7;

const DAY_MS = 86_400_000;

/**
 * Removes the files whose time is over; the history stays and says so. Files without an import (an upload the API did not
 * survive, a removal that was interrupted) go after a day. Repetition is harmless.
 * @returns how many imports lost their files
 */
export async function removeOldFiles(sql: Sql, config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string): Promise<number> {
  const due = await sql.rows<{ id: string }>(REMOVE, [KEPT_DAYS]);
  for (const { id } of due) {
    const { source, rejected } = importFiles(config, orgId, id);
    await Promise.all([source, rejected].map((path) => rm(path, { force: true })));
  }
  await removeOrphans(sql, importFolder(config, orgId));
  return due.length;
}

const REMOVE = /* sql */ `
update import_job
   set file_removed_at = now(), ended_at = coalesce(ended_at, now()),
       state = case state when 'uploaded' then 'cancelled' else state end,
       problem = case state when 'uploaded' then 'It was never started, so its file was removed.' else problem end
 where file_removed_at is null and state not in ('queued', 'validating', 'running')
   and coalesce(ended_at, created_at) < now() - make_interval(days => $1)
returning id`;

async function removeOrphans(sql: Sql, folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const ids = [...new Set(names.map((name) => name.slice(0, name.indexOf('.'))).filter((id) => /^[0-9a-f-]{36}$/.test(id)))];
  if (ids.length === 0) return;
  const known = new Set((await sql.rows<{ id: string }>('select id from import_job where id = any($1::uuid[]) and file_removed_at is null', [ids])).map((row) => row.id));
  for (const name of names) {
    if (known.has(name.slice(0, name.indexOf('.')))) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > DAY_MS) await rm(path, { force: true });
  }
}
