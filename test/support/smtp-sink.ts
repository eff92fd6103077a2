import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SinkRow {
  readonly recipient: string;
  /** Whether the server answered 250. */
  readonly isAnswered: boolean;
  readonly messageId: string;
}

export interface SmtpSink {
  readonly port: number;
  /** Every message taken whole so far, in order. */
  rows(): Promise<SinkRow[]>;
  close(): Promise<void>;
}

/** Starts the scripted SMTP server (`smtp-sink-main.ts`) in a process of its own. */
export async function startSmtpSink(options: { readonly password?: string; readonly port?: number } = {}): Promise<SmtpSink> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-sink-'));
  const logFile = join(folder, 'accepted.log');
  const child = fork(new URL('smtp-sink-main.ts', import.meta.url), [String(options.port ?? 0), logFile, options.password ?? ''], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(Number(line.toString())));
    child.once('exit', () => reject(new Error('the SMTP sink did not start')));
  });
  return {
    port,
    async rows() {
      await new Promise<void>((resolve) => {
        child.once('message', () => resolve());
        child.send('flush');
      });
      return readFileSync(logFile, 'utf8').split('\n').filter((line) => line !== '').map((line) => {
        const [recipient = '', answered, messageId = ''] = line.split('\t');
        return { recipient, isAnswered: answered === '1', messageId };
      });
    },
    async close() {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
