import { untrack } from 'svelte';
import { ApiError } from '$lib/api/client.ts';
import type { Page, PageQuery } from '$lib/api/types.ts';

export type LoadStatus = 'loading' | 'ready' | 'failed';

export function toApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError(0, 'unknown', cause instanceof Error ? cause.message : String(cause), [], null);
}

/** One thing read from the API: the four states of a screen come from `status` and `value`. */
export class Resource<T> {
  #value = $state.raw<T | null>(null);
  status = $state<LoadStatus>('loading');
  error = $state.raw<ApiError | null>(null);
  #load: () => Promise<T>;
  #turn = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  get value() { return this.#value; }
  set(value: T) { this.#value = value; this.status = 'ready'; }

  /** Later answers of earlier calls are dropped: the last question asked decides what is shown. */
  async load(): Promise<void> {
    const turn = ++this.#turn;
    // Untracked: an effect that loads must not run again because what it loaded has come.
    if (untrack(() => this.#value) === null) this.status = 'loading';
    try {
      const value = await this.#load();
      if (turn !== this.#turn) return;
      this.set(value);
      this.error = null;
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.error = toApiError(cause);
      this.status = 'failed';
    }
  }
}

/** Filters as the address holds them: text, by the names the API knows. */
type Filters<Asked> = { [Name in keyof Asked]?: string };

/** A list read page by page with the API's cursors. */
export class Rows<T, Asked extends PageQuery = PageQuery> {
  #rows = $state.raw<T[]>([]);
  #cursor = $state<string | null>(null);
  status = $state<LoadStatus>('loading');
  error = $state.raw<ApiError | null>(null);
  count = $state<number | null>(null);
  loadingMore = $state(false);
  #read: (query: Asked) => Promise<Page<T>>;
  #filters: Filters<Asked> = {};
  #turn = 0;

  constructor(read: (query: Asked) => Promise<Page<T>>) {
    this.#read = read;
  }

  get rows() { return this.#rows; }
  get hasMore() { return this.#cursor !== null; }

  /** An address may hold any text; a value the API does not know comes back as its refusal. */
  #ask(page: PageQuery): Promise<Page<T>> {
    const given = Object.entries(this.#filters).filter(([, value]) => value !== '' && value !== undefined);
    return this.#read({ ...Object.fromEntries(given), ...page } as Asked);
  }

  async load<Given extends Filters<Asked>>(filters: Given & Record<Exclude<keyof Given, keyof Asked>, never> = {} as never): Promise<void> {
    const turn = ++this.#turn;
    this.#filters = filters;
    if (untrack(() => this.#rows.length) === 0) this.status = 'loading';
    try {
      const page = await this.#ask({ count: 'true' });
      if (turn !== this.#turn) return;
      this.#rows = page.data;
      this.#cursor = page.nextCursor;
      this.count = page.count ?? null;
      this.error = null;
      this.status = 'ready';
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.#rows = [];
      this.error = toApiError(cause);
      this.status = 'failed';
    }
  }

  reload = () => this.load(this.#filters as never);

  async more(): Promise<void> {
    if (!this.#cursor || this.loadingMore) return;
    const turn = this.#turn;
    this.loadingMore = true;
    try {
      const page = await this.#ask({ cursor: this.#cursor });
      if (turn !== this.#turn) return;
      this.#rows = [...this.#rows, ...page.data];
      this.#cursor = page.nextCursor;
    } catch (cause) {
      this.error = toApiError(cause);
    } finally {
      this.loadingMore = false;
    }
  }

  replace(matches: (row: T) => boolean, row: T) { this.#rows = this.#rows.map((old) => (matches(old) ? row : old)); }
  drop(matches: (row: T) => boolean) { this.#rows = this.#rows.filter((row) => !matches(row)); }
}
