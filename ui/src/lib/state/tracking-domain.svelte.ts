import { get, post, put } from '$lib/api/client.ts';
import type { TrackingDomain as Values } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** The host links begin with: chosen, then verified. */
export class TrackingDomain extends Resource<Values> {
  constructor() {
    super(() => get('/organization/tracking-domain'));
  }

  choose = new Action(async (host: string | null) => {
    const chosen = await put('/organization/tracking-domain', { body: { host } });
    this.set(chosen);
    return chosen;
  });
  verify = new Action(async () => {
    const verified = await post('/organization/tracking-domain/verify', {});
    this.set(verified);
    return verified;
  });
}
