import { glob, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Sql } from '../db/sql.ts';

type Place = Pick<Config, 'FERMATA_STATE_DIR'>;

/** How long the file of an export can be downloaded. */
export const EXPORT_KEPT_DAYS = 7;

/** Where the files of exports lie; names come from ids only. What an attempt is writing has a name of its own. */
export function exportFiles(config: Place, orgId: string) {
  const folder = join(config.FERMATA_STATE_DIR, 'exports', orgId);
  return {
    file: (exportId: string) => join(folder, `${exportId}.csv`),
    part: (exportId: string, attempt: string) => join(folder, `${exportId}.${attempt}.part`),
    make: () => mkdir(folder, { recursive: true }),
    /** Removes what attempts have left that were killed. */
    async removeParts(exportId: string) {
      for await (const name of glob(`${exportId}.*.part`, { cwd: folder })) await rm(join(folder, name), { force: true });
    },
  };
}

/** Removes files of exports whose rows say so already; files that are not there are none. */
export async function removeExportFiles(config: Place, orgId: string, exportIds: readonly string[]): Promise<void> {
  const { file } = exportFiles(config, orgId);
  for (const exportId of exportIds) await rm(file(exportId), { force: true });
}

/** Removes files that were kept long enough. The row is marked last: a crash before it costs a second look. */
export async function expireExports(sql: Sql, config: Place, orgId: string): Promise<void> {
  const old = await sql.rows<{ id: string }>(`select id::text from export_job where state = 'completed' and file_removed_at is null and ended_at < now() - make_interval(days => $1)`, [EXPORT_KEPT_DAYS]);
  if (old.length === 0) return;
  const ids = old.map((row) => row.id);
  await removeExportFiles(config, orgId, ids);
  await sql.run('update export_job set file_removed_at = now() where id = any($1::uuid[])', [ids]);
}
