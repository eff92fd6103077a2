import { get } from '$lib/api/client.ts';
import type { SendingDomain } from '$lib/api/types.ts';
import { Resource } from './resource.svelte.ts';

/** What DNS says about the domains mail is sent from. */
export class SendingDomains extends Resource<SendingDomain[]> {
  constructor() {
    super(() => get('/domains').then(({ data }) => data));
  }
}
