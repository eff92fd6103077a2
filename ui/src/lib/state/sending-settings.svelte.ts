import { get, patch } from '$lib/api/client.ts';
import type { SendingSettings as Values } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** Frequency cap, safety stops, and what new mail begins with. */
export class SendingSettings extends Resource<Values> {
  constructor() {
    super(() => get('/organization/sending'));
  }

  save = new Action(async (values: Values) => {
    const saved = await patch('/organization/sending', { body: values });
    this.set(saved);
    return saved;
  });
}
