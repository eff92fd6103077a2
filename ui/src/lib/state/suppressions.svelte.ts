import { post, remove } from '$lib/api/client.ts';
import type { Suppression } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Rows } from './resource.svelte.ts';

export const reasons = ['hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import'] as const;

export class Suppressions extends Rows<Suppression> {
  constructor() {
    super('/suppressions');
  }

  add = new Action(async (email: string, reason: string, note: string) => {
    const added = await post<Suppression>('/suppressions', { email: email.trim(), reason, ...(note.trim() ? { note: note.trim() } : {}) });
    await this.reload();
    return added ?? true;
  });
  lift = new Action(async (email: string, note: string) => {
    await remove(`/suppressions/${encodeURIComponent(email)}`, { note: note.trim() });
    this.drop((row) => row.email === email);
    return true;
  });
}
