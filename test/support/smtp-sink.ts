import { fork, type ChildProcess } from 'node:child_process';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Question, SinkCounts, SinkOptions } from './smtp-sink-main.ts';
import type { SinkRules } from './smtp-sink-script.ts';

export interface SinkRow {
  readonly recipient: string;
  /** Whether the server answered 250. */
  readonly isAnswered: boolean;
  readonly messageId: string;
  readonly sender: string;
  readonly bytes: number;
  /** When the server said 354 and when it had the whole message, epoch ms. */
  readonly dataAt: number;
  readonly at: number;
}

export interface SinkSetup {
  /** Users must give it; none: no login. */
  readonly password?: string;
  readonly port?: number;
  readonly rules?: Partial<SinkRules>;
  /** A message is on the disk before it is answered: for runs in which the server itself is killed. */
  readonly isDurable?: boolean;
  readonly keepsMessages?: boolean;
}

/** Starts the scripted SMTP server (`smtp-sink-main.ts`) in a process of its own. */
export async function startSmtpSink(setup: SinkSetup = {}): Promise<SmtpSink> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-sink-'));
  const sink = new SmtpSink(folder, setup);
  await sink.start();
  return sink;
}

/** The scripted server as a test sees it: what it took, what it shall do next, and its life. */
export class SmtpSink {
  readonly #folder: string;
  readonly #setup: SinkSetup;
  readonly #asked = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #rules: Partial<SinkRules>;
  #child: ChildProcess | undefined;
  #port: number;
  #questions = 0;

  constructor(folder: string, setup: SinkSetup) {
    this.#folder = folder;
    this.#setup = setup;
    this.#port = setup.port ?? 0;
    this.#rules = { ...(setup.password === undefined ? {} : { passwords: [setup.password] }), ...setup.rules };
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, after a kill on the same port with the same rules and log. */
  async start(): Promise<void> {
    const options: SinkOptions = {
      port: this.#port, logFile: this.#logFile, isDurable: this.#setup.isDurable ?? false, keepIn: this.#setup.keepsMessages === true ? this.#folder : null, rules: this.#rules,
    };
    const child = fork(new URL('smtp-sink-main.ts', import.meta.url), [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
      this.#asked.get(id)?.resolve(answer);
      this.#asked.delete(id);
    });
    child.once('exit', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('the SMTP sink ended'));
      this.#asked.clear();
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      child.stdout?.once('data', (line: Buffer) => resolve(Number(line.toString())));
      child.once('exit', () => reject(new Error('the SMTP sink did not start')));
    });
    this.#child = child;
  }

  /** Changes what it does from the next command on, or from its next start. */
  async script(rules: Partial<SinkRules>): Promise<void> {
    this.#rules = { ...this.#rules, ...rules };
    if (this.#child !== undefined) await this.#ask('rules', rules);
  }

  counts(): Promise<SinkCounts> {
    return this.#ask('counts');
  }

  /** Every message taken whole so far, in order; also of a server that was killed. */
  async rows(): Promise<SinkRow[]> {
    if (this.#child !== undefined) await this.#ask('flush');
    if (!existsSync(this.#logFile)) return [];
    return readFileSync(this.#logFile, 'utf8').split('\n').filter((line) => line !== '').map((line) => {
      const [recipient = '', answered, messageId = '', sender = '', bytes, dataAt, at] = line.split('\t');
      return { recipient, isAnswered: answered === '1', messageId, sender, bytes: Number(bytes), dataAt: Number(dataAt), at: Number(at) };
    });
  }

  /** Messages of a sender taken so far and their recipients, each once; of millions too. */
  async copiesOf(sender: string): Promise<{ readonly copies: number; readonly recipients: number }> {
    if (this.#child !== undefined) await this.#ask('flush');
    const recipients = new Set<string>();
    let copies = 0;
    for await (const line of createInterface({ input: createReadStream(this.#logFile), crlfDelay: Infinity })) {
      const [recipient = '', , , from] = line.split('\t');
      if (from !== sender) continue;
      copies += 1;
      recipients.add(recipient);
    }
    return { copies, recipients: recipients.size };
  }

  /** The message of a row, by its place from 0; only with `keepsMessages`, and of a server that was never killed. */
  message(place: number): Promise<Buffer> {
    return readFile(join(this.#folder, `${place + 1}.eml`));
  }

  /** Ends the process and returns when it is gone. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }

  /** Stops the process where it stands; its port still takes connections, nobody answers. */
  suspend(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    this.resume();
    await this.kill('SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #logFile(): string {
    return join(this.#folder, 'accepted.log');
  }

  #ask<T>(ask: Question['ask'], rules?: Partial<SinkRules>): Promise<T> {
    const child = this.#child;
    if (child === undefined) return Promise.reject(new Error('the SMTP sink does not run'));
    this.#questions += 1;
    const question: Question = { id: this.#questions, ask, ...(rules === undefined ? {} : { rules }) };
    return new Promise((resolve, reject) => {
      this.#asked.set(question.id, { resolve: resolve as (answer: unknown) => void, reject });
      child.send(question);
    });
  }
}
