import { Client, Connection, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { ConfigError, readConfig } from '../infra/config.ts';
import { createContainer } from '../infra/container.ts';
import { shutdown, slots, workflowSource } from '../infra/temporal/worker-options.ts';
import { queues, workflowIds } from '../workflows/contracts.ts';
import { createActivities } from './index.ts';

/** The worker process: all three queues over one connection. One process per core; any number on any machine. */

/** The sweep finds what Temporal has lost, so it must not be lost with it: one that was emptied or restored has it again this soon. */
const SWEEP_CHECK_MS = 20_000;

const config = (() => {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
})();

const container = await createContainer('worker', config);
const { logger } = container;
// The shutdown is ours: all workers together, then the clients.
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN', ({ level, message, meta }) => logger[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message)) });

const connection = await NativeConnection.connect({ address: config.TEMPORAL_ADDRESS });
const { activities, drain, close } = createActivities(container);
const shared = { connection, namespace: config.TEMPORAL_NAMESPACE, activities, ...shutdown };
const workers = await Promise.all([
  Worker.create({ ...shared, ...workflowSource(), taskQueue: queues.engine, maxConcurrentActivityTaskExecutions: slots.engine, maxCachedWorkflows: 500 }),
  Worker.create({ ...shared, taskQueue: queues.send, maxConcurrentActivityTaskExecutions: slots.send }),
  Worker.create({ ...shared, taskQueue: queues.bulk, maxConcurrentActivityTaskExecutions: slots.bulk }),
]);

let isStopping = false;
const stop = (signal: string) => {
  if (isStopping) return;
  isStopping = true;
  logger.info({ signal }, 'worker draining');
  drain();
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
};
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGINT', () => stop('SIGINT'));

const running = Promise.all(workers.map((worker) => worker.run()));
const keepSweep = () => startSweep().catch((error: unknown) => logger.warn({ err: error }, 'the sweep could not be started; it is tried again'));
await keepSweep();
const sweepCheck = setInterval(() => void keepSweep(), SWEEP_CHECK_MS);
logger.info({ queues: Object.values(queues) }, 'worker ready');
let status = 0;
try {
  await running;
} catch (error) {
  logger.fatal({ err: error }, 'worker failed');
  status = 1;
}
clearInterval(sweepCheck);
close();
await connection.close();
await container.close();
logger.info('worker stopped');
process.exit(status);

/** One sweep per installation, whoever starts first. */
async function startSweep(): Promise<void> {
  const sweeping = await Connection.connect({ address: config.TEMPORAL_ADDRESS });
  try {
    await new Client({ connection: sweeping, namespace: config.TEMPORAL_NAMESPACE }).workflow.start('sweepWorkflow', {
      workflowId: workflowIds.sweep(), taskQueue: queues.engine, args: [], workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  } finally {
    await sweeping.close();
  }
}
