import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import { identify, isAlive, stopGroup, type ProcessIdentity } from './process-identity.ts';
import { stopInOrder } from './stop-order.ts';
import type { Profile } from './profile.ts';

/** How long a process without its supervisor may take to end before it is killed. */
const leftOverMs = 8_000;

interface RecordedChild extends ProcessIdentity {
  readonly name: string;
  readonly stopSignal: NodeJS.Signals;
}

interface Run {
  readonly supervisor: ProcessIdentity;
  readonly addresses: Readonly<Record<string, string>>;
  readonly children: readonly RecordedChild[];
}

/** Thrown when a living supervisor already runs this profile. */
export class AlreadyRunning extends Error {
  readonly addresses: Readonly<Record<string, string>>;
  constructor(profile: Profile, run: Run) {
    const where = run.addresses['Fermata'];
    super(`Fermata is already running in this folder (profile ${profile.name}, process ${run.supervisor.pid})${where === undefined ? '' : ` at ${where}`}. Stop it with Ctrl-C in its terminal or \`kill ${run.supervisor.pid}\`.`);
    this.name = 'AlreadyRunning';
    this.addresses = run.addresses;
  }
}

/**
 * run.json of a profile: who runs it, where its services are, which processes belong to it.
 * It is the lock of the profile as well: one living supervisor at a time.
 */
export class RunFile {
  readonly #path: string;
  #run: Run;

  private constructor(path: string, run: Run) {
    this.#path = path;
    this.#run = run;
  }

  /**
   * Takes the profile, and stops what a supervisor that died without stopping left behind.
   * @throws AlreadyRunning when a living supervisor has it
   */
  static async take(profile: Profile, say: (line: string) => void): Promise<RunFile> {
    const path = join(profile.folder, 'run.json');
    const supervisor = identify(process.pid);
    if (supervisor === undefined) throw new Error('This system does not tell when a process started (neither /proc nor ps).');
    const run: Run = { supervisor, addresses: {}, children: [] };
    for (let attempt = 0; ; attempt++) {
      try {
        const file = openSync(path, 'wx', 0o600); // fails when it exists: of two starts at once, one wins
        writeFileSync(file, JSON.stringify(run));
        closeSync(file);
        return new RunFile(path, run);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const previous = read(path);
      if (previous === undefined && attempt < 10) {
        await sleep(100); // just being written
        continue;
      }
      if (previous !== undefined && isAlive(previous.supervisor)) throw new AlreadyRunning(profile, previous);
      const left = previous?.children.filter(isAlive) ?? [];
      if (left.length > 0) say(`· An earlier run ended without stopping ${left.map((child) => child.name).join(', ')}: stopping them now`);
      await stopInOrder(left, (child) => child.name, (child) => stopGroup(child.pid, child.stopSignal, leftOverMs));
      rmSync(path, { force: true });
    }
  }

  /** Records the present state, in one step: a reader sees the old or the new, never half. */
  note(change: { readonly addresses?: Readonly<Record<string, string>>; readonly children?: readonly Child[] }): void {
    const children = change.children?.flatMap(({ identity, spec }) => (identity === undefined ? [] : [{ ...identity, name: spec.name, stopSignal: spec.stopSignal }]));
    this.#run = { ...this.#run, addresses: { ...this.#run.addresses, ...change.addresses }, children: children ?? this.#run.children };
    writeFileSync(`${this.#path}.new`, JSON.stringify(this.#run, null, 2), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** Gives the profile back. */
  release(): void {
    rmSync(this.#path, { force: true });
  }
}

function read(path: string): Run | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Run;
  } catch {
    return undefined; // gone meanwhile, or cut off by a crash: nothing in it can be trusted
  }
}
