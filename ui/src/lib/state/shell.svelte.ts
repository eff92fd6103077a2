import type { Snippet } from 'svelte';
import { get } from '$lib/api/client.ts';
import type { Customer } from '$lib/api/types.ts';

export interface Crumb { label: string; href?: string }

/** What the frame around a page shows: where one is, and the page's one primary action. */
class Shell {
  crumbs = $state.raw<Crumb[]>([]);
  action = $state.raw<Snippet | null>(null);
  collapsed = $state(globalThis.localStorage?.getItem('fermata-sidebar') === 'collapsed');
  menuOpen = $state(false);
  paletteOpen = $state(false);

  /** The page shown last. Plain, because a clean-up sees reactive values as they were before the change it cleans up after. */
  #page: object | null = null;

  /** Call in an effect. A page that leaves takes its action along, unless the next one has already put its own there. */
  show(crumbs: Crumb[], action: Snippet | null): () => void {
    const page = {};
    this.#page = page;
    this.crumbs = crumbs;
    this.action = action;
    return () => { if (this.#page === page) this.action = null; };
  }

  toggleSidebar() {
    this.collapsed = !this.collapsed;
    localStorage.setItem('fermata-sidebar', this.collapsed ? 'collapsed' : 'open');
  }
}

export const shell = new Shell();

/** Customers by address, for the palette; empty when the text is too short or the search fails. */
export async function findPeople(text: string, signal: AbortSignal): Promise<Customer[]> {
  if (text.trim().length < 2) return [];
  try {
    return (await get('/customers', { query: { search: text.trim(), limit: 6 }, signal })).data;
  } catch {
    return [];
  }
}
