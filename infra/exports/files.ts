import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';

/** How long the file of an export can be downloaded. */
export const EXPORT_KEPT_DAYS = 7;

/** Where the files of exports lie; names come from ids only. What is being written is `<id>.csv.part`. */
export function exportFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string) {
  const folder = join(config.FERMATA_STATE_DIR, 'exports', orgId);
  return { folder, file: (exportId: string) => join(folder, `${exportId}.csv`), part: (exportId: string) => join(folder, `${exportId}.csv.part`), make: () => mkdir(folder, { recursive: true }) };
}

/** Removes files of exports whose rows say so already; files that are not there are none. */
export async function removeExportFiles(config: Pick<Config, 'FERMATA_STATE_DIR'>, orgId: string, exportIds: readonly string[]): Promise<void> {
  const { file, part } = exportFiles(config, orgId);
  for (const exportId of exportIds) for (const path of [file(exportId), part(exportId)]) await rm(path, { force: true });
}
