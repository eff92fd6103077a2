import { get, patch, post, remove } from '$lib/api/client.ts';
import type { CustomerList, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export class Lists extends Pages<CustomerList, Query<'/lists'>> {
  constructor() {
    super((query) => get('/lists', { query }));
  }

  save = new Action(async (list: CustomerList | null, name: string, description: string) => {
    const body = { name: name.trim(), description: description.trim() };
    const saved = list ? await patch('/lists/{id}', { path: { id: list.id }, body: { ...body, version: list.version } }) : await post('/lists', { body });
    await this.reload();
    return saved;
  });
  delete = new Action(async (list: CustomerList) => {
    await remove('/lists/{id}', { path: { id: list.id } });
    this.drop((row) => row.id === list.id);
    return true;
  });
}
