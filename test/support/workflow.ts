import { resolve } from 'node:path';
import { Context } from '@temporalio/activity';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { queues } from '../../workflows/contracts.ts';

export interface WorkflowRig {
  readonly environment: TestWorkflowEnvironment;
  close(): Promise<void>;
}

/**
 * The real workflows over fake activities, on the server that skips time: it jumps to the next timer
 * whenever somebody waits for a result or sleeps and no activity runs.
 * @param activities fakes by the names the workflows call; they find their own state by their input's ids
 */
export async function startWorkflowRig(activities: object): Promise<WorkflowRig> {
  const path = process.env['FERMATA_TEMPORAL_TEST_SERVER'];
  if (!path) throw new Error('FERMATA_TEMPORAL_TEST_SERVER is not set: start the tests with `npm test`, which installs the test server.');
  // Activities that fail on purpose are no news.
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger, telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } } });
  const [environment, workflowBundle] = await Promise.all([
    startServer(path),
    bundleWorkflowCode({ workflowsPath: resolve(import.meta.dirname, '../../workflows/index.ts'), logger }),
  ]);
  const shared = { connection: environment.nativeConnection, activities, shutdownGraceTime: 0 };
  const workers = await Promise.all([
    Worker.create({ ...shared, workflowBundle, taskQueue: queues.engine }),
    Worker.create({ ...shared, taskQueue: queues.send }),
    Worker.create({ ...shared, taskQueue: queues.bulk }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    environment,
    async close() {
      for (const worker of workers) worker.shutdown();
      await running;
      await environment.teardown();
    },
  };
}

/** The SDK gives the server 5 s to come up, which a Java process on a busy machine may miss. */
async function startServer(path: string, attempts = 6): Promise<TestWorkflowEnvironment> {
  try {
    return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  } catch (error) {
    if (attempts <= 1) throw error;
    return startServer(path, attempts - 1);
  }
}

/** The server's clock as an activity sees it. */
export function scheduledAt(): number {
  return Context.current().info.currentAttemptScheduledTimestampMs;
}

/** Stays in an activity, alive, until a condition holds. @throws CancelledFailure when the workflow cancels it */
export async function stayUntil(isOver: () => boolean): Promise<void> {
  const context = Context.current();
  while (!isOver()) {
    context.heartbeat();
    await Promise.race([context.cancelled, new Promise((done) => setTimeout(done, 20))]);
  }
}
