import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Body, Customer, Field, Query, TimelineEvent } from '$lib/api/types.ts';
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

type Custom = NonNullable<Body<'/customers', 'post'>['custom']>;

/** What people typed as the API takes it: empty means no value; numbers and yes/no by the field's type. */
function bodyOf(form: CustomerForm, fields: readonly Field[]) {
  const { custom, score, email, firstName, lastName, phone, city, country, timezone } = form;
  const given = (text: string) => text.trim() || null;
  const typed = (key: string, text: string): Custom[string] => {
    const type = fields.find((field) => field.key === key)?.type ?? 'text';
    if (text.trim() === '') return null;
    if (type === 'number' && Number.isFinite(Number(text))) return Number(text);
    if (type === 'boolean' && /^(true|yes|false|no)$/i.test(text.trim())) return /^(true|yes)$/i.test(text.trim());
    return text;
  };
  return {
    email: email.trim(),
    firstName: given(firstName), lastName: given(lastName), phone: given(phone), city: given(city), country: given(country), timezone: given(timezone),
    score: score.trim() === '' ? null : Number(score),
    custom: Object.fromEntries(Object.entries(custom).map(([key, text]) => [key, typed(key, text)])) as Custom,
  };
}

const present = (custom: Custom): Custom => Object.fromEntries(Object.entries(custom).filter(([, value]) => value !== null));

export const loadFields = () => get('/fields').then((reply) => reply.data);
export const loadLists = () => get('/lists', { query: { limit: 200 } }).then((reply) => reply.data);

export class Customers extends Rows<Customer, Query<'/customers'>> {
  lists = new Resource(loadLists);
  fields = new Resource(loadFields);

  constructor() {
    super((query) => get('/customers', { query }));
  }

  add = new Action((form: CustomerForm) => {
    const { custom, ...body } = bodyOf(form, this.fields.value ?? []);
    return post('/customers', { body: { ...body, custom: present(custom), ...(form.listIds.length ? { listIds: form.listIds } : {}) } });
  });
}

export class CustomerDetail extends Resource<Customer> {
  fields = new Resource(loadFields);
  timeline: Rows<TimelineEvent>;
  save: Action<[CustomerForm], Customer>;
  erase: Action<[], true>;

  constructor(id: number) {
    super(() => get('/customers/{id}', { path: { id } }));
    this.timeline = new Rows((query) => get('/customers/{id}/timeline', { path: { id }, query }));
    this.save = new Action(async (form) => {
      const saved = await patch('/customers/{id}', { path: { id }, body: { ...bodyOf(form, this.fields.value ?? []), ...(this.value ? { version: this.value.version } : {}) } });
      await this.load();
      return saved;
    });
    this.erase = new Action(async () => {
      await remove('/customers/{id}', { path: { id } });
      return true as const;
    });
  }
}
