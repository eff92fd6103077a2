import { applySentRound, drainRound } from '../../activities/indexing.ts';
import type { TestOrganization } from './organization.ts';

/**
 * Stands for the worker where Temporal is not the point: drains the outbox as the activity does until it is stopped.
 * @returns stops it; until then writes become searchable by themselves
 */
export function followOutbox({ container, orgId }: Pick<TestOrganization, 'container' | 'orgId'>): () => Promise<void> {
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      await container.tenants.use(orgId, async (tenant) => {
        await drainRound(tenant, () => undefined);
        await applySentRound(tenant);
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
