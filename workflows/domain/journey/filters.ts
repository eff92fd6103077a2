import { fold } from '../customer/fields.ts';

/** Filters on the properties of custom events, in triggers, goals and waits. All of them have to hold. */
export interface PropertyFilter {
  /** Name of a property; a dot goes into what it holds: `cart.total`, `items.0.sku`. */
  readonly property: string;
  readonly operator: PropertyOperator;
  /** Of operators that take one. */
  readonly value?: string | number | boolean;
}

export const propertyOperators = {
  equals: { words: 'is', takes: 'any' },
  not_equals: { words: 'is not', takes: 'any' },
  contains: { words: 'contains', takes: 'text' },
  greater_than: { words: 'is greater than', takes: 'number' },
  less_than: { words: 'is less than', takes: 'number' },
  at_least: { words: 'is at least', takes: 'number' },
  at_most: { words: 'is at most', takes: 'number' },
  is_set: { words: 'is set', takes: 'none' },
  is_not_set: { words: 'is not set', takes: 'none' },
} as const satisfies Record<string, { words: string; takes: 'any' | 'text' | 'number' | 'none' }>;

export type PropertyOperator = keyof typeof propertyOperators;

export const MAX_FILTERS = 20;

/**
 * Whether an event's properties pass all filters. Texts compare trimmed and without case; `20` and `"20"` are equal, and a
 * text that reads as a number has its size. A missing property passes `not_equals` and `is_not_set` only.
 */
export function passesFilters(filters: readonly PropertyFilter[], properties: Readonly<Record<string, unknown>>): boolean {
  return filters.every((filter) => passes(filter, valueAt(filter.property, properties)));
}

function passes({ operator, value }: PropertyFilter, held: unknown): boolean {
  const isSet = held !== undefined && held !== null && !(typeof held === 'string' && fold(held) === '');
  switch (operator) {
    case 'is_set': return isSet;
    case 'is_not_set': return !isSet;
    case 'equals': return isSet && isEqual(held, value);
    case 'not_equals': return !(isSet && isEqual(held, value));
    // Of a list: whether it holds the value.
    case 'contains': return isSet && (Array.isArray(held) ? held.some((each) => isEqual(each, value)) : typeof held !== 'object' && textOf(held).includes(textOf(value)));
    case 'greater_than': return compare(held, value, (a, b) => a > b);
    case 'less_than': return compare(held, value, (a, b) => a < b);
    case 'at_least': return compare(held, value, (a, b) => a >= b);
    case 'at_most': return compare(held, value, (a, b) => a <= b);
  }
}

function isEqual(held: unknown, value: unknown): boolean {
  return typeof held !== 'object' && textOf(held) === textOf(value);
}

function textOf(value: unknown): string {
  return fold(String(value));
}

function compare(held: unknown, value: unknown, holds: (a: number, b: number) => boolean): boolean {
  const [a, b] = [numberOf(held), numberOf(value)];
  return a !== null && b !== null && holds(a, b);
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** The whole path may be the name of one property; own keys only, so that `constructor` is a missing one. */
export function valueAt(path: string, properties: Readonly<Record<string, unknown>>): unknown {
  if (Object.hasOwn(properties, path)) return properties[path];
  let held: unknown = properties;
  for (const key of path.split('.')) {
    if (typeof held !== 'object' || held === null || !Object.hasOwn(held, key)) return undefined;
    held = (held as Record<string, unknown>)[key];
  }
  return held;
}
