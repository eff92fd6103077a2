import { get, post, remove } from '$lib/api/client.ts';
import type { Query, Suppression } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Rows } from './resource.svelte.ts';

export const reasons = ['hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import'] as const satisfies readonly Suppression['reason'][];

export class Suppressions extends Rows<Suppression, Query<'/suppressions'>> {
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
}
