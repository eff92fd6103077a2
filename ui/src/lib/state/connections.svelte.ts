import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Connection, Query, Secure } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Rows } from './resource.svelte.ts';

export interface ConnectionForm { name: string; host: string; port: string; secure: Secure; username: string; password: string; fromEmail: string; fromName: string; parallel: string; enabled: boolean }

export const formOf = (connection: Connection | null): ConnectionForm => ({
  name: connection?.name ?? '', host: connection?.host ?? '', port: String(connection?.port ?? 587), secure: connection?.secure ?? 'starttls', username: connection?.username ?? '', password: '',
  fromEmail: connection?.fromEmail ?? '', fromName: connection?.fromName ?? '', parallel: String(connection?.parallel ?? 20), enabled: connection?.enabled ?? true,
});

export class Connections extends Rows<Connection, Query<'/connections'>> {
  constructor() {
    super((query) => get('/connections', { query }));
  }

  save = new Action(async (connection: Connection | null, form: ConnectionForm) => {
    const shared = { name: form.name.trim(), fromEmail: form.fromEmail.trim() || null, fromName: form.fromName.trim() || null, parallel: Number(form.parallel), enabled: form.enabled };
    const server = { host: form.host.trim(), port: Number(form.port), secure: form.secure, username: form.username.trim(), ...(form.password ? { password: form.password } : {}) };
    const body = connection?.vendor === 'catcher' ? shared : { ...shared, ...server };
    const saved = connection ? await patch('/connections/{id}', { path: { id: connection.id }, body: { ...body, version: connection.version } }) : await post('/connections', { body: { vendor: 'smtp', ...body } });
    await this.reload();
    return saved;
  });
  test = new Action((id: string, recipient: string) => post('/connections/{id}/test', { path: { id }, body: { recipient: recipient.trim() } }));
  delete = new Action(async (connection: Connection) => {
    await remove('/connections/{id}', { path: { id: connection.id } });
    this.drop((row) => row.id === connection.id);
    return true;
  });
}
