import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guest } from './guest.ts';
import { identify, stopGroup, type ProcessIdentity } from './process-identity.ts';

/** How to run one process and how to tell that it is ready. */
export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Run as this user instead of the caller. */
  readonly guest?: Guest | undefined;
  readonly log: string;
  readonly stopSignal: NodeJS.Signals;
  /** After this long the whole group is killed. */
  readonly stopWithinMs: number;
  readonly readyWithinMs: number;
  /** Asked every 100 ms with the beginning of what this run has written, and its age. Throwing means not yet. */
  readonly isReady: (output: string, ageMs: number) => boolean | Promise<boolean>;
}

/** Told of what happens to a child after it was ready. */
export interface ChildWatcher {
  changed(): void;
  crashed(child: Child, how: string, tail: string, againInMs: number): void;
  recovered(child: Child): void;
}

const tailLines = 20;
const tailBytes = 64 * 1024;
const logLimitBytes = 20 * 1024 * 1024;
const firstBackoffMs = 1_000;
const longestBackoffMs = 30_000;
/** A run this long proves that the trouble is over: the next crash starts again at the first backoff. */
const steadyMs = 60_000;

/**
 * One process with its group: started, watched, restarted with backoff when it dies, stopped to the last descendant.
 * A signal goes to the whole group, so nothing a child started outlives it.
 */
export class Child {
  readonly spec: ChildSpec;
  readonly #watcher: ChildWatcher;
  #process: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #exited: Promise<string> = Promise.resolve('never started');
  #logStart = 0;
  #stopping = false;
  #wakeFromBackoff = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(spec: ChildSpec, watcher: ChildWatcher) {
    this.spec = spec;
    this.#watcher = watcher;
  }

  get identity(): ProcessIdentity | undefined {
    return this.#identity;
  }

  /**
   * Starts the process and waits until it is ready; from then on it is restarted whenever it dies.
   * @throws Error with the tail of the log when it dies first or is not ready in time
   */
  async start(): Promise<void> {
    await this.#run();
    this.#watching = this.#watch();
  }

  /** Stops the group: the spec's signal first, SIGKILL when its time is over. Returns when nobody is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wakeFromBackoff.abort();
    await this.#endGroup();
    await this.#watching;
  }

  async #run(): Promise<void> {
    const { spec } = this;
    if (this.#stopping) throw new Error(`${spec.name} is being stopped.`);
    if (existsSync(spec.log) && statSync(spec.log).size > logLimitBytes) renameSync(spec.log, `${spec.log}.old`);
    const log = openSync(spec.log, 'a');
    this.#logStart = statSync(spec.log).size;
    const child = spawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      env: spec.env,
      detached: true, // its own process group
      stdio: ['ignore', log, log], // straight to the file: the log is whole even if this process dies
      ...(spec.guest === undefined ? {} : { uid: spec.guest.uid, gid: spec.guest.gid }),
    });
    closeSync(log);
    this.#process = child;
    let gone: string | undefined;
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        gone = how;
        resolve(how);
      };
      child.once('error', (error) => end(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) => end(signal === null ? `ended with status ${code}` : `was ended by ${signal}`));
    });
    this.#identity = child.pid === undefined ? undefined : identify(child.pid);
    this.#watcher.changed();

    const since = Date.now();
    const deadline = since + spec.readyWithinMs;
    const hasEnded = () => gone;
    for (;;) {
      const how = hasEnded();
      if (how !== undefined) throw new Error(`${spec.name} ${how} before it was ready.\n${this.tail()}`);
      if (await this.#isReady(Date.now() - since)) return;
      if (Date.now() > deadline) {
        await this.#endGroup();
        throw new Error(`${spec.name} was not ready within ${Math.round(spec.readyWithinMs / 1000)} s.\n${this.tail()}`);
      }
      await sleep(100);
    }
  }

  async #isReady(ageMs: number): Promise<boolean> {
    try {
      return await this.spec.isReady(this.#read(this.#logStart, tailBytes), ageMs);
    } catch {
      return false; // it does not listen yet; the deadline decides
    }
  }

  async #watch(): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!this.#stopping) {
      const since = Date.now();
      let how = await this.#exited;
      if (this.#stopping) return;
      if (Date.now() - since > steadyMs) backoffMs = firstBackoffMs;
      while (!this.#stopping) {
        await this.#endGroup(); // what it started must not go on beside its successor
        this.#watcher.crashed(this, how, this.tail(), backoffMs);
        await sleep(backoffMs, undefined, { signal: this.#wakeFromBackoff.signal }).catch(() => undefined);
        if (this.#stopping) return;
        backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
        try {
          await this.#run();
          break;
        } catch {
          how = await this.#exited;
        }
      }
      if (!this.#stopping) this.#watcher.recovered(this);
    }
  }

  async #endGroup(): Promise<void> {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    await stopGroup(pid, this.spec.stopSignal, this.spec.stopWithinMs);
    await this.#exited;
    this.#process = undefined;
    this.#identity = undefined;
    this.#watcher.changed();
  }

  /** The last lines this run has written. */
  tail(): string {
    const size = existsSync(this.spec.log) ? statSync(this.spec.log).size : 0;
    const text = this.#read(Math.max(this.#logStart, size - tailBytes), tailBytes);
    return text.trimEnd().split('\n').slice(-tailLines).join('\n');
  }

  #read(from: number, length: number): string {
    if (!existsSync(this.spec.log)) return '';
    const file = openSync(this.spec.log, 'r');
    try {
      const buffer = Buffer.alloc(length);
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, length, from));
    } finally {
      closeSync(file);
    }
  }
}
