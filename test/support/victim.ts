import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, type ChildSpec, type ChildWatcher } from '../../infra/services/child.ts';
import { identify } from '../../infra/services/process-identity.ts';

/**
 * A process that faults happen to: killed, stopped and started again at will, with everything it started (the servers
 * of Postgres's sessions are groups of their own). One that ends by itself comes back as under the supervisor.
 */
export class Victim {
  readonly name: string;
  readonly #spec: ChildSpec;
  readonly #watcher: ChildWatcher;
  #child: Child | undefined;

  constructor(spec: ChildSpec, watcher: ChildWatcher) {
    this.name = spec.name;
    this.#spec = { ...spec, stopSignal: 'SIGKILL', stopWithinMs: 200 };
    this.#watcher = watcher;
  }

  /** The running process, for the record of who must not be left behind. */
  get child(): Child | undefined {
    return this.#child;
  }

  get isUp(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    await this.#run(this.#spec);
  }

  /** Starts it where no file may grow beyond a size: what a disk without room is to a server of tables. */
  async startLimited(fileKb: number): Promise<void> {
    const { command, args } = this.#spec;
    const blocks = String(fileKb * 2); // the shell counts blocks of 512 bytes
    await this.#run({ ...this.#spec, command: '/bin/sh', args: ['-c', 'ulimit -f "$0" && exec "$@"', blocks, command, ...args] });
  }

  async #run(spec: ChildSpec): Promise<void> {
    const child = new Child(spec, this.#watcher);
    this.#child = child;
    await child.start();
  }

  /** SIGKILL to the process and all its descendants at once; returns when none is left. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const tree = this.#tree(child);
    const stopped = child.stop();
    signal(tree, 'SIGKILL');
    await stopped;
    while (tree.some((pid) => identify(pid) !== undefined)) await sleep(10);
  }

  /** Asks it to end and waits for that, as a rolling deploy does. @throws Error when it takes longer than the product allows */
  async terminate(withinMs = 90_000): Promise<void> {
    const child = this.#child;
    const pid = child?.identity?.pid;
    if (child === undefined || pid === undefined) return;
    this.#child = undefined;
    process.kill(pid, 'SIGTERM');
    const deadline = Date.now() + withinMs;
    while (identify(pid) !== undefined && Date.now() < deadline) await sleep(10);
    const isLate = identify(pid) !== undefined;
    await child.stop();
    if (isLate) throw new Error(`${this.name} did not end within ${withinMs / 1_000} s of SIGTERM`);
  }

  /** Stops it where it stands: its sockets stay open and nobody answers. */
  suspend(): void {
    signal(this.#tree(this.#child), 'SIGSTOP');
  }

  resume(): void {
    signal(this.#tree(this.#child), 'SIGCONT');
  }

  /** Nothing of it stays, whatever state the test is in. */
  killAtExit(): void {
    signal(this.#tree(this.#child), 'SIGKILL');
  }

  #tree(child: Child | undefined): number[] {
    const pid = child?.identity?.pid;
    return pid === undefined ? [] : processTree(pid);
  }
}

function signal(pids: readonly number[], what: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, what);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended in this very moment
    }
  }
}

/** A process and all its descendants, parents first. */
export function processTree(root: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const { pid, parent } of processes()) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), pid]);
  const tree = [root];
  for (let i = 0; i < tree.length; i += 1) tree.push(...(childrenOf.get(tree[i] ?? 0) ?? []));
  return tree;
}

function processes(): { readonly pid: number; readonly parent: number }[] {
  if (process.platform !== 'linux') {
    const lines = spawnSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number)).map(([pid = 0, parent = 0]) => ({ pid, parent }));
  }
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }];
    } catch {
      return []; // gone between two looks
    }
  });
}
