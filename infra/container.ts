import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import pg from 'pg';
import { systemClock, type Clock } from './clock.ts';
import type { Config } from './config.ts';
import { createSql, type Sql } from './db/sql.ts';
import { createLogger, type Logger } from './logger.ts';
import { createSenderDomains, type SenderDomains } from './mail/sender-domain.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { createGateway, type Gateway } from './temporal/gateway.ts';
import { createTenants, type Tenants } from './tenancy/registry.ts';
import { createDomainLookups } from './tenancy/domain-check.ts';
import { createTrackingHosts, type TrackingHosts } from './tenancy/tracking-hosts.ts';

/** Every client of a process, built once here and handed down. */
export interface Container {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly control: Sql;
  readonly controlPool: pg.Pool;
  readonly elasticsearch: ElasticsearchClient;
  readonly tenants: Tenants;
  readonly trackingHosts: TrackingHosts;
  readonly senderDomains: SenderDomains;
  readonly gateway: Gateway;
  /** Closes what is open, in reverse order. */
  close(): Promise<void>;
}

/** @param name of the process, in each log line: `api`, `worker`, `catcher`, `seed` */
export async function createContainer(name: string, config: Config): Promise<Container> {
  const logger = createLogger(name, config.FERMATA_LOG_LEVEL);
  const controlPool = new pg.Pool({ connectionString: config.DATABASE_URL, max: 10, idleTimeoutMillis: 30_000 });
  controlPool.on('error', (error) => logger.warn({ err: error }, 'control database connection lost'));
  const control = createSql(controlPool);
  const elasticsearch = new ElasticsearchClient({ node: config.ELASTICSEARCH_URL, maxRetries: 2, requestTimeout: 30_000 });
  const tenants = createTenants({ control, controlUrl: config.DATABASE_URL, elasticsearch });
  const gateway = await createGateway({
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    uiUrl: config.TEMPORAL_UI_URL,
    onError: (error) => logger.warn({ err: error }, 'a nudge was lost; the sweep will make up for it'),
  });
  return {
    config, logger, clock: systemClock, secrets: createSecrets(config.FERMATA_SECRET_KEY),
    control, controlPool, elasticsearch, tenants, gateway, trackingHosts: createTrackingHosts(control, config.FERMATA_BASE_URL),
    senderDomains: createSenderDomains(createDomainLookups(config.FERMATA_ALLOW_PRIVATE_SMTP)),
    async close() {
      await gateway.close();
      await tenants.close();
      await elasticsearch.close();
      await controlPool.end();
    },
  };
}
