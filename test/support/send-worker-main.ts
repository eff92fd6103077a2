import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import { slots } from '../../infra/temporal/worker-options.ts';
import { queues } from '../../workflows/contracts.ts';
import { createTestContainer } from './organization.ts';

/**
 * A worker process for benches and fault runs: with the test configuration, and it can be killed.
 * Prints `ready`; answers `usage` with its CPU milliseconds and memory.
 */
const container = await createTestContainer();
const { activities, drain, close } = createActivities(container);
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address: container.config.TEMPORAL_ADDRESS });
const shared = { connection, namespace: container.config.TEMPORAL_NAMESPACE, activities, shutdownGraceTime: '30s', shutdownForceTime: '60s' } as const;
const workers = await Promise.all([
  Worker.create({ ...shared, taskQueue: queues.engine, workflowsPath: new URL('../../workflows/index.ts', import.meta.url).pathname, maxCachedWorkflows: 500 }),
  Worker.create({ ...shared, taskQueue: queues.bulk, maxConcurrentActivityTaskExecutions: slots.bulk }),
  Worker.create({ ...shared, taskQueue: queues.send, maxConcurrentActivityTaskExecutions: Number(process.env['SEND_SLOTS'] ?? slots.send) }),
]);
process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, rssMb: Math.round(process.memoryUsage.rss() / 1_048_576) });
});
process.once('SIGTERM', () => {
  drain();
  for (const worker of workers) worker.shutdown();
});
process.once('disconnect', () => process.exit(0));
const runs = Promise.all(workers.map((worker) => worker.run()));
process.stdout.write('ready\n');
await runs;
close();
await connection.close();
await container.close();
process.exit(0);
