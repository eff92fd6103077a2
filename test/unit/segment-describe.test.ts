import { expect, test } from 'vitest';
import type { Node, Rule } from '#domain/segment/ast.ts';
import { describe } from '#domain/segment/describe.ts';

const names = {
  catalogue: [{ no: 1, key: 'plan_type', label: 'Plan', type: 'text', slot: 'k0' }] as const,
  zone: 'UTC',
  listNames: { l1: 'Friends' },
};
const rule = (op: Rule['op'], ...parts: Node[]): Rule => ({ op, parts });
const london: Node = { field: 'city', operator: 'equals', value: 'London' };
const premium: Node = { field: 'custom.plan_type', operator: 'not_equals', value: 'premium' };

test.each<[string, Rule]>([
  ['Everyone', rule('and')],
  ['Nobody', rule('or')],
  ['City is “London”', rule('and', london)],
  ['City is “London” and plan is not “premium”', rule('and', london, premium)],
  ['City is “London” and (score is greater than 50 or phone is set)', rule('and', london, rule('or', { field: 'score', operator: 'greater_than', value: 50 }, { field: 'phone', operator: 'is_set' }))],
  ['Not (city is “London”)', rule('not', london)],
  ['None of (city is “London”; plan is not “premium”)', rule('not', london, premium)],
  ['Score is between 10 and 90', rule('and', { field: 'score', operator: 'between', value: [10, 90] })],
  ['Country is one of “A”, “B”, “C”, “D”, “E” and 2 more', rule('and', { field: 'country', operator: 'is_one_of', value: ['A', 'B', 'C', 'D', 'E', 'F', 'G'] })],
  ['Is in the list “Friends” or is not in the list “deleted list”', rule('or', { list: 'l1', in: true }, { list: 'gone', in: false })],
])('a rule in words: %s', (sentence, of) => {
  expect(describe(of, names)).toBe(sentence);
});
