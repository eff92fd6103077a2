import { expect, test } from 'vitest';
import { checkRule, listsOf, mentionsField } from '#domain/segment/ast.ts';
import { operators, type OperatorRow } from '#domain/segment/operators.ts';

const catalogue = [
  { no: 1, key: 'plan', label: 'Plan', type: 'text', slot: 'k0' },
  { no: 2, key: 'born', label: 'Born', type: 'date', slot: 'd0' },
  { no: 3, key: 'city', label: 'City of birth', type: 'number', slot: 'n0' },
] as const;
const context = { catalogue, zone: 'UTC', lists: new Set(['l1']) };
const check = (...parts: unknown[]) => checkRule({ op: 'and', parts }, context).map(({ field, message }) => `${field}: ${message}`);

test.each<[string, unknown, RegExp]>([
  ['text for a number', { field: 'score', operator: 'at_least', value: '5' }, /^rule\.parts\[0\]\.value: Expected a number, got "5"\.$/],
  ['infinite numbers', { field: 'score', operator: 'equals', value: Infinity }, /\.value: Expected a number/],
  ['an empty text', { field: 'plan', operator: 'contains', value: '  ' }, /\.value: Write a value/],
  ['a day the calendar lacks', { field: 'born', operator: 'equals', value: '2026-02-30' }, /\.value: Expected a date like 2026-01-31/],
  ['one end of between', { field: 'score', operator: 'between', value: [1] }, /\.value: Expected two values/],
  ['ends the wrong way round', { field: 'born', operator: 'between', value: ['2026-02-01', '2026-01-01'] }, /\.value: The first date must not be after/],
  ['no values in one of', { field: 'plan', operator: 'is_one_of', value: [] }, /\.value: Expected at least one/],
  ['too long a text', { field: 'plan', operator: 'equals', value: 'x'.repeat(1_001) }, /\.value: At most 1000 characters/],
  ['too long a part of a text', { field: 'plan', operator: 'ends_with', value: 'x'.repeat(201) }, /\.value: At most 200 characters for a part/],
  ['an operator that does not exist', { field: 'plan', operator: 'resembles', value: 'x' }, /\.operator: Unknown operator "resembles"/],
  ['an operator of Object', { field: 'plan', operator: 'constructor', value: 'x' }, /\.operator: Unknown operator/],
  ['a field of Object', { field: '__proto__', operator: 'is_set' }, /\.field: There is no field/],
  ['a misspelled custom field', { field: 'custom.plann', operator: 'is_set' }, /Did you mean custom\.plan\?/],
  ['a list that is gone', { list: 'l2', in: true }, /\.list: This list does not exist any more/],
  ['a list without a side', { list: 'l1' }, /\.in: Expected true/],
  ['a group without parts', { op: 'or' }, /\.parts: Expected a list/],
  ['a kind of group that does not exist', { op: 'xor', parts: [] }, /\.op: Expected and, or, or not/],
  ['nothing', null, /rule\.parts\[0\]: Expected a group or a condition/],
])('a rule refuses %s by path', (_, part, expected) => {
  expect(check(part)).toEqual([expect.stringMatching(expected)]);
});

test('every operator takes every type it names', () => {
  const samples = { text: 'x', number: 1, date: '2026-01-31', boolean: true };
  const fields = { text: 'plan', number: 'score', date: 'born', boolean: 'is_bounced' };
  for (const [operator, row] of Object.entries(operators) as [string, OperatorRow][]) {
    for (const type of row.types) {
      const one = samples[type];
      const value = row.takes === 'none' ? undefined : row.takes === 'one' ? one : [one, one];
      expect(check({ field: fields[type], operator, ...(value === undefined ? {} : { value }) }), `${operator} ${type}`).toEqual([]);
    }
  }
});

test('all problems come at once, in the order of the rule', () => {
  expect(check({ field: 'nope!', operator: 'is_set' }, { op: 'or', parts: [{ field: 'score', operator: 'equals', value: 'x' }] }).map((problem) => problem.split(':')[0]))
    .toEqual(['rule.parts[0].field', 'rule.parts[1].parts[0].value']);
});

test('standard names win over custom ones; the prefix always means the catalogue', () => {
  expect(check({ field: 'city', operator: 'contains', value: 'x' })).toEqual([]);
  expect(check({ field: 'custom.city', operator: 'greater_than', value: 1 })).toEqual([]);
  const rule = (field: string) => ({ op: 'and' as const, parts: [{ op: 'not' as const, parts: [{ field, operator: 'is_set' as const }] }] });
  expect([mentionsField(rule('city'), 'city', catalogue), mentionsField(rule('custom.city'), 'city', catalogue), mentionsField(rule('plan'), 'plan', catalogue)]).toEqual([false, true, true]);
});

test('depth and size are bounded without recursion', () => {
  let deep: unknown = { op: 'and', parts: [] };
  for (let i = 0; i < 50_000; i++) deep = { op: 'not', parts: [deep] };
  expect(checkRule(deep, context)).toEqual([{ field: expect.stringMatching(/^rule/), message: 'Groups may be nested 100 levels deep.' }]);
  const condition = { field: 'plan', operator: 'is_set' };
  expect(check(...Array.from({ length: 10_000 }, () => condition))).toEqual([]);
  expect(check(...Array.from({ length: 10_001 }, () => condition))).toEqual(['rule: A rule holds at most 10,000 conditions.']);
});

test('lists of a rule are found wherever they stand', () => {
  expect(listsOf({ op: 'and', parts: [{ list: 'a', in: true }, { op: 'not', parts: [{ list: 'b', in: false }, { list: 'a', in: true }] }] }).sort()).toEqual(['a', 'b']);
});
