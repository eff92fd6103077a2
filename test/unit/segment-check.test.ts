import { expect, test } from 'vitest';
import { mentionsField, mentionsOf, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { operators, type OperatorRow } from '#domain/segment/operators.ts';

const catalogue = [
  { no: 1, key: 'plan', label: 'Plan', type: 'text', slot: 'k0' },
  { no: 2, key: 'born', label: 'Born', type: 'date', slot: 'd0' },
  { no: 3, key: 'city', label: 'City of birth', type: 'number', slot: 'n0' },
] as const;
const inner: Rule = { op: 'and', parts: [{ field: 'city', operator: 'is_set' }] };
const context: RuleContext = {
  catalogue, zone: 'UTC', now: Date.UTC(2026, 0, 31), lists: { l1: 'Friends' },
  segments: { s1: { name: 'Known', rule: inner }, s2: { name: 'Second', rule: { op: 'and', parts: [{ segment: 's3', in: true }] } }, s3: { name: 'Third', rule: { op: 'and', parts: [{ segment: 's2', in: true }] } } },
  sources: { c1: { kind: 'campaign', name: 'Spring', mails: [{ no: 1 }] } }, customEvents: { bought: 1 },
};
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
  ['a segment that is gone', { segment: 's9', in: true }, /\.segment: This segment does not exist any more/],
  ['an event that does not exist', { event: 'yawned', operator: 'has_done' }, /\.event: Expected one of sent, /],
  ['an event operator that does not exist', { event: 'opened', operator: 'is' }, /\.operator: Expected one of has_done/],
  ['a window of no unit', { event: 'opened', operator: 'has_done', window: { last: 3, unit: 'FORTNIGHT' } }, /\.window: Expected one of MINUTE/],
  ['half a day', { event: 'opened', operator: 'has_done', window: { last: 0.5, unit: 'DAY' } }, /\.window: Expected a whole number/],
  ['a campaign that is gone', { event: 'opened', operator: 'has_done', campaign: 'c2' }, /\.campaign: This campaign does not exist any more/],
  ['a number of times with a window', { event: 'opened', operator: 'has_done_at_least', times: 2, window: { last: 1, unit: 'DAY' } }, /\.window: “At least N times” counts all mail/],
  ['no number of times', { event: 'opened', operator: 'has_done_at_least' }, /\.times: Expected a whole number/],
  ['machines that bounce', { event: 'bounced', operator: 'has_done', machine: true }, /\.machine: Expected true or false, for opened and clicked/],
  ['a custom event nobody has heard of', { event: 'custom', name: 'sold', operator: 'has_done' }, /\.name: No custom event "sold" has arrived/],
  ['a name of a mail event', { event: 'opened', name: 'bought', operator: 'has_done' }, /\.name: Only custom events have a name/],
  ['half a day of a date', { field: 'born', operator: 'in_last_days', value: 1.5 }, /\.value: Expected a whole number of days/],
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
      const value = row.takes === 'none' ? undefined : row.takes === 'one' ? one : row.takes === 'days' ? 3 : [one, one];
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

test('what a rule mentions is found wherever it stands', () => {
  expect(mentionsOf({ op: 'and', parts: [
    { list: 'a', in: true }, { op: 'not', parts: [{ list: 'b', in: false }, { list: 'a', in: true }, { segment: 's', in: true }] },
    { event: 'opened', operator: 'has_done', campaign: 'c' }, { event: 'sent', operator: 'has_done', journey: 'j' }, { event: 'custom', name: 'bought', operator: 'has_done' },
  ] })).toEqual({ lists: expect.toSatisfy((found: string[]) => found.sort().join() === 'a,b') as unknown, segments: ['s'], campaigns: ['c'], journeys: ['j'], customEvents: ['bought'] });
});

test('segments that ask for each other are refused, with the circle in words', () => {
  const asks = (id: string): Rule => ({ op: 'and', parts: [{ segment: id, in: true }] });
  expect(checkRule(asks('s1'), context, 'rule', 's0')).toEqual([]);
  expect(checkRule(asks('s1'), context, 'rule', 's1')).toEqual([{ field: 'rule', message: 'Segments would go round in a circle: “this segment” asks for “this segment”.' }]);
  expect(checkRule(asks('s2'), context)).toEqual([{ field: 'rule', message: 'Segments would go round in a circle: “Second” asks for “Third” asks for “Second”.' }]);
});

test('what a rule asks for through segments counts as its own', () => {
  const twice = (id: string): Rule => ({ op: 'and', parts: Array.from({ length: 10 }, () => ({ segment: id, in: true })) });
  const segments: Record<string, { name: string; rule: Rule }> = { s0: { name: 'S0', rule: inner } };
  for (let i = 1; i < 6; i++) segments[`s${i}`] = { name: `S${i}`, rule: twice(`s${i - 1}`) };
  expect(checkRule(twice('s2'), { ...context, segments })).toEqual([]);
  expect(checkRule(twice('s5'), { ...context, segments })[0]?.message).toMatch(/^With the segments it asks for, this rule has 2,111,110 conditions/);
});
