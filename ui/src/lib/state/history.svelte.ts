const LIMIT = 200;

/** What something looked like before, as texts: steps back and forth again. Changes in quick succession are one step. */
export class History {
  #past = $state.raw<string[]>([]);
  #future = $state.raw<string[]>([]);
  #now = $state.raw('');

  /** @param current what stands now; a change not recorded yet can be undone too */
  canUndo = (current: string) => this.#past.length > 0 || current !== this.#now;
  get canRedo() { return this.#future.length > 0; }

  start(text: string) {
    this.#now = text;
    this.#past = [];
    this.#future = [];
  }

  record(text: string) {
    if (text === this.#now) return;
    this.#past = [...this.#past, this.#now].slice(-LIMIT);
    this.#future = [];
    this.#now = text;
  }

  undo(current: string): string | null {
    this.record(current);
    const before = this.#past.at(-1);
    if (before === undefined) return null;
    this.#past = this.#past.slice(0, -1);
    this.#future = [...this.#future, this.#now];
    return (this.#now = before);
  }

  redo(): string | null {
    const next = this.#future.at(-1);
    if (next === undefined) return null;
    this.#future = this.#future.slice(0, -1);
    this.#past = [...this.#past, this.#now];
    return (this.#now = next);
  }
}
