import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Body, Connection, Query } from '$lib/api/types.ts';
import { localNow } from '$lib/campaign/when.ts';
import { presentMs } from '$lib/format/format.svelte.ts';
import { dailyLimit } from '#domain/delivery/rate.ts';
import { Action } from './action.svelte.ts';
import { loadConnections } from './forms.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { session } from './session.svelte.ts';
import { Pages } from './table.svelte.ts';

type Edit = Omit<Body<'/connections/{id}', 'patch'>, 'version'>;
/** What a connection's forms write; an empty password keeps the saved one. */
export type ConnectionDraft = Pick<Connection, 'name' | 'host' | 'port' | 'secure' | 'username' | 'parallel' | 'limits' | 'warmUp' | 'backupId'> & { password: string; fromEmail: string; fromName: string };

export const newConnection = (): ConnectionDraft => ({
  name: '', host: '', port: 587, secure: 'starttls', username: '', password: '', fromEmail: '', fromName: '', parallel: 20,
  limits: { second: null, minute: null, hour: null, day: null, dayWindow: 'midnight' }, warmUp: null, backupId: null,
});
const draftOf = ({ name, host, port, secure, username, parallel, limits, warmUp, backupId, fromEmail, fromName }: Connection): ConnectionDraft =>
  structuredClone({ name, host, port, secure, username, parallel, limits, warmUp, backupId, password: '', fromEmail: fromEmail ?? '', fromName: fromName ?? '' });

function editOf({ name, host, username, password, fromEmail, fromName, ...rest }: ConnectionDraft, isBuiltIn: boolean): Edit {
  const shared = { ...rest, name: name.trim(), fromEmail: fromEmail.trim() || null, fromName: fromName.trim() || null };
  if (!isBuiltIn) return { ...shared, host: host.trim(), username: username.trim(), ...(password === '' ? {} : { password }) };
  const { port: _port, secure: _secure, ...own } = shared;
  return own;
}

/** The organization's calendar day. */
export const today = (): string => localNow(session.organization?.timezone ?? 'UTC', presentMs()).slice(0, 10);

/** Mails a connection may send on a calendar day at most, or null. */
export function dailyLimitOf({ limits, warmUp }: Pick<Connection, 'limits' | 'warmUp'>): number | null {
  const { second: _second, minute: _minute, hour: _hour, day, dayWindow } = limits;
  return dailyLimit({ dayWindow, ...(day === null ? {} : { day }) }, warmUp, today());
}

const testConnection = () => new Action((id: string, recipient: string) => post('/connections/{id}/test', { path: { id }, body: { recipient: recipient.trim() } }));
export type ConnectionTester = Pick<Connections, 'test'>;

export class Connections extends Pages<Connection, Query<'/connections'>> {
  /** Mails of today by connection. */
  sent = new Resource<ReadonlyMap<string, number>>(async () => {
    const { data } = await get('/reports/connections', { query: { from: today(), to: today() } });
    return new Map(data.map(({ connectionId, sent }) => [connectionId, sent]));
  });

  constructor() {
    super((query) => get('/connections', { query }));
  }

  create = new Action(async (draft: ConnectionDraft) => {
    const made = await post('/connections', { body: { vendor: 'smtp', ...editOf(draft, false), name: draft.name.trim() } });
    await this.reload();
    return made;
  });
  enable = new Action(async ({ id, version }: Connection, enabled: boolean) => {
    const changed = await patch('/connections/{id}', { path: { id }, body: { version, enabled } });
    this.replace((row) => row.id === id, changed);
    return changed;
  });
  test = testConnection();
  delete = new Action(async (connection: Connection) => {
    await remove('/connections/{id}', { path: { id: connection.id } });
    this.drop((row) => row.id === connection.id);
    return true;
  });
}

/** A connection being edited: what is changed against what was saved. */
export class ConnectionEditor {
  draft: ConnectionDraft | null = $state(null);
  loaded: Resource<Connection>;
  others = new Resource<Connection[]>(loadConnections);
  #saved = $state.raw<ConnectionDraft | null>(null);

  constructor(readonly id: string) {
    this.loaded = new Resource(() => get('/connections/{id}', { path: { id } }));
  }

  connection = $derived.by(() => this.loaded.value);
  isBuiltIn = $derived.by(() => this.connection?.vendor === 'catcher');
  changes = $derived.by(() => {
    if (this.draft === null || this.#saved === null) return {};
    const saved = editOf(this.#saved, this.isBuiltIn) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(editOf(this.draft, this.isBuiltIn)).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(saved[key]))) as Edit;
  });
  dirty = $derived.by(() => Object.keys(this.changes).length > 0);
  isConflict = $derived.by(() => this.save.error?.status === 409 && this.save.error.fields.length === 0);

  async load() {
    void this.others.load();
    this.save.error = null;
    await this.loaded.load();
    if (this.loaded.value) this.#take(this.loaded.value);
  }
  #take(connection: Connection) {
    this.loaded.set(connection);
    this.#saved = draftOf(connection);
    this.draft = draftOf(connection);
  }

  /** What was changed, and nothing else; `over` a version newer than the one loaded. */
  save = new Action(async (over = false) => {
    const changes = $state.snapshot(this.changes) as Edit;
    const before = over ? await get('/connections/{id}', { path: { id: this.id } }) : this.loaded.value;
    if (before === null) return null;
    const saved = await patch('/connections/{id}', { path: { id: this.id }, body: { ...changes, version: before.version } });
    this.#take(saved);
    return saved;
  });
  enable = new Action(async (enabled: boolean) => {
    const { connection } = this;
    if (!connection) return null;
    const changed = await patch('/connections/{id}', { path: { id: this.id }, body: { version: connection.version, enabled } });
    this.loaded.set(changed);
    return changed;
  });
  /** Its health is known afterwards. */
  test = testConnection();
  delete = new Action(async () => {
    await remove('/connections/{id}', { path: { id: this.id } });
    this.#saved = $state.snapshot(this.draft) as ConnectionDraft | null;
    return true;
  });
}
