import { patch, post, remove } from '$lib/api/client.ts';
import type { CustomerList } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Rows } from './resource.svelte.ts';

export class Lists extends Rows<CustomerList> {
  constructor() {
    super('/lists');
  }

  save = new Action(async (list: CustomerList | null, name: string, description: string) => {
    const body = { name: name.trim(), description: description.trim() };
    const saved = list ? await patch<CustomerList>(`/lists/${list.id}`, { ...body, version: list.version }) : await post<CustomerList>('/lists', body);
    await this.reload();
    return saved;
  });
  delete = new Action(async (list: CustomerList) => {
    await remove(`/lists/${list.id}`);
    this.drop((row) => row.id === list.id);
    return true;
  });
}
