import { NativeConnection, Worker } from '@temporalio/worker';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createSendActivities } from '../../activities/send.ts';
import { engineOf } from '../../infra/mail/create-engine.ts';
import { queues } from '../../workflows/contracts.ts';
import { createTestContainer } from './organization.ts';

/**
 * A worker process with campaigns and sending alone, for benches and fault runs: it starts faster than the real one
 * and can be killed. Prints `ready`; answers `usage` with its CPU milliseconds and memory.
 */
const container = await createTestContainer();
const engine = engineOf(container);
const connection = await NativeConnection.connect({ address: container.config.TEMPORAL_ADDRESS });
const activities = { ...createCampaignActivities(container), ...createSendActivities(engine) };
const shared = { connection, namespace: container.config.TEMPORAL_NAMESPACE, activities, shutdownGraceTime: '30s', shutdownForceTime: '60s' } as const;
const workers = await Promise.all([
  Worker.create({ ...shared, taskQueue: queues.engine, workflowsPath: new URL('../../workflows/campaign.ts', import.meta.url).pathname, maxCachedWorkflows: 50 }),
  Worker.create({ ...shared, taskQueue: queues.bulk, maxConcurrentActivityTaskExecutions: 2 }),
  // Half the lanes each: two processes share the work evenly.
  Worker.create({ ...shared, taskQueue: queues.send, maxConcurrentActivityTaskExecutions: Number(process.env['LANES_PER_WORKER'] ?? 2) }),
]);
process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, rssMb: Math.round(process.memoryUsage.rss() / 1_048_576) });
});
process.once('SIGTERM', () => {
  engine.drain();
  for (const worker of workers) worker.shutdown();
});
process.once('disconnect', () => process.exit(0));
const runs = Promise.all(workers.map((worker) => worker.run()));
process.stdout.write('ready\n');
await runs;
engine.close();
await connection.close();
await container.close();
process.exit(0);
