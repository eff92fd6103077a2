import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { queues } from '../../workflows/contracts.ts';

const START_WITHIN_MS = 90_000;
/** What the SDK does once its own server is up; it offers it for servers that skip no time only. */
const connectTo = TestWorkflowEnvironment['create'] as unknown as (options: object) => Promise<TestWorkflowEnvironment>;

let latest: TestWorkflowEnvironment | undefined;

export interface WorkflowRig {
  readonly environment: TestWorkflowEnvironment;
  close(): Promise<void>;
}

/**
 * The real workflows over fake activities, on the server that skips time: it jumps to the next timer
 * whenever somebody waits for a result or sleeps and no activity runs. It refuses a workflow's task that cancels a timer
 * which fired while the task was under way, and the run stands still for good (temporalio/sdk-java#2606, #3088): a command
 * must not come when a timer is due, so who sleeps before one sleeps no multiple of what the workflow waits for.
 * @param activities fakes by the names the workflows call; they find their own state by their input's ids
 */
export async function startWorkflowRig(activities: object): Promise<WorkflowRig> {
  const path = process.env['FERMATA_TEMPORAL_TEST_SERVER'];
  if (!path) throw new Error('FERMATA_TEMPORAL_TEST_SERVER is not set: start the tests with `npm test`, which installs the test server.');
  // Activities that fail on purpose are no news.
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger, telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } } });
  const [server, workflowBundle] = await Promise.all([
    startServer(path),
    bundleWorkflowCode({ workflowsPath: resolve(import.meta.dirname, '../../workflows/index.ts'), logger }),
  ]);
  const environment = await connectTo.call(TestWorkflowEnvironment, { server: { type: 'existing' }, supportsTimeSkipping: true, address: server.address });
  latest = environment;
  // An activity hears that it is cancelled in the answer to a heartbeat, which would else leave after four fifths of its timeout.
  const shared = { connection: environment.nativeConnection, activities, shutdownGraceTime: 0, maxHeartbeatThrottleInterval: 200 };
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
      server.stop();
    },
  };
}

interface TestServer {
  readonly address: string;
  stop(): void;
}

/** Starts the server on a free port and waits until it listens. The SDK would give it 5 s, which a Java process on a busy machine misses. */
async function startServer(path: string): Promise<TestServer> {
  const port = await freePort();
  const child = spawn(path, [String(port)], { stdio: 'ignore' });
  const stop = () => void child.kill('SIGKILL');
  process.once('exit', stop);
  for (const deadline = Date.now() + START_WITHIN_MS; !(await listens(port)); ) {
    if (child.exitCode !== null || Date.now() > deadline) {
      stop();
      throw new Error(`Temporal's test server did not listen within ${START_WITHIN_MS / 1_000} s; its status is ${child.exitCode}.`);
    }
    await sleep(50);
  }
  return { address: `127.0.0.1:${port}`, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

/** The clock of the rig's server, epoch ms. A local activity has no other: its attempt is scheduled by the worker's own. */
export function serverTime(): Promise<number> {
  if (latest === undefined) throw new Error('there is no rig whose clock could be read');
  return latest.currentTimeMs();
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
