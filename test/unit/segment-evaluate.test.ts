import { expect, test } from 'vitest';
import { pack } from '#domain/customer/activity.ts';
import { toDocument, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import type { Node, RuleContext } from '#domain/segment/ast.ts';
import { evaluate } from '#domain/segment/evaluate.ts';

const catalogue: CustomField[] = [
  { no: 1, key: 'plan', label: 'Plan', type: 'text', slot: 'k0' },
  { no: 2, key: 'joined', label: 'Joined', type: 'date', slot: null },
  { no: 3, key: 'spent', label: 'Spent', type: 'number', slot: null },
];
const zone = 'America/New_York';
const NOW = Date.UTC(2026, 2, 31, 16);
const ada: CustomerRow = {
  id: 1, email: 'Ada@Example.edu', firstName: 'Ada', lastName: null, phone: '', city: ' London ', country: 'GB', score: 10, timezone: null,
  custom: { plan: 'Premium', joined: '2026-03-08', spent: 'a lot' }, isUnsubscribed: false, isBounced: false, isSuppressed: false, mailable: true,
  lists: ['friends'], activity: { opened_last: String(NOW - 86_400_000), opened_count: '2', opened_in: `{${pack(1, NOW / 1_000 - 86_400)}}` }, createdAt: Date.UTC(2026, 0, 31, 4, 59, 59, 999), updatedAt: 0,
};
const context: RuleContext = { catalogue, zone, now: NOW, lists: {}, segments: {}, sources: { c1: { kind: 'campaign', name: 'Spring', mails: [{ no: 1 }] } }, customEvents: {} };
const holds = (...parts: Node[]) => evaluate({ op: 'and', parts }, toDocument(ada, catalogue, zone), context);

test.each<[boolean, string, Node]>([
  [true, 'text is compared without case and blanks', { field: 'city', operator: 'equals', value: 'LONDON  ' }],
  [true, 'parts of an address', { field: 'email', operator: 'ends_with', value: '.EDU' }],
  [false, 'special characters are literal', { field: 'email', operator: 'contains', value: 'a*a' }],
  [false, 'an empty text is not set', { field: 'phone', operator: 'is_set' }],
  [true, 'not set says yes to it', { field: 'phone', operator: 'is_not_set' }],
  [true, 'not equals says yes to those without', { field: 'last_name', operator: 'not_equals', value: 'x' }],
  [true, 'not contains too', { field: 'last_name', operator: 'not_contains', value: 'x' }],
  [false, 'but contains does not', { field: 'last_name', operator: 'contains', value: 'x' }],
  [true, 'both ends belong to between', { field: 'score', operator: 'between', value: [10, 10] }],
  [false, 'greater than leaves the value out', { field: 'score', operator: 'greater_than', value: 10 }],
  [true, 'a misfit is set', { field: 'spent', operator: 'is_set' }],
  [false, 'and otherwise missing', { field: 'spent', operator: 'at_least', value: 0 }],
  [true, 'a plain date is the whole day in the zone', { field: 'created_at', operator: 'equals', value: '2026-01-30' }],
  [false, 'whose last millisecond is its own', { field: 'created_at', operator: 'after', value: '2026-01-30' }],
  [true, 'a day of 23 hours is a day', { field: 'joined', operator: 'between', value: ['2026-03-08', '2026-03-08'] }],
  [true, 'a field that is gone is missing', { field: 'custom.gone', operator: 'is_none_of', value: ['x'] }],
  [true, 'a value that no longer fits is missing', { field: 'score', operator: 'not_equals', value: 'ten' }],
  [true, 'membership', { list: 'friends', in: true }],
  [true, 'a list nobody knows has no members', { list: 'gone', in: false }],
  [true, 'a span ends now and begins a day ago, that instant included', { event: 'opened', operator: 'has_done', window: { last: 1, unit: 'DAY' } }],
  [false, 'and not a minute more', { event: 'opened', operator: 'has_done', window: { last: 1_439, unit: 'MINUTE' } }],
  [true, 'with the campaign she opened', { event: 'opened', operator: 'has_done', campaign: 'c1', window: { last: 1, unit: 'WEEK' } }],
  [false, 'and with none that is gone', { event: 'opened', operator: 'has_done', campaign: 'c2' }],
  [true, 'never clicked', { event: 'clicked', operator: 'has_not_done' }],
  [true, 'counts', { event: 'opened', operator: 'has_done_at_least', times: 2 }],
  [false, 'to the number', { event: 'opened', operator: 'has_done_at_least', times: 3 }],
  [true, 'an anniversary counts from today on', { field: 'created_at', operator: 'anniversary_within', value: 305 }],
  [false, 'and ends with its day', { field: 'created_at', operator: 'anniversary_within', value: 304 }],
  [true, 'an empty AND is true', { op: 'and', parts: [] }],
  [false, 'an empty OR is false', { op: 'or', parts: [] }],
  [true, 'an empty NOT is true', { op: 'not', parts: [] }],
  [false, 'NOT is none of its parts', { op: 'not', parts: [{ list: 'gone', in: true }, { list: 'friends', in: true }] }],
])('%s: %s', (expected, _, node) => {
  expect(holds(node)).toBe(expected);
});
