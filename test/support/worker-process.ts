import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { workerCommand } from '../../infra/services/application.ts';
import { queues } from '../../workflows/contracts.ts';

const root = resolve(import.meta.dirname, '../..');

/** A real worker process of the product, to be watched and killed. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `activities/worker.ts` and returns when it says that it is ready. */
export async function startWorker(env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  const child = spawn(process.execPath, workerCommand, { cwd: root, env: envOf(env), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((done) => void child.once('exit', () => done()));
  const tail: string[] = [];
  await new Promise<void>((done, fail) => {
    const look = (line: string) => {
      tail.push(line);
      if (tail.length > 50) tail.shift();
      if (line.includes('"worker ready"')) done();
    };
    createInterface({ input: child.stdout }).on('line', look);
    createInterface({ input: child.stderr }).on('line', look);
    void ended.then(() => fail(new Error(`the worker ended before it was ready:\n${tail.join('\n')}`)));
  });
  return {
    child,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
  };
}

/**
 * The same with everything it logs going to a device, like `/dev/full`, which is a disk without room. Returns when
 * Temporal sees it ask for mail to send.
 */
export async function startWorkerLoggingTo(device: string, env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  const log = openSync(device, 'w');
  const child = spawn(process.execPath, workerCommand, { cwd: root, env: envOf(env), stdio: ['ignore', log, log] });
  const ended = new Promise<void>((done) => void child.once('exit', () => done()));
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace = 'default' } = envOf(env);
  const connection = await Connection.connect({ address: address ?? '' });
  try {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const { pollers } = await connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: queues.send }, taskQueueType: 2 });
      if (pollers?.some(({ identity }) => identity?.startsWith(`${child.pid}@`)) === true) break;
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the worker never asked for work; its status is ${child.exitCode}`);
      await sleep(100);
    }
  } finally {
    await connection.close();
  }
  return {
    child,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
  };
}

function envOf(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, FERMATA_SECRET_KEY: process.env['FERMATA_SECRET_KEY'] ?? Buffer.alloc(32, 7).toString('base64'), ...env, FERMATA_LOG_LEVEL: 'info' };
}
