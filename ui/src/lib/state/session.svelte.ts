import { goto } from '$app/navigation';
import { get, post, session as hooks } from '$lib/api/client.ts';
import type { Me, Organization } from '$lib/api/types.ts';
import { setZone } from '$lib/format/format.svelte.ts';
import { toApiError, type LoadStatus } from './resource.svelte.ts';
import type { ApiError } from '$lib/api/client.ts';

/** Who is logged in, in which organization, and what she may do there. */
class Session {
  #me = $state.raw<Me | null>(null);
  status = $state<LoadStatus>('loading');
  error = $state.raw<ApiError | null>(null);

  get me() { return this.#me; }
  get organization(): Organization | null { return this.#me?.organization ?? null; }

  may(capability: string): boolean { return this.#me?.capabilities.includes(capability) ?? false; }
  /** Owner or Admin. */
  manages = $derived(this.#me?.role === 'owner' || this.#me?.role === 'admin');

  async load(): Promise<void> {
    try {
      this.take(await get('/me'));
    } catch (cause) {
      const error = toApiError(cause);
      // 401 is not a fault: the person is being sent to the login page.
      if (error.status === 401) return;
      this.error = error;
      this.status = 'failed';
    }
  }

  take(me: Me) {
    this.#me = me;
    this.error = null;
    this.status = 'ready';
    if (me.organization) setZone(me.organization.timezone);
  }

  takeOrganization(organization: Organization) {
    if (!this.#me) return;
    const organizations = this.#me.organizations.map((one) => (one.id === organization.id ? { ...one, name: organization.name } : one));
    this.take({ ...this.#me, organization, organizations });
  }

  /** Everything on the screens belongs to one organization: after a switch they are all read anew. */
  async switchTo(organizationId: string) {
    await post('/me/organization', { body: { organizationId } });
    location.assign('/');
  }

  async createOrganization(name: string, timezone: string) {
    const made = await post('/organizations', { body: { name, timezone } });
    await this.switchTo(made.id);
  }

  async logOut() {
    await post('/auth/logout');
    this.#me = null;
    this.status = 'loading';
    await goto('/login');
  }
}

export const session = new Session();

let leaving = false;
hooks.ended = () => {
  if (leaving || !location.pathname || ['/login', '/setup', '/forgot-password', '/reset-password', '/invitation'].includes(location.pathname)) return;
  leaving = true;
  void sendToDoor().finally(() => { leaving = false; });
};

/** A fresh installation starts with the wizard, every other with the login page. */
async function sendToDoor() {
  let needed = false;
  try {
    needed = (await get('/setup')).needed;
  } catch {
    // Without an answer the login page is the safe guess; it shows the same fault again.
  }
  const next = location.pathname + location.search;
  await goto(needed ? '/setup' : next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`, { replaceState: true });
}
