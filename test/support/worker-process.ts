import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { workerCommand } from '../../infra/services/application.ts';

const root = resolve(import.meta.dirname, '../..');

/** A real worker process of the product, to be watched and killed. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `activities/worker.ts` and returns when it says that it is ready. */
export async function startWorker(env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  const child = spawn(process.execPath, workerCommand, {
    cwd: root,
    env: { ...process.env, FERMATA_SECRET_KEY: process.env['FERMATA_SECRET_KEY'] ?? Buffer.alloc(32, 7).toString('base64'), ...env, FERMATA_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
