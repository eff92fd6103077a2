import { fork, type ChildProcess } from 'node:child_process';
import { workerCommand } from '../../infra/services/application.ts';

export interface SendWorker {
  readonly process: ChildProcess;
  usage(): Promise<{ cpuMs: number; rssMb: number }>;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a worker process (`send-worker-main.ts`) and waits until it polls. */
export async function startSendWorker(env: Readonly<Record<string, string>> = {}): Promise<SendWorker> {
  const child = fork(new URL('send-worker-main.ts', import.meta.url), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // With the limits of a real worker.
    execArgv: workerCommand.filter((part) => part.startsWith('--')),
  });
  await new Promise<void>((resolve, reject) => {
    const failed = () => reject(new Error('a worker process ended before it was ready'));
    child.once('exit', failed);
    child.stdout?.on('data', (data: Buffer) => {
      if (!data.toString().includes('ready')) return;
      child.off('exit', failed);
      resolve();
    });
  });
  return {
    process: child,
    usage: () => new Promise((resolve) => {
      child.once('message', (message) => resolve(message as { cpuMs: number; rssMb: number }));
      child.send('usage');
    }),
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill(signal);
      await gone;
    },
  };
}
