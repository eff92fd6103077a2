import { get, patch, post, remove } from '$lib/api/client.ts';
import type { FieldDetail, FieldType, Page, PageQuery } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { running } from './running.svelte.ts';
import { Pages } from './table.svelte.ts';

export interface FieldQuery extends PageQuery { search?: string; type?: string; sort?: string }

const orders: Record<string, (a: FieldDetail, b: FieldDetail) => number> = {
  label: (a, b) => a.label.localeCompare(b.label),
  '-label': (a, b) => b.label.localeCompare(a.label),
  filled: (a, b) => (a.filled ?? 0) - (b.filled ?? 0),
  '-filled': (a, b) => (b.filled ?? 0) - (a.filled ?? 0),
  '-misfits': (a, b) => (b.misfits ?? 0) - (a.misfits ?? 0),
};

/** The custom fields with their numbers. The API gives them all at once; they are searched and paged here. */
export class Fields extends Pages<FieldDetail, FieldQuery> {
  /** Customers there are, for shares; null while the index is away, and then `problem` says why. */
  customers = $state<number | null>(null);
  problem = $state<string | null>(null);

  constructor() {
    super(async (query): Promise<Page<FieldDetail>> => {
      const { customers, problem, data } = await get('/fields/details');
      this.customers = customers;
      this.problem = problem;
      const text = query.search?.trim().toLowerCase() ?? '';
      const found = data.filter(({ key, label, type }) => `${key} ${label}`.toLowerCase().includes(text) && (!query.type || type === query.type)).sort(orders[query.sort ?? 'label'] ?? orders['label']);
      const [from, limit] = [Number(query.cursor ?? 0), query.limit ?? this.size];
      return { data: found.slice(from, from + limit), nextCursor: from + limit < found.length ? String(from + limit) : null, count: found.length };
    });
  }

  add = new Action(async (key: string, label: string, type: FieldType) => {
    const made = await post('/fields', { body: { key: key.trim(), ...(label.trim() ? { label: label.trim() } : {}), type } });
    await this.reload();
    return made;
  });
  save = new Action(async (field: FieldDetail, label: string, type: FieldType) => {
    const saved = await patch('/fields/{key}', { path: { key: field.key }, body: { label: label.trim(), ...(type === field.wantedType ? {} : { type }) } });
    if (saved.wantedType !== saved.type) void running.refresh();
    await this.reload();
    return saved;
  });
  delete = new Action(async (field: FieldDetail) => {
    await remove('/fields/{key}', { path: { key: field.key } });
    this.drop((row) => row.key === field.key);
    return true;
  });
}

/** Conditions that only values fitting a type meet: whoever has a value and meets none of them has one that does not fit. */
const fitting: Record<Exclude<FieldType, 'text'>, readonly { operator: string; value?: unknown }[]> = {
  number: [{ operator: 'at_least', value: 0 }, { operator: 'less_than', value: 0 }],
  date: [{ operator: 'after', value: '1970-01-01' }, { operator: 'equals', value: '1970-01-01' }, { operator: 'before', value: '1970-01-01' }],
  boolean: [{ operator: 'is_true' }, { operator: 'is_false' }],
};

const listOf = (rule: object) => `/customers?rule=${encodeURIComponent(JSON.stringify(rule))}`;

/** The customers whose value of a field does not fit its type. */
export const misfitsHref = ({ key, type }: FieldDetail): string => {
  const field = `custom.${key}`;
  return listOf({ op: 'and', parts: [{ field, operator: 'is_set' }, ...(type === 'text' ? [] : [{ op: 'not', parts: fitting[type].map((condition) => ({ field, ...condition })) }])] });
};
export const holdersHref = ({ key }: FieldDetail): string => listOf({ op: 'and', parts: [{ field: `custom.${key}`, operator: 'is_set' }] });
