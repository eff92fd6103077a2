import { get, post, remove } from '$lib/api/client.ts';
import type { Query, Suppression } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export const reasons = ['hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import'] as const satisfies readonly Suppression['reason'][];
export const sources = ['webhook', 'tracking_link', 'manual', 'csv_import', 'api'] as const satisfies readonly Suppression['source'][];

export type SuppressionFilter = Pick<Query<'/suppressions'>, 'search' | 'reason' | 'source' | 'from' | 'to'>;

/** Filters as an address holds them; what the API does not know comes back as its refusal. */
export function filterOf(values: Readonly<Record<string, string>>): SuppressionFilter {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

export class Suppressions extends Pages<Suppression, Query<'/suppressions'>> {
  /** Addresses unsuppressed so far, while a filter's are. */
  lifted = $state(0);

  constructor() {
    super((query) => get('/suppressions', { query }));
  }

  add = new Action(async (email: string, reason: Suppression['reason'], note: string) => {
    const added = await post('/suppressions', { body: { email: email.trim(), reason, ...(note.trim() ? { note: note.trim() } : {}) } });
    await this.reload();
    return added;
  });
  lift = new Action(async (email: string, note: string) => {
    await remove('/suppressions/{email}', { path: { email }, body: { note: note.trim() } });
    this.drop((row) => row.email === email);
    return true;
  });
  /** Those named, or all that a filter matches, in steps. @returns how many */
  liftMany = new Action(async (many: { emails: readonly string[] } | { filter: SuppressionFilter }, note: string) => {
    this.lifted = 0;
    for (let left = true; left;) {
      const done = await post('/suppressions/unsuppress', { body: { note: note.trim(), ...('emails' in many ? { emails: [...many.emails] } : { filter: many.filter }) } });
      this.lifted += done.unsuppressed;
      left = done.left;
    }
    await this.reload();
    return this.lifted;
  });
}
