/** The API's process: listens, and on SIGTERM finishes what it has begun. */
import { createServer } from 'node:http';
import { readConfig } from '../infra/config.ts';
import { createContainer } from '../infra/container.ts';
import { createApp } from './app.ts';
import { createServices } from './services.ts';

const DRAIN_MS = 8_000;

const container = await createContainer('api', readConfig());
const { config, logger } = container;
const services = createServices(container);
const server = createServer(createApp(container, services));
// Uploads of 2 GB take longer than Node's five minutes; headers must still arrive at once.
server.requestTimeout = 0;
server.headersTimeout = 30_000;

server.listen(config.FERMATA_PORT, config.FERMATA_HOST, () => {
  logger.info({ host: config.FERMATA_HOST, port: config.FERMATA_PORT }, 'api ready');
  services.setup.announce().catch((error: unknown) => logger.error({ err: error }, 'the set-up state is unknown'));
  resumeProvisioning().catch((error: unknown) => logger.warn({ err: error }, 'provisioning was not resumed'));
});
server.once('error', (error) => {
  logger.fatal({ err: error }, `the API cannot listen on ${config.FERMATA_HOST}:${config.FERMATA_PORT}`);
  process.exit(1);
});

/** Organizations whose start was lost; starting twice is harmless. */
async function resumeProvisioning(): Promise<void> {
  for (const org of await container.tenants.list()) if (org.state === 'provisioning') await container.gateway.provision({ orgId: org.id });
}

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  logger.info('api draining');
  setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await closed;
  await container.close();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the API is in an unknown state and ends');
  process.exit(1);
});
