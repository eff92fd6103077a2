import { expect, test } from 'vitest';
import type { Node, Rule, RuleContext } from '#domain/segment/ast.ts';
import { describe } from '#domain/segment/describe.ts';

const names: RuleContext = {
  catalogue: [{ no: 1, key: 'plan_type', label: 'Plan', type: 'text', slot: 'k0' }] as const,
  zone: 'UTC',
  now: 0,
  lists: { l1: 'Friends' }, segments: { s1: { name: 'Known', rule: { op: 'and', parts: [] } } },
  sources: { c1: { kind: 'campaign', name: 'Spring', mails: [] }, j1: { kind: 'journey', name: 'Welcome', mails: [] } }, customEvents: {},
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
  ['(City is “London” or plan is not “premium”) and phone is set', rule('and', rule('or', london, premium), { field: 'phone', operator: 'is_set' })],
  ['((City is “London” or plan is not “premium”) and phone is set) or is in the list “Friends”', rule('or', rule('and', rule('or', london, premium), { field: 'phone', operator: 'is_set' }), { list: 'l1', in: true })],
  ['Not (city is “London”)', rule('not', london)],
  ['None of (city is “London”; plan is not “premium”)', rule('not', london, premium)],
  ['Score is between 10 and 90', rule('and', { field: 'score', operator: 'between', value: [10, 90] })],
  ['Country is one of “A”, “B”, “C”, “D”, “E” and 2 more', rule('and', { field: 'country', operator: 'is_one_of', value: ['A', 'B', 'C', 'D', 'E', 'F', 'G'] })],
  ['Is in the list “Friends” or is not in the list “deleted list”', rule('or', { list: 'l1', in: true }, { list: 'gone', in: false })],
  ['Is in the segment “Known”', rule('and', { segment: 's1', in: true })],
  ['Opened a mail in the last 7 days', rule('and', { event: 'opened', operator: 'has_done', window: { last: 7, unit: 'DAY' } })],
  ['Did not open any mail in the last month', rule('and', { event: 'opened', operator: 'has_not_done', window: { last: 1, unit: 'MONTH' } })],
  ['Clicked the campaign “Spring” (machines included)', rule('and', { event: 'clicked', operator: 'has_done', campaign: 'c1', machine: true })],
  ['Was sent step “hello” of the journey “Welcome”', rule('and', { event: 'sent', operator: 'has_done', journey: 'j1', step: 'hello' })],
  ['Opened mail at least 3 times', rule('and', { event: 'opened', operator: 'has_done_at_least', times: 3 })],
  ['Has done “bought” at least 1 time', rule('and', { event: 'custom', name: 'bought', operator: 'has_done_at_least', times: 1 })],
  ['Bounced on the campaign “deleted campaign”', rule('and', { event: 'bounced', operator: 'has_done', campaign: 'gone' })],
  ['Created is in the last 30 days', rule('and', { field: 'created_at', operator: 'in_last_days', value: 30 })],
])('a rule in words: %s', (sentence, of) => {
  expect(describe(of, names)).toBe(sentence);
});
