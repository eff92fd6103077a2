/** Time as a dependency: tests move it, code under test never reads the machine's clock. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
