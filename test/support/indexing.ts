import { indexCustomers } from '../../search/indexer.ts';
import type { TestOrganization } from './organization.ts';

/**
 * Stands for the worker where Temporal is not the point: indexes what the outbox names until it is stopped.
 * @returns stops it; until then writes become searchable by themselves
 */
export function followOutbox({ container, orgId }: Pick<TestOrganization, 'container' | 'orgId'>): () => Promise<void> {
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      await container.tenants.use(orgId, async (tenant) => {
        const rows = await tenant.sql.rows<{ id: number; ids: string[] }>('select id, ids from outbox order by id');
        if (rows.length === 0) return;
        await indexCustomers(tenant, rows.flatMap((row) => row.ids.map(Number)));
        await tenant.sql.run('delete from outbox where id = any($1)', [rows.map((row) => row.id)]);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const running = run();
  return async () => {
    stopped = true;
    await running;
  };
}
