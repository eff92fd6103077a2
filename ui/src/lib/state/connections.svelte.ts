import { patch, post, remove } from '$lib/api/client.ts';
import type { Connection, ConnectionTest, Secure } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Rows } from './resource.svelte.ts';

export interface ConnectionForm { name: string; host: string; port: string; secure: Secure; username: string; password: string; fromEmail: string; fromName: string; parallel: string; enabled: boolean }

export const formOf = (connection: Connection | null): ConnectionForm => ({
  name: connection?.name ?? '', host: connection?.host ?? '', port: String(connection?.port ?? 587), secure: connection?.secure ?? 'starttls', username: connection?.username ?? '', password: '',
  fromEmail: connection?.fromEmail ?? '', fromName: connection?.fromName ?? '', parallel: String(connection?.parallel ?? 20), enabled: connection?.enabled ?? true,
});

export class Connections extends Rows<Connection> {
  constructor() {
    super('/connections');
  }

  save = new Action(async (connection: Connection | null, form: ConnectionForm) => {
    const shared = { name: form.name.trim(), fromEmail: form.fromEmail.trim() || null, fromName: form.fromName.trim() || null, parallel: Number(form.parallel), enabled: form.enabled };
    const server = { host: form.host.trim(), port: Number(form.port), secure: form.secure, username: form.username.trim(), ...(form.password ? { password: form.password } : {}) };
    const body = connection?.vendor === 'catcher' ? shared : { ...shared, ...server };
    const saved = connection ? await patch<Connection>(`/connections/${connection.id}`, { ...body, version: connection.version }) : await post<Connection>('/connections', { vendor: 'smtp', ...body });
    await this.reload();
    return saved;
  });
  test = new Action((id: string, recipient: string) => post<ConnectionTest>(`/connections/${id}/test`, { recipient: recipient.trim() }));
  delete = new Action(async (connection: Connection) => {
    await remove(`/connections/${connection.id}`);
    this.drop((row) => row.id === connection.id);
    return true;
  });
}
