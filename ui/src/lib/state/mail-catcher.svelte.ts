import { address, get, remove } from '$lib/api/client.ts';
import type { Message, MessageRow } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

export class MailCatcher extends Rows<MessageRow> {
  message = $state.raw<Resource<Message> | null>(null);
  source = $state.raw<Resource<string> | null>(null);
  openId = $state<number | null>(null);

  constructor() {
    super('/mail-catcher/messages');
  }

  open(id: number | null) {
    this.openId = id;
    this.source = null;
    this.message = id ? new Resource(() => get<Message>(`/mail-catcher/messages/${id}`)) : null;
    void this.message?.load();
  }

  loadSource() {
    const id = this.openId;
    if (!id || this.source) return;
    this.source = new Resource(async () => {
      const response = await fetch(address(`/mail-catcher/messages/${id}/source`));
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      return response.text();
    });
    void this.source.load();
  }

  clear = new Action(async () => {
    await remove('/mail-catcher/messages');
    this.open(null);
    await this.reload();
    return true;
  });
}
