import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Customer, CustomerList, Field, Page, TimelineEvent } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

export type CustomerForm = Record<'email' | 'firstName' | 'lastName' | 'phone' | 'city' | 'country' | 'timezone' | 'score', string> & { custom: Record<string, string>; listIds: string[] };

export const emptyForm = (): CustomerForm => ({ email: '', firstName: '', lastName: '', phone: '', city: '', country: '', timezone: '', score: '', custom: {}, listIds: [] });

const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

export const formOf = (customer: Customer, fields: readonly Field[]): CustomerForm => ({
  email: customer.email, firstName: textOf(customer.firstName), lastName: textOf(customer.lastName), phone: textOf(customer.phone), city: textOf(customer.city),
  country: textOf(customer.country), timezone: textOf(customer.timezone), score: textOf(customer.score), listIds: [],
  custom: Object.fromEntries(fields.map(({ key }) => [key, textOf(customer.custom[key])])),
});

/** What people typed as the API takes it: empty means no value; numbers and yes/no by the field's type. */
function bodyOf(form: CustomerForm, fields: readonly Field[]) {
  const { custom, listIds: _lists, score, email, ...texts } = form;
  const typed = (key: string, text: string): unknown => {
    const type = fields.find((field) => field.key === key)?.type ?? 'text';
    if (text.trim() === '') return null;
    if (type === 'number' && Number.isFinite(Number(text))) return Number(text);
    if (type === 'boolean' && /^(true|yes|false|no)$/i.test(text.trim())) return /^(true|yes)$/i.test(text.trim());
    return text;
  };
  return {
    email: email.trim(),
    ...Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, text.trim() || null])),
    score: score.trim() === '' ? null : Number(score),
    custom: Object.fromEntries(Object.entries(custom).map(([key, text]) => [key, typed(key, text)])),
  };
}

const present = (body: Record<string, unknown>) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));

export const loadFields = () => get<{ data: Field[] }>('/fields').then((reply) => reply.data);
export const loadLists = () => get<Page<CustomerList>>('/lists', { limit: 200 }).then((reply) => reply.data);

export class Customers extends Rows<Customer> {
  lists = new Resource(loadLists);
  fields = new Resource(loadFields);

  constructor() {
    super('/customers');
  }

  add = new Action((form: CustomerForm) => {
    const { custom, ...body } = bodyOf(form, this.fields.value ?? []);
    return post<Customer>('/customers', { ...present(body), custom: present(custom), ...(form.listIds.length ? { listIds: form.listIds } : {}) });
  });
}

export class CustomerDetail extends Resource<Customer> {
  fields = new Resource(loadFields);
  timeline: Rows<TimelineEvent>;
  save: Action<[CustomerForm], Customer>;
  erase: Action<[], true>;

  constructor(id: string) {
    super(() => get<Customer>(`/customers/${id}`));
    this.timeline = new Rows<TimelineEvent>(`/customers/${id}/timeline`);
    this.save = new Action(async (form) => {
      const saved = await patch<Customer>(`/customers/${id}`, { ...bodyOf(form, this.fields.value ?? []), version: this.value?.version });
      await this.load();
      return saved;
    });
    this.erase = new Action(async () => {
      await remove(`/customers/${id}`);
      return true as const;
    });
  }
}
