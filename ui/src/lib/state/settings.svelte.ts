import { get, patch, post, remove } from '$lib/api/client.ts';
import type { ApiKey, Invitation, Organization, Page, Role, User } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';
import { session } from './session.svelte.ts';

export class OrganizationSettings extends Resource<Organization> {
  constructor() {
    super(() => get<Organization>('/organization'));
  }

  save = new Action(async (form: { name: string; timezone: string; postalAddress: string }) => {
    const version = this.value?.version;
    const saved = await patch<Organization>('/organization', { name: form.name.trim(), timezone: form.timezone, postalAddress: form.postalAddress.trim() || null, ...(version === undefined ? {} : { version }) });
    this.set(saved);
    session.takeOrganization(saved);
    return saved;
  });
}

export class ApiKeys extends Rows<ApiKey> {
  constructor() {
    super('/api-keys');
  }

  create = new Action(async (name: string) => {
    const made = await post<ApiKey & { key: string }>('/api-keys', { name: name.trim() });
    await this.reload();
    return made.key;
  });
  revoke = new Action(async (key: ApiKey) => {
    await remove(`/api-keys/${key.id}`);
    this.drop((row) => row.id === key.id);
    return true;
  });
}

export class Users extends Rows<User> {
  invitations = new Resource(() => get<Page<Invitation>>('/invitations').then((page) => page.data));

  constructor() {
    super('/users');
  }

  loadAll() {
    void this.load();
    void this.invitations.load();
  }
  invite = new Action(async (email: string, role: Role) => {
    await post('/invitations', { email: email.trim(), role });
    this.loadAll();
    return email.trim();
  });
  withdraw = new Action(async (id: string) => {
    await remove(`/invitations/${id}`);
    await this.invitations.load();
    return true;
  });
  remove = new Action(async (user: User) => {
    await remove(`/users/${user.id}`);
    this.drop((row) => row.id === user.id);
    return true;
  });
}
