/**
 * Scenarios that mostly wait, begun together before the first test, which then takes the outcome of its own: one file takes
 * as long as its longest.
 */
export class SideBySide<T> {
  readonly #outcomes = new Map<string, Promise<T>>();

  begin(name: string, scenario: Promise<T>): void {
    scenario.catch(() => undefined); // its test will say so
    this.#outcomes.set(name, scenario);
  }

  outcomeOf(name: string): Promise<T> {
    return this.#outcomes.get(name) ?? Promise.reject(new Error(`no scenario is named ${name}`));
  }

  /** Returns when every scenario has ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#outcomes.values());
  }
}
