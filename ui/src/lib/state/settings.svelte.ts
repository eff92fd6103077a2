import { get, patch, post, remove } from '$lib/api/client.ts';
import type { ApiKey, GivenRole, Organization, User } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';
import { session } from './session.svelte.ts';

export class OrganizationSettings extends Resource<Organization> {
  constructor() {
    super(() => get('/organization'));
  }

  save = new Action(async (form: { name: string; timezone: string; postalAddress: string }) => {
    const saved = await patch('/organization', { body: { ...(this.value ? { version: this.value.version } : {}), name: form.name.trim(), timezone: form.timezone, postalAddress: form.postalAddress.trim() } });
    this.set(saved);
    session.takeOrganization(saved);
    return saved;
  });
}

export class ApiKeys extends Rows<ApiKey> {
  constructor() {
    super((query) => get('/api-keys', { query }));
  }

  create = new Action(async (name: string) => {
    const made = await post('/api-keys', { body: { name: name.trim() } });
    await this.reload();
    return made.key;
  });
  revoke = new Action(async (key: ApiKey) => {
    await remove('/api-keys/{id}', { path: { id: key.id } });
    this.drop((row) => row.id === key.id);
    return true;
  });
}

export class Users extends Rows<User> {
  invitations = new Resource(() => get('/invitations').then((page) => page.data));

  constructor() {
    super((query) => get('/users', { query }));
  }

  loadAll() {
    void this.load();
    void this.invitations.load();
  }
  invite = new Action(async (email: string, role: GivenRole) => {
    await post('/invitations', { body: { email: email.trim(), role } });
    this.loadAll();
    return email.trim();
  });
  withdraw = new Action(async (id: string) => {
    await remove('/invitations/{id}', { path: { id } });
    await this.invitations.load();
    return true;
  });
  remove = new Action(async (user: User) => {
    await remove('/users/{id}', { path: { id: user.id } });
    this.drop((row) => row.id === user.id);
    return true;
  });
}
