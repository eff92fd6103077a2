import { setTimeout as sleep } from 'node:timers/promises';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { liveIndex } from '../../search/versions.ts';

/** What was written is searchable and its background merges are over for 3 s: they would be measured with what comes next. */
export async function untilIndexRests(tenant: Tenant): Promise<void> {
  const { index } = await liveIndex(tenant);
  await tenant.search.client.indices.refresh({ index });
  for (let quiet = 0; quiet < 3; await sleep(1_000)) {
    const stats = await tenant.search.client.indices.stats({ index, metric: 'merge' });
    quiet = (stats._all.total?.merges?.current ?? 0) === 0 ? quiet + 1 : 0;
  }
}
