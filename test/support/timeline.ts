/** mulberry32: the same seed, the same numbers from 0 up to 1. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What happened when in a fault run, on stderr as it happens, with the seed that makes it happen again. */
export class Timeline {
  readonly seed: number;
  readonly random: () => number;
  readonly #title: string;
  readonly #startedAt = Date.now();

  /** @param seed from `FERMATA_TEST_SEED`, else of this moment */
  constructor(title: string, seed = Number(process.env['FERMATA_TEST_SEED'] ?? Date.now() % 1_000_000)) {
    this.#title = title;
    this.seed = seed;
    this.random = numbersFrom(seed);
    this.note(`FERMATA_TEST_SEED=${seed}`);
  }

  note(line: string): void {
    process.stderr.write(`[${this.#title}] ${((Date.now() - this.#startedAt) / 1_000).toFixed(1)} s ${line}\n`);
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  pick<T>(of: readonly T[]): T {
    const chosen = of[Math.floor(this.random() * of.length)];
    if (chosen === undefined) throw new Error('there is nothing to pick from');
    return chosen;
  }
}

/** How long fault runs last: 0 for the short form of `npm test`, minutes for `npm run faults -- --minutes M`. */
export const longMinutes = Number(process.env['FERMATA_FAULT_MINUTES'] ?? 0);
