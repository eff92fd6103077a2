import { afterNavigate, goto } from '$app/navigation';
import { page } from '$app/state';

/** Filters live in the address, so that a filtered view can be shared and survives a reload. Made while a component is set up. */
export class Filters<Key extends string> {
  values: Record<Key, string> = $state({} as Record<Key, string>);
  readonly #keys: readonly Key[];
  readonly #quiet: readonly Key[];

  /** @param quiet keys that are kept like filters but leave nobody out: the order of a list */
  constructor(keys: readonly Key[], quiet: readonly Key[] = []) {
    this.#keys = keys;
    this.#quiet = quiet;
    this.values = Object.fromEntries(keys.map((key) => [key, page.url.searchParams.get(key) ?? ''])) as Record<Key, string>;
    // A link to this same screen, or the way back to it, brings filters of its own.
    afterNavigate(({ to }) => { for (const key of keys) this.values[key] = to?.url.searchParams.get(key) ?? ''; });
  }

  active = $derived.by(() => this.#keys.some((key) => !this.#quiet.includes(key) && this.values[key] !== ''));

  set(key: Key, value: string | null) {
    this.values[key] = value ?? '';
    this.#write();
  }

  clear() {
    for (const key of this.#keys) if (!this.#quiet.includes(key)) this.values[key] = '';
    this.#write();
  }

  #write() {
    // All keys at once: a navigation still under way is overtaken by this one and must not lose what it brought.
    const url = new URL(location.href);
    for (const key of this.#keys) {
      if (this.values[key]) url.searchParams.set(key, this.values[key]);
      else url.searchParams.delete(key);
    }
    void goto(url, { replace: true, reset: false });
  }
}
