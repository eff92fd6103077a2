import type { Snippet } from 'svelte';
import { get } from '$lib/api/client.ts';
import type { Customer } from '$lib/api/types.ts';

export interface Shortcut { keys: readonly string[]; label: string }
export interface Crumb { label: string; href?: string }

/** What the frame around a page shows: where one is, and the page's one primary action. */
class Shell {
  crumbs = $state.raw<Crumb[]>([]);
  action = $state.raw<Snippet | null>(null);
  collapsed = $state(globalThis.localStorage?.getItem('fermata-sidebar') === 'collapsed');
  /** Keys of the page alone, shown above those that work everywhere. */
  shortcuts = $state.raw<readonly Shortcut[]>([]);
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

export interface Thing { readonly kind: 'campaigns' | 'journeys' | 'segments'; readonly id: string; readonly name: string }

/** Campaigns, journeys and segments by a part of their name, for the palette; what cannot be searched now is left out. */
export async function findThings(text: string, signal: AbortSignal): Promise<Thing[]> {
  if (text.trim().length < 2) return [];
  const asked = { query: { search: text.trim(), limit: 4 }, signal };
  const named = (kind: Thing['kind'], page: Promise<{ data: readonly { id: string; name: string }[] }>) => page.then(({ data }) => data.map(({ id, name }): Thing => ({ kind, id, name })), (): Thing[] => []);
  return (await Promise.all([named('campaigns', get('/campaigns', asked)), named('journeys', get('/journeys', asked)), named('segments', get('/segments', asked))])).flat();
}
