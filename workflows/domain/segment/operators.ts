import type { FieldType } from '../customer/fields.ts';

/** What a condition compares with, once read: folded texts, numbers, spans of time, or nothing. */
export type Operand =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'boolean'; readonly boolean: boolean }
  | { readonly kind: 'span'; readonly from: number; readonly to: number }
  | { readonly kind: 'texts'; readonly texts: readonly string[] }
  | { readonly kind: 'numbers'; readonly numbers: readonly number[] }
  | { readonly kind: 'range'; readonly low: number; readonly high: number }
  /** Days of a year as `monthDay` counts them, both ends included. */
  | { readonly kind: 'month_days'; readonly ranges: readonly { readonly gte: number; readonly lte: number }[] };

export interface OperatorRow {
  readonly types: readonly FieldType[];
  /** How many values it takes; `days`: a whole number of them. */
  readonly takes: 'none' | 'one' | 'two' | 'many' | 'days';
  /** Between the field and the value, in a sentence. */
  readonly words: string;
  /** The operator it is the exact opposite of: people without the value are then among its hits. */
  readonly negates?: PositiveOperator;
}

const any: readonly FieldType[] = ['text', 'number', 'date', 'boolean'];

/** Operators that say something positive; people without the value never match (but `is_set` asks just that). */
export const positiveOperators = {
  equals: { types: any, takes: 'one', words: 'is' },
  contains: { types: ['text'], takes: 'one', words: 'contains' },
  starts_with: { types: ['text'], takes: 'one', words: 'starts with' },
  ends_with: { types: ['text'], takes: 'one', words: 'ends with' },
  is_one_of: { types: ['text', 'number'], takes: 'many', words: 'is one of' },
  greater_than: { types: ['number'], takes: 'one', words: 'is greater than' },
  less_than: { types: ['number'], takes: 'one', words: 'is less than' },
  at_least: { types: ['number'], takes: 'one', words: 'is at least' },
  at_most: { types: ['number'], takes: 'one', words: 'is at most' },
  between: { types: ['number', 'date'], takes: 'two', words: 'is between' },
  before: { types: ['date'], takes: 'one', words: 'is before' },
  after: { types: ['date'], takes: 'one', words: 'is after' },
  in_last_days: { types: ['date'], takes: 'days', words: 'is in the last' },
  in_next_days: { types: ['date'], takes: 'days', words: 'is in the next' },
  anniversary_within: { types: ['date'], takes: 'days', words: 'has its anniversary within' },
  is_true: { types: ['boolean'], takes: 'none', words: 'is true' },
  is_false: { types: ['boolean'], takes: 'none', words: 'is false' },
  is_set: { types: any, takes: 'none', words: 'is set' },
} as const satisfies Record<string, OperatorRow>;

export type PositiveOperator = keyof typeof positiveOperators;

export const operators = {
  ...positiveOperators,
  not_equals: { types: any, takes: 'one', words: 'is not', negates: 'equals' },
  not_contains: { types: ['text'], takes: 'one', words: 'does not contain', negates: 'contains' },
  is_none_of: { types: ['text', 'number'], takes: 'many', words: 'is none of', negates: 'is_one_of' },
  is_not_set: { types: any, takes: 'none', words: 'is not set', negates: 'is_set' },
} as const satisfies Record<string, OperatorRow>;

export type Operator = keyof typeof operators;

export function isOperator(name: unknown): name is Operator {
  return typeof name === 'string' && Object.hasOwn(operators, name);
}

/** The positive operator behind one, and whether its answer is turned round. */
export function positiveOf(operator: Operator): { readonly positive: PositiveOperator; readonly negated: boolean } {
  const row: OperatorRow = operators[operator];
  return row.negates === undefined ? { positive: operator as PositiveOperator, negated: false } : { positive: row.negates, negated: true };
}
