import { stderr } from 'node:process';

/** Shows what is going on: one line a task, with how far it is and for how long. */
export interface Progress {
  /** A task that takes a while. Call `step` as often as you like; lines appear at a readable pace. */
  task(what: string): Task;
  /** One line, at once. */
  say(line: string): void;
}

export interface Task {
  step(howFar: string): void;
  done(result?: string): void;
  failed(): void;
}

const redrawMs = 200;
const lineEveryMs = 5_000;

/**
 * On a terminal the running tasks are redrawn in place; into a file or a pipe each writes a line every 5 s.
 * @param out stderr unless told otherwise, so that results on stdout stay clean
 */
export function createProgress(out: NodeJS.WriteStream = stderr): Progress {
  return out.isTTY ? new Redrawn(out) : new Lines(out);
}

interface State {
  readonly what: string;
  readonly since: number;
  howFar: string;
  writtenAt: number;
}

/** "Elasticsearch: downloading, 43 of 97 MB (12 s)" */
export function describeTask(what: string, howFar: string, elapsedMs: number): string {
  return `${what}${howFar === '' ? '' : `: ${howFar}`} (${Math.round(elapsedMs / 1000)} s)`;
}

abstract class Base implements Progress {
  protected readonly out: NodeJS.WriteStream;
  protected readonly running = new Set<State>();

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
  }

  task(what: string): Task {
    const state: State = { what, since: Date.now(), howFar: '', writtenAt: Date.now() };
    this.running.add(state);
    this.began(state);
    const end = (line: string | undefined) => {
      if (!this.running.delete(state)) return;
      if (line !== undefined) this.say(line);
      this.ended();
    };
    return {
      step: (howFar) => {
        state.howFar = howFar;
        this.stepped(state);
      },
      done: (result) => end(`✓ ${describeTask(what, result ?? '', Date.now() - state.since)}`),
      failed: () => end(`✗ ${describeTask(what, 'failed', Date.now() - state.since)}`),
    };
  }

  abstract say(line: string): void;
  protected abstract began(state: State): void;
  protected abstract stepped(state: State): void;
  protected abstract ended(): void;
}

class Lines extends Base {
  say(line: string): void {
    this.out.write(`${line}\n`);
  }

  protected began(state: State): void {
    this.say(`· ${state.what} …`);
  }

  protected stepped(state: State): void {
    if (Date.now() - state.writtenAt < lineEveryMs) return;
    state.writtenAt = Date.now();
    this.say(`· ${describeTask(state.what, state.howFar, Date.now() - state.since)}`);
  }

  protected ended(): void {}
}

class Redrawn extends Base {
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  say(line: string): void {
    this.#erase();
    this.out.write(`${line}\n`);
    this.#draw();
  }

  protected began(): void {
    this.#timer ??= setInterval(() => {
      this.#erase();
      this.#draw();
    }, redrawMs).unref();
  }

  protected stepped(): void {}

  protected ended(): void {
    this.#erase();
    this.#draw();
    if (this.running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #erase(): void {
    if (this.#drawn > 0) this.out.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #draw(): void {
    const width = Math.max(20, this.out.columns - 1);
    for (const state of this.running) {
      this.out.write(`${`… ${describeTask(state.what, state.howFar, Date.now() - state.since)}`.slice(0, width)}\n`);
      this.#drawn += 1;
    }
  }
}
