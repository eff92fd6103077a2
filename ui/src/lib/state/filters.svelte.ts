import { replaceState } from '$app/navigation';
import { page } from '$app/state';

/** Filters live in the address, so that a filtered view can be shared and survives a reload. */
export class Filters<Key extends string> {
  values: Record<Key, string> = $state({} as Record<Key, string>);

  constructor(keys: readonly Key[]) {
    this.values = Object.fromEntries(keys.map((key) => [key, page.url.searchParams.get(key) ?? ''])) as Record<Key, string>;
  }

  active = $derived(Object.values(this.values).some(Boolean));

  set(key: Key, value: string | null) {
    this.values[key] = value ?? '';
    const url = new URL(page.url.href);
    if (value) url.searchParams.set(key, value);
    else url.searchParams.delete(key);
    replaceState(url, {});
  }

  clear() {
    for (const key of Object.keys(this.values) as Key[]) this.set(key, null);
  }
}
