import { address, get, patch, post, remove } from '$lib/api/client.ts';
import type { Body, Customer, CustomerFilter, CustomerRun, Field, Page, PageQuery, TimelineEvent } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

export type CustomerForm = Record<'email' | 'firstName' | 'lastName' | 'phone' | 'city' | 'country' | 'timezone' | 'score', string> & { custom: Record<string, string> };

export const emptyForm = (): CustomerForm => ({ email: '', firstName: '', lastName: '', phone: '', city: '', country: '', timezone: '', score: '', custom: {} });

const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value));

export const formOf = (customer: Customer): CustomerForm => ({
  email: customer.email, firstName: textOf(customer.firstName), lastName: textOf(customer.lastName), phone: textOf(customer.phone), city: textOf(customer.city),
  country: textOf(customer.country), timezone: textOf(customer.timezone), score: textOf(customer.score),
  custom: Object.fromEntries(Object.entries(customer.custom).map(([key, value]) => [key, textOf(value)])),
});

/** The form of one version of a customer with what was changed against another version of her on top. */
export function rebase(form: CustomerForm, before: CustomerForm, now: CustomerForm): CustomerForm {
  const { custom: mine, ...fields } = form;
  const { custom: old, ...oldFields } = before;
  const changed = <T extends object>(given: T, earlier: T) => Object.fromEntries(Object.entries(given).filter(([key, value]) => value !== (earlier as Record<string, unknown>)[key]));
  return { ...now, ...changed(fields, oldFields), custom: { ...now.custom, ...changed(mine, old) } };
}

type Custom = NonNullable<Body<'/customers', 'post'>['custom']>;

/** What people typed as the API takes it: empty means no value; numbers and yes/no by the field's type. */
function bodyOf(form: CustomerForm, fields: readonly Field[]) {
  const { custom, score, email, firstName, lastName, phone, city, country, timezone } = form;
  const given = (text: string) => text.trim() || null;
  const typed = (key: string, text: string): Custom[string] => {
    const type = fields.find((field) => field.key === key)?.type ?? 'text';
    if (text.trim() === '') return null;
    if (type === 'boolean' && /^(true|yes|false|no)$/i.test(text.trim())) return /^(true|yes)$/i.test(text.trim());
    return text;
  };
  return {
    email: email.trim(),
    firstName: given(firstName), lastName: given(lastName), phone: given(phone), city: given(city), country: given(country), timezone: given(timezone),
    // What is no number goes as it is: the API names the field and what it expected.
    score: score.trim() === '' ? null : Number.isFinite(Number(score)) ? Number(score) : (score as unknown as number),
    custom: Object.fromEntries(Object.entries(custom).map(([key, text]) => [key, typed(key, text)])) as Custom,
  };
}

const present = (custom: Custom): Custom => Object.fromEntries(Object.entries(custom).filter(([, value]) => value !== null));

export const loadFields = () => get('/fields').then((reply) => reply.data);

/** Filters of the list as the address has them: all text, the rule as JSON. */
export interface CustomerQuery extends PageQuery { search?: string; listId?: string; segmentId?: string; status?: string; rule?: string; sort?: string }

/** The same as the API reads them. An address may hold any text; what the API does not know comes back as its refusal. */
export function filterOf({ search, listId, segmentId, status, rule }: { [Name in keyof CustomerQuery]?: string | undefined }): CustomerFilter {
  return {
    ...(search ? { search } : {}), ...(listId ? { listId } : {}), ...(segmentId ? { segmentId } : {}),
    ...(status ? { status: status as NonNullable<CustomerFilter['status']> } : {}), ...(rule ? { rule: ruleOf(rule) as NonNullable<CustomerFilter['rule']> } : {}),
  };
}

/** A rule as an address holds it; what is no JSON stays the text it is, for the API to refuse. */
export function ruleOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readPage(query: CustomerQuery): Promise<Page<Customer>> {
  const { limit, cursor, count, sort } = query;
  return post('/customers/search', {
    body: {
      ...filterOf(query as Record<string, string>), ...(limit === undefined ? {} : { limit }), ...(cursor ? { cursor } : {}), ...(count === undefined ? {} : { count: true }),
      ...(sort ? { sort: sort as 'newest' | 'oldest' | 'email' } : {}),
    },
  });
}

export class Customers extends Pages<Customer, CustomerQuery> {
  fields = new Resource(loadFields);

  constructor() {
    super(readPage);
  }

  add = new Action((form: CustomerForm, listIds: string[]) => {
    const { custom, ...body } = bodyOf(form, this.fields.value ?? []);
    return post('/customers', { body: { ...body, custom: present(custom), ...(listIds.length ? { listIds } : {}) } });
  });
}

export const dataHref = (id: number, format: 'json' | 'csv') => address('/customers/{id}/data', { path: { id }, query: { format } });

/** One customer with everything around her. Each change reads her and her timeline anew. */
export class CustomerDetail extends Resource<Customer> {
  fields = new Resource(loadFields);
  segments: Resource<{ id: string; name: string }[]>;
  timeline: Rows<TimelineEvent, PageQuery & { kinds?: string }>;
  journeys: Rows<CustomerRun>;

  constructor(readonly id: number) {
    super(() => get('/customers/{id}', { path: { id } }));
    this.segments = new Resource(() => get('/customers/{id}/segments', { path: { id } }).then((reply) => reply.data));
    this.journeys = new Rows((query) => get('/customers/{id}/journeys', { path: { id }, query: { limit: 5, ...query } }));
    this.timeline = new Rows((query) => get('/customers/{id}/timeline', { path: { id }, query }));
  }

  async #changed() {
    await this.load();
    void this.timeline.reload();
    void this.segments.load();
  }

  save = new Action(async (form: CustomerForm, before: CustomerForm) => {
    const fields = this.fields.value ?? [];
    const [next, was] = [bodyOf(form, fields), bodyOf(before, fields)];
    const body = Object.fromEntries(Object.entries(next).filter(([key, value]) => key !== 'custom' && value !== was[key as keyof typeof was]));
    const custom = Object.fromEntries(Object.entries(next.custom).filter(([key, value]) => value !== (was.custom[key] ?? null)));
    const version = this.value?.version;
    const saved = await patch('/customers/{id}', { path: { id: this.id }, body: { ...body, ...(Object.keys(custom).length ? { custom } : {}), ...(version === undefined ? {} : { version }) } });
    await this.#changed();
    return saved;
  });
  erase = new Action(async (neverMail: boolean) => {
    await remove('/customers/{id}', { path: { id: this.id }, query: { neverMail: neverMail ? 'true' : 'false' } });
    return true as const;
  });
  join = new Action(async (listId: string) => {
    const list = await post('/lists/{id}/members', { path: { id: listId }, body: { customerIds: [this.id] } });
    await this.#changed();
    return list;
  });
  leave = new Action(async (listId: string) => {
    const list = await remove('/lists/{id}/members', { path: { id: listId }, body: { customerIds: [this.id] } });
    await this.#changed();
    return list;
  });
  suppress = new Action(async (note: string) => {
    if (!this.value) return null;
    const made = await post('/suppressions', { body: { email: this.value.email, reason: 'manual', ...(note.trim() ? { note: note.trim() } : {}) } });
    await this.#changed();
    return made;
  });
  unsuppress = new Action(async (note: string) => {
    if (!this.value) return null;
    await remove('/suppressions/{email}', { path: { email: this.value.email }, body: { note: note.trim() } });
    await this.#changed();
    return true;
  });
}

/** Why a campaign's mail reached an address, or did not. */
export const whyOf = (campaignId: string, email: string) => new Resource(() => get('/campaigns/{id}/explain', { path: { id: campaignId }, query: { email } }));
