import { expect, test } from 'vitest';
import { passesFilters, type PropertyFilter } from '#domain/journey/filters.ts';
import { sayBecause } from '#domain/journey/because.ts';
import { renderJson, renderText, templateFields } from '#domain/journey/template.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { isAsked, readConfig } from '#domain/shared/forms.ts';
import { validateConfig } from '#domain/shared/forms-check.ts';

const order = { total: 20, currency: 'EUR', paid: true, note: '  ', items: [{ sku: 'A-1' }, { sku: 'B-2' }], tags: ['New', 'Gift'], 'odd.name': 'x', size: '12.5' };

test.each<[string, PropertyFilter, boolean]>([
  ['a number', { property: 'total', operator: 'equals', value: 20 }, true],
  ['the same as text', { property: 'total', operator: 'equals', value: '20' }, true],
  ['a text, whatever its case', { property: 'currency', operator: 'equals', value: ' eur ' }, true],
  ['a truth', { property: 'paid', operator: 'equals', value: true }, true],
  ['another', { property: 'currency', operator: 'not_equals', value: 'USD' }, true],
  ['missing is not equal', { property: 'gone', operator: 'not_equals', value: 'USD' }, true],
  ['missing equals nothing', { property: 'gone', operator: 'equals', value: 'undefined' }, false],
  ['part of a text', { property: 'currency', operator: 'contains', value: 'ur' }, true],
  ['one of a list', { property: 'tags', operator: 'contains', value: 'gift' }, true],
  ['not part of one of a list', { property: 'tags', operator: 'contains', value: 'gif' }, false],
  ['what a property holds', { property: 'items.1.sku', operator: 'equals', value: 'B-2' }, true],
  ['a name with a dot', { property: 'odd.name', operator: 'equals', value: 'x' }, true],
  ['greater', { property: 'total', operator: 'greater_than', value: 20 }, false],
  ['at least', { property: 'total', operator: 'at_least', value: 20 }, true],
  ['a number written as text', { property: 'size', operator: 'less_than', value: 13 }, true],
  ['a word has no size', { property: 'currency', operator: 'less_than', value: 13 }, false],
  ['a truth has no size', { property: 'paid', operator: 'at_most', value: 1 }, false],
  ['an object is set', { property: 'items', operator: 'is_set' }, true],
  ['spaces are not', { property: 'note', operator: 'is_set' }, false],
  ['nothing is not', { property: 'gone', operator: 'is_not_set' }, true],
  ['what every object has is not', { property: 'constructor', operator: 'is_set' }, false],
  ['nor what every list has', { property: 'items.length', operator: 'is_set' }, true],
])('filters of properties: %s', (_, filter, expected) => {
  expect(passesFilters([filter], order)).toBe(expected);
  expect(passesFilters([filter, { property: 'gone', operator: 'is_set' }], order)).toBe(false);
});

const node: GraphNode = { id: 'tell', kind: 'webhook', name: 'Tell "them"', config: {}, x: 0, y: 0 };
const fields = templateFields({
  enrollmentId: 1, customerId: 5, visit: 1, arrivedAt: 0, wokenBy: null, timezone: null, fields: { email: 'ada@example.com', first_name: 'A"da\n', score: 7, 'custom.vip': true },
  event: { id: 1, type: 'custom', name: 'cart', mailNo: null, at: 0, machine: false, properties: { cart: { total: 3, items: [1, 2] } } },
}, { journeyId: 'j', journeyName: 'Welcome', node, now: Date.parse('2026-03-02T12:00:00Z') });

test('a payload is JSON whatever the values hold', () => {
  const payload = '{"name": "{{first_name}}", "raw": {{first_name}}, "score": {{score}}, "vip": {{custom.vip}}, "gone": {{last_name}}, "none": "{{last_name}}", "items": {{event.properties.cart.items}}, "total": {{ event.properties.cart.total }}{% if score > 5 %}, "high": "{{score}} {{ first_name | upcase }}"{% endif %}, "step": {{step.name}}}';
  expect(JSON.parse(renderJson(payload, fields))).toEqual({ name: 'A"da\n', raw: 'A"da\n', score: 7, vip: true, gone: null, none: '', items: '[1,2]', total: 3, high: '7 A"DA\n', step: 'Tell "them"' });
  expect(JSON.parse(renderJson('{"quote": "\\"{{first_name}}\\"", "after": {{score}}}', fields))).toEqual({ quote: '"A"da\n"', after: 7 });
});

test('the payload a new step has is JSON', () => {
  const { payload } = readConfig(nodeKinds.webhook.form, {}) as { payload: string };
  expect(JSON.parse(renderJson(payload, fields))).toEqual({
    customer: { id: 5, email: 'ada@example.com', first_name: 'A"da\n', last_name: null }, journey: 'Welcome', step: 'Tell "them"', event: 'cart', at: '2026-03-02T12:00:00.000Z',
  });
});

test('templates read the customer, the journey, the step and the event', () => {
  expect(renderText('{{ journey.name }} / {{ step.id }} / {{ event.name }} {{ event.at }} / {{ customer.id }} / {{ __proto__ }}{{ event.properties.constructor }}', fields)).toBe('Welcome / tell / cart 1970-01-01T00:00:00.000Z / 5 / ');
});

test('fields belong to a form while another has a value; what is not asked is not read', () => {
  const { form } = nodeKinds['update-field'];
  const named = (name: string) => form.find((field) => field.name === name)!;
  expect([isAsked(named('value'), form, {}), isAsked(named('amount'), form, {}), isAsked(named('amount'), form, { mode: 'add' })]).toEqual([true, false, true]);
  expect(readConfig(form, { field: 'score', mode: 'add', amount: 1, value: 'left over' })).toEqual({ field: 'score', mode: 'add', amount: 1 });
  expect(validateConfig(form, { field: 'score', mode: 'add', value: 'left over' })).toEqual([{ field: 'amount', message: 'Fill in “Amount”.' }]);
  const waits = nodeKinds['wait-for-event'].form;
  expect(readConfig(waits, { event: { type: 'custom', name: 'x' }, campaign: 'c' })).toEqual({ event: { type: 'custom', name: 'x' }, filters: [], timeout: { amount: 7, unit: 'days' } });
  expect(readConfig(waits, { event: { type: 'opened' }, campaign: '', timeout: 'soon' })).toEqual({ event: { type: 'opened' }, timeout: { amount: 7, unit: 'days' } });
});

test('what a form does not know is refused', () => {
  expect(validateConfig(nodeKinds.exit.form, { label: 'x', evil: 1 })).toEqual([{ field: 'evil', message: 'There is no setting of this name.' }]);
  expect(validateConfig(nodeKinds.exit.form, { label: 'x'.repeat(101) })).toEqual([{ field: 'label', message: 'Label has 101 characters; at most 100 are possible.' }]);
  expect(validateConfig(nodeKinds.holdout.form, { percent: 51 })).toEqual([{ field: 'percent', message: 'Held out, %: expected a whole number from 1 to 50.' }]);
});

test('why a person went where she went, in words', () => {
  expect(sayBecause({ field: 'custom.plan_type', value: 'pro' })).toBe('plan type: “pro”');
  expect(sayBecause({ sent: '2026-03-02T09:00:30.000Z', opened: null })).toBe('sent: 2026-03-02 09:00 UTC, opened: none');
  expect(sayBecause(undefined)).toBe('');
});
