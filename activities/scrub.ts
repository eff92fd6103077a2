import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import { scrubImports } from '../infra/customers/kept-files.ts';
import { removeExportFiles } from '../infra/exports/files.ts';
import type { ScrubInput } from '../workflows/contracts.ts';
import { translating } from './errors.ts';

export type ScrubActivities = ReturnType<typeof createScrubActivities>;

/** @param isStopping whether the process drains: what runs then fails retryably and goes on elsewhere */
export function createScrubActivities({ tenants, secrets, config }: Pick<Container, 'tenants' | 'secrets' | 'config'>, isStopping: () => boolean) {
  return translating({
    /**
     * Removes the kept files that hold people who were erased. Done twice it changes nothing.
     * @returns ids of imports under way, to be searched when they have ended
     */
    async scrubFiles({ orgId }: ScrubInput, importIds: readonly string[] | null): Promise<{ waiting: string[] }> {
      const alive = () => {
        Context.current().heartbeat();
        Context.current().cancellationSignal.throwIfAborted();
        if (isStopping()) throw new Error('this worker stops; the search goes on elsewhere');
      };
      return tenants.use(orgId, async ({ sql }) => {
        // A process that died between its commit and the removal has left files behind.
        const gone = await sql.rows<{ id: string }>(`select id::text from export_job where file_removed_at > now() - interval '1 day'`);
        await removeExportFiles(config, orgId, gone.map((row) => row.id));
        return { waiting: await scrubImports(sql, { config, secrets, orgId }, importIds, alive) };
      });
    },
  });
}
