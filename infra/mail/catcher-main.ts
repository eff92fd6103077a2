/** The mail catcher's process: listens until it is told to stop. */
import { readConfig } from '../config.ts';
import { createContainer } from '../container.ts';
import { startCatcher } from './catcher.ts';

const container = await createContainer('catcher', readConfig());
const catcher = await startCatcher(container);
container.logger.info({ host: container.config.FERMATA_CATCHER_HOST, port: catcher.port }, 'catcher ready');

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(1), 5_000).unref();
  await catcher.close();
  await container.close();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
