import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Connection, Query, SignUp, SignUpForm } from '$lib/api/types.ts';
import type { Option } from '$lib/components/table/column.ts';
import { strings } from '$lib/strings/en.ts';
import { Action } from './action.svelte.ts';
import { findLists } from './lists.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

export interface Chosen { id: string; name: string }

/** Most lists a form fills, most fields it asks for. */
export const LISTS_MAX = 20;
export const FIELDS_MAX = 30;

export const switchForm = (form: Pick<SignUpForm, 'id' | 'version'>, enabled: boolean) => patch('/forms/{id}', { path: { id: form.id }, body: { version: form.version, enabled } });
export const deleteForm = (id: string) => remove('/forms/{id}', { path: { id } });
export const loadConnections = () => get('/connections', { query: { limit: 200 } }).then((page) => page.data);

export class Forms extends Pages<SignUpForm, Query<'/forms'>> {
  /** They name what the confirmations go through. */
  connections = new Resource<Connection[]>(loadConnections);

  constructor() {
    super((query) => get('/forms', { query }));
  }

  create = new Action((name: string, lists: readonly Chosen[], rest: Pick<SignUpForm, 'doubleOptIn' | 'title' | 'consentText'>) =>
    post('/forms', { body: { ...rest, name: name.trim(), listIds: lists.map((list) => list.id) } }));
  enable = new Action(async (form: SignUpForm, enabled: boolean) => {
    const changed = await switchForm(form, enabled);
    this.replace((row) => row.id === form.id, changed);
    return changed;
  });
  delete = new Action(async (form: SignUpForm) => {
    await deleteForm(form.id);
    this.drop((row) => row.id === form.id);
    return true;
  });
}

/** Who signed up by one form, newest first. */
export class SignUps extends Pages<SignUp, Query<'/forms/{id}/sign-ups'>> {
  constructor(id: string) {
    super((query) => get('/forms/{id}/sign-ups', { path: { id }, query }));
  }
}

const NEW = 'new:';

/** Lists by a part of their name; a name there is none of can be made one. */
export async function findOrNameLists(text: string): Promise<Option[]> {
  const found = await findLists(text);
  const isThere = found.some((list) => list.label.toLowerCase() === text.toLowerCase());
  return text === '' || isThere ? found : [...found, { value: NEW + text, label: strings.forms.listsField.make(text) }];
}

/** The list an option of `findOrNameLists` stands for; one that is named is made. */
export async function listOf(option: Option): Promise<Chosen & { made: boolean }> {
  if (!option.value.startsWith(NEW)) return { id: option.value, name: option.label, made: false };
  const made = await post('/lists', { body: { name: option.value.slice(NEW.length), description: '' } });
  return { id: made.id, name: made.name, made: true };
}
