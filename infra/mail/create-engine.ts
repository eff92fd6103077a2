import type { Container } from '../container.ts';
import { createSendEngine, type SendEngine } from './engine.ts';
import { createProviders } from './providers/registry.ts';
import { createTrackingIds } from './tracking-id.ts';

/** The send engine of a worker process, from its container. */
export function engineOf(container: Container): SendEngine {
  const { config, secrets, tenants, clock, logger, gateway } = container;
  return createSendEngine({
    tenants, secrets, clock, logger,
    providers: createProviders(config, secrets),
    ids: createTrackingIds(secrets),
    baseUrl: config.FERMATA_BASE_URL,
    maxSessions: config.FERMATA_SEND_CONNECTIONS,
    nudge: (orgId) => gateway.nudgeOutbox(orgId),
  });
}
