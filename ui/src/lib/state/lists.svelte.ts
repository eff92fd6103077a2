import { get, patch, post, remove } from '$lib/api/client.ts';
import type { CustomerList, Query } from '$lib/api/types.ts';
import type { Option } from '$lib/components/table/column.ts';
import { count } from '$lib/format/format.svelte.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export interface ListForm { name: string; description: string; isPublic: boolean; publicName: string; publicDescription: string }

export const formOf = (list: CustomerList | null): ListForm => ({
  name: list?.name ?? '', description: list?.description ?? '', isPublic: list?.isPublic ?? false, publicName: list?.publicName ?? '', publicDescription: list?.publicDescription ?? '',
});

export class Lists extends Pages<CustomerList, Query<'/lists'>> {
  constructor() {
    super((query) => get('/lists', { query }));
  }

  save = new Action(async (list: CustomerList | null, form: ListForm) => {
    const body = { name: form.name.trim(), description: form.description.trim(), isPublic: form.isPublic, publicName: form.publicName.trim(), publicDescription: form.publicDescription.trim() };
    const saved = list ? await patch('/lists/{id}', { path: { id: list.id }, body: { ...body, version: list.version } }) : await post('/lists', { body });
    await this.reload();
    return saved;
  });
  delete = new Action(async (list: CustomerList) => {
    await remove('/lists/{id}', { path: { id: list.id } });
    this.drop((row) => row.id === list.id);
    return true;
  });
  addMembers = new Action(async (list: CustomerList, emails: string[]) => {
    const changed = await post('/lists/{id}/members', { path: { id: list.id }, body: { emails } });
    this.replace((row) => row.id === list.id, changed);
    return changed.members - list.members;
  });
}

/** Lists by a part of their name, as choices. */
export const findLists = (text: string): Promise<Option[]> =>
  get('/lists', { query: { limit: 50, ...(text ? { search: text } : {}) } }).then(({ data }) => data.map((list) => ({ value: list.id, label: list.name, note: count(list.members) })));
export const listName = (id: string): Promise<string> => get('/lists/{id}', { path: { id } }).then((list) => list.name);

export const findSegments = (text: string): Promise<Option[]> =>
  get('/segments', { query: { limit: 50, ...(text ? { search: text } : {}) } }).then(({ data }) => data.map((segment) => ({ value: segment.id, label: segment.name })));
export const segmentName = (id: string): Promise<string> => get('/segments/{id}', { path: { id } }).then((segment) => segment.name);

export const findCampaigns = (text: string): Promise<Option[]> =>
  get('/campaigns', { query: { limit: 50, ...(text ? { search: text } : {}) } }).then(({ data }) => data.map((campaign) => ({ value: campaign.id, label: campaign.name })));
