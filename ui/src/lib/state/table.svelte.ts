import { untrack } from 'svelte';
import type { ApiError } from '$lib/api/client.ts';
import type { Page, PageQuery } from '$lib/api/types.ts';
import type { Column } from '$lib/components/table/column.ts';
import { toApiError, type LoadStatus } from './resource.svelte.ts';

/** Filters as the address holds them: text, by the names the API knows. */
type Filters<Asked> = { [Name in keyof Asked]?: string };

/**
 * A list one page at a time, forwards and back: the cursors of the pages already seen are the way back. While the next
 * page comes, the old one stays and `busy` says so; an answer that a later question overtook is dropped.
 */
export class Pages<T, Asked extends PageQuery = PageQuery> {
  #rows = $state.raw<T[]>([]);
  #trail = $state.raw<(string | null)[]>([null]);
  #next = $state<string | null>(null);
  status = $state<LoadStatus>('loading');
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);
  /** How many rows match on all pages; null until it is known. */
  count = $state<number | null>(null);
  #read: (query: Asked) => Promise<Page<T>>;
  #filters: Filters<Asked> = {};
  #turn = 0;

  constructor(read: (query: Asked) => Promise<Page<T>>, readonly size = 50) {
    this.#read = read;
  }

  get rows() { return this.#rows; }
  get hasNext() { return this.#next !== null; }
  get hasPrevious() { return this.#trail.length > 1; }
  /** Place of the first row shown, from 1. */
  get first() { return (this.#trail.length - 1) * this.size + 1; }
  /** What the rows are filtered by, as asked last. */
  get asked(): Filters<Asked> { return this.#filters; }

  load = (filters: Filters<Asked> = {}): Promise<void> => {
    this.#filters = filters;
    return this.#show([null], true);
  };
  next = (): Promise<void> => (this.#next === null ? Promise.resolve() : this.#show([...this.#trail, this.#next], false));
  previous = (): Promise<void> => (this.hasPrevious ? this.#show(this.#trail.slice(0, -1), false) : Promise.resolve());
  /** The same page again, counted anew. */
  reload = (): Promise<void> => this.#show(untrack(() => this.#trail), true);

  async #show(trail: (string | null)[], counted: boolean): Promise<void> {
    const turn = ++this.#turn;
    if (untrack(() => this.status === 'failed' || this.#rows.length === 0)) this.status = 'loading';
    this.busy = true;
    try {
      const given = Object.entries(this.#filters).filter(([, value]) => value !== '' && value !== undefined);
      const cursor = trail.at(-1) ?? null;
      const page = await this.#read({ ...Object.fromEntries(given), limit: this.size, ...(cursor === null ? {} : { cursor }), ...(counted ? { count: 'true' } : {}) } as Asked);
      if (turn !== this.#turn) return;
      // The last row of a page may have gone: then the page before it is the last.
      if (page.data.length === 0 && trail.length > 1) return void (await this.#show(trail.slice(0, -1), counted));
      this.#rows = page.data;
      this.#trail = trail;
      this.#next = page.nextCursor;
      if (page.count !== undefined) this.count = page.count;
      this.error = null;
      this.status = 'ready';
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.error = toApiError(cause);
      this.status = 'failed';
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  replace(matches: (row: T) => boolean, row: T) { this.#rows = this.#rows.map((old) => (matches(old) ? row : old)); }
  drop(matches: (row: T) => boolean) {
    const kept = this.#rows.filter((row) => !matches(row));
    if (this.count !== null) this.count -= this.#rows.length - kept.length;
    this.#rows = kept;
  }
}

/** Rows a person ticked, on any page, or all that the filters match. */
export class Selection<Key extends string | number> {
  #keys = $state.raw<ReadonlySet<Key>>(new Set());
  all = $state(false);

  get keys(): readonly Key[] { return [...this.#keys]; }
  get size() { return this.#keys.size; }
  get active() { return this.all || this.#keys.size > 0; }
  has = (key: Key): boolean => this.all || this.#keys.has(key);

  /** @param page keys of the page shown: what stays when one of "all" is taken off */
  mark(keys: readonly Key[], on: boolean, page: readonly Key[]) {
    const next = new Set(this.all ? page : this.#keys);
    for (const key of keys) if (on) next.add(key); else next.delete(key);
    this.all = false;
    this.#keys = next;
  }
  clear() {
    this.all = false;
    if (this.#keys.size > 0) this.#keys = new Set();
  }
}

export type Density = 'comfortable' | 'compact';
const densityKey = 'fermata-density';
const shared = $state<{ density: Density }>({ density: globalThis.localStorage?.getItem(densityKey) === 'compact' ? 'compact' : 'comfortable' });

/** How a person wants her lists: the density of all of them, the columns of this one. This browser remembers it. */
export class TableView {
  #chosen = $state.raw<readonly string[] | null>(null);
  readonly #key: string;

  constructor(id: string) {
    this.#key = `fermata-columns-${id}`;
    const kept = localStorage.getItem(this.#key);
    if (kept !== null) this.#chosen = kept.split('\n').filter(Boolean);
  }

  get density() { return shared.density; }
  set density(density: Density) {
    shared.density = density;
    localStorage.setItem(densityKey, density);
  }

  get isDefault() { return this.#chosen === null; }
  isShown(column: Column<never>): boolean { return this.#chosen === null ? column.extra !== true : this.#chosen.includes(column.id); }

  /** The first column is the row's name and always there. */
  columns<Row>(all: readonly Column<Row>[]): Column<Row>[] { return all.filter((column, index) => index === 0 || this.isShown(column as Column<never>)); }

  show<Row>(all: readonly Column<Row>[], id: string, on: boolean) {
    const now = new Set(this.columns(all).map((column) => column.id));
    if (on) now.add(id);
    else now.delete(id);
    this.#chosen = all.map((column) => column.id).filter((each) => now.has(each));
    localStorage.setItem(this.#key, this.#chosen.join('\n'));
  }
  reset() {
    this.#chosen = null;
    localStorage.removeItem(this.#key);
  }
}
