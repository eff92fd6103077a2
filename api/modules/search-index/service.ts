import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import { liveIndex } from '../../../search/versions.ts';
import type { SearchIndexView } from './routes.ts';

export type SearchIndexService = ReturnType<typeof createSearchIndexService>;

type Building = NonNullable<z.input<typeof SearchIndexView>['building']>;

/** What stands behind counts and filters. */
export function createSearchIndexService({ tenants }: Pick<Container, 'tenants'>) {
  return {
    /** @throws AppError `unavailable` while the organization has no index yet */
    get: (orgId: string): Promise<z.input<typeof SearchIndexView>> => tenants.use(orgId, async (tenant) => {
      const { zone } = await liveIndex(tenant);
      const row = await tenant.sql.first<Omit<Building, 'startedAt'> & { startedAt: Date }>(
        `select reason, customers_done as "customersDone", customers_total as "customersTotal", started_at as "startedAt" from search_index where state = 'building'`);
      return { timezone: zone, building: row === undefined ? null : { ...row, startedAt: row.startedAt.toISOString() } };
    }),
  };
}
