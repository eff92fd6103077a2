import { get, getText, remove } from '$lib/api/client.ts';
import type { Message, MessageRow, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

export class MailCatcher extends Rows<MessageRow, Query<'/mail-catcher/messages'>> {
  message = $state.raw<Resource<Message> | null>(null);
  source = $state.raw<Resource<string> | null>(null);
  openId = $state<number | null>(null);

  constructor() {
    super((query) => get('/mail-catcher/messages', { query }));
  }

  open(id: number | null) {
    this.openId = id;
    this.source = null;
    this.message = id ? new Resource(() => get('/mail-catcher/messages/{id}', { path: { id } })) : null;
    void this.message?.load();
  }

  loadSource() {
    const id = this.openId;
    if (!id || this.source) return;
    this.source = new Resource(() => getText('/mail-catcher/messages/{id}/source', { path: { id } }));
    void this.source.load();
  }

  clear = new Action(async () => {
    await remove('/mail-catcher/messages');
    this.open(null);
    await this.reload();
    return true;
  });
}
