import { expect, test } from 'vitest';
import { toDocument, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import type { GraphNode, NodeKindName } from '#domain/journey/graph.ts';
import { kindOf, nodeKinds } from '#domain/journey/nodes/index.ts';
import type { Member, Names, Step } from '#domain/journey/nodes/node.ts';
import { pack } from '#domain/customer/activity.ts';
import type { RuleContext } from '#domain/segment/ast.ts';

const now = Date.parse('2026-03-02T12:00:00Z');
const hour = 3_600_000;
const fields: readonly CustomField[] = [
  { no: 1, key: 'plan_type', label: 'Plan', type: 'text', slot: 'k0' },
  { no: 2, key: 'renews', label: 'Renews', type: 'date', slot: null },
];
const rules: RuleContext = {
  catalogue: fields, zone: 'UTC', now: 0, lists: {}, customEvents: { order_placed: 3 },
  segments: { big: { name: 'Big', rule: { op: 'and', parts: [{ field: 'score', operator: 'greater_than', value: 50 }] } } },
  sources: { c: { kind: 'campaign', name: 'Spring', mails: [{ no: 4 }] }, j: { kind: 'journey', name: 'Welcome', mails: [{ no: 8, step: 'one' }, { no: 9, step: 'two' }] } },
};
const row = (change: Partial<CustomerRow> = {}): CustomerRow => ({
  id: 5, email: 'ada@example.com', firstName: 'Ada', lastName: null, phone: null, city: 'London', country: null, score: 60, timezone: null, custom: {}, isUnsubscribed: false, isBounced: false,
  isSuppressed: false, mailable: true, lists: [], activity: {}, createdAt: 0, updatedAt: 0, ...change,
});
const member = (change: Partial<Member> = {}): Member => ({ enrollmentId: 1, customerId: 5, visit: 1, arrivedAt: now, wokenBy: null, timezone: null, fields: {}, document: toDocument(row(), fields, 'UTC'), sends: [], event: null, ...change });

function ask(kind: NodeKindName, config: GraphNode['config'], of: Member = member(), journeyId = 'j', id = 'n'): Step {
  const node: GraphNode = { id, kind, name: 'Step', config, x: 0, y: 0 };
  return kindOf(node).step(config, of, { journeyId, journeyName: 'Welcome', graph: { nodes: [node], edges: [] }, node, now, zone: 'UTC', rules });
}
const port = (step: Step) => (step.kind === 'go' ? step.port : step.kind);

test.each<[string, Record<string, unknown>, Partial<CustomerRow>, string, unknown]>([
  ['a text, whatever its case', { field: 'city', comparison: { operator: 'equals', value: ' LONDON ' } }, {}, 'yes', 'london'],
  ['a number', { field: 'score', comparison: { operator: 'greater_than', value: 60 } }, {}, 'no', 60],
  ['a missing value is not equal', { field: 'country', comparison: { operator: 'not_equals', value: 'US' } }, {}, 'yes', null],
  ['a missing value contains nothing', { field: 'country', comparison: { operator: 'contains', value: 'U' } }, {}, 'no', null],
  ['is not set', { field: 'phone', comparison: { operator: 'is_not_set' } }, {}, 'yes', null],
  ['a custom field', { field: 'custom.plan_type', comparison: { operator: 'is_one_of', value: ['premium', 'pro'] } }, { custom: { plan_type: 'Pro' } }, 'yes', 'pro'],
  ['a date past the slots', { field: 'custom.renews', comparison: { operator: 'in_next_days', value: 7 } }, { custom: { renews: '2026-03-05' } }, 'yes', '2026-03-05T00:00:00.000Z'],
  ['a misfit is missing', { field: 'custom.renews', comparison: { operator: 'before', value: '2030-01-01' } }, { custom: { renews: 'soon' } }, 'no', null],
  ['a field that is gone', { field: 'custom.gone', comparison: { operator: 'equals', value: 'x' } }, {}, 'no', null],
])('Field Condition: %s', (_, config, change, expected, seen) => {
  expect(ask('field-condition', config, member({ document: toDocument(row(change), fields, 'UTC') }))).toEqual({ kind: 'go', port: expected, because: { field: config['field'], value: seen } });
});

test('Segment Condition: member now; a segment that is gone has none', () => {
  expect(ask('segment-condition', { segment: 'big' })).toEqual({ kind: 'go', port: 'yes', because: { segment: 'Big' } });
  expect(port(ask('segment-condition', { segment: 'big' }, member({ document: toDocument(row({ score: null }), fields, 'UTC') })))).toBe('no');
  expect(ask('segment-condition', { segment: 'gone' })).toEqual({ kind: 'go', port: 'no', because: { segment: null } });
  expect(nodeKinds['segment-condition'].rules!({ segment: 'big' })).toEqual([{ op: 'and', parts: [{ segment: 'big', in: true }] }]);
});

const seconds = (ms: number) => Math.floor(ms / 1_000);
const activity = { opened_last: String(now - 40 * 24 * hour), opened_count: '2', opened_in: `{${pack(4, seconds(now - 40 * 24 * hour))}}`, clicked_last: String(now - hour), clicked_in: `{${pack(8, seconds(now - hour))}}`, custom_events: `{${pack(3, seconds(now - hour))}}` };

test.each<[string, Record<string, unknown>, string]>([
  ['any mail, any time', { event: { type: 'opened' } }, 'yes'],
  ['within a window', { event: { type: 'opened' }, window: { last: 30, unit: 'DAY' } }, 'no'],
  ['a campaign', { event: { type: 'opened' }, campaign: 'c' }, 'yes'],
  ['another campaign', { event: { type: 'clicked' }, campaign: 'c' }, 'no'],
  ['a journey', { event: { type: 'clicked' }, journey: 'j' }, 'yes'],
  ['a step of it', { event: { type: 'clicked' }, journey: 'j', step: 'two' }, 'no'],
  ['nothing of the kind', { event: { type: 'complained' } }, 'no'],
  ['a custom event', { event: { type: 'custom', name: 'order_placed' }, window: { last: 2, unit: 'HOUR' } }, 'yes'],
  ['a custom event that never came', { event: { type: 'custom', name: 'never' } }, 'no'],
  ['what is left of a mail event is not asked of a custom one', { event: { type: 'custom', name: 'order_placed' }, campaign: 'c' }, 'yes'],
])('Event Condition: %s', (_, config, expected) => {
  expect(port(ask('event-condition', config, member({ document: toDocument(row({ activity }), fields, 'UTC') })))).toBe(expected);
});

const mail = (sentAt: number, openedAt: number | null = null, clickedAt: number | null = null, node = 'welcome') => ({ node, sentAt, openedAt, clickedAt });

test.each<[string, Record<string, unknown>, Member['sends'], string]>([
  ['opened', {}, [mail(now - hour, now - 1)], 'yes'],
  ['not opened', {}, [mail(now - hour)], 'no'],
  ['nothing sent', {}, [], 'no'],
  ['another mail', {}, [mail(now - hour, now - 1, now - 1, 'other')], 'no'],
  ['clicked', { did: 'clicked' }, [mail(now - hour, now - 1)], 'no'],
  ['in time', { within: { amount: 1, unit: 'hours' } }, [mail(now - 2 * hour, now - hour)], 'yes'],
  ['too late', { within: { amount: 1, unit: 'hours' } }, [mail(now - 3 * hour, now - hour)], 'no'],
  ['the last one counts, in whatever order they come', {}, [mail(now - hour), mail(now - 9 * hour, now - 8 * hour)], 'no'],
])('Engagement Condition: %s', (_, config, sends, expected) => {
  expect(port(ask('engagement-condition', { step: 'welcome', ...config }, member({ sends: sends! })))).toBe(expected);
});

test('Percentage Split: fixed per customer and step, and as wide as it says', () => {
  const config = { branches: [{ label: 'Short', percent: 20 }, { label: ' ', percent: 50 }, { label: '', percent: 30 }] };
  expect(kindOf({ kind: 'percentage-split' }).ports(config)).toEqual([{ id: 'a', label: 'Short' }, { id: 'b', label: 'B' }, { id: 'c', label: 'C' }]);
  const taken = (id: number, step = 'n', journey = 'j') => port(ask('percentage-split', config, member({ customerId: id }), journey, step));
  const counts: Record<string, number> = {};
  for (let id = 1; id <= 20_000; id += 1) counts[taken(id)] = (counts[taken(id)] ?? 0) + 1;
  for (const [branch, share] of [['a', 0.2], ['b', 0.5], ['c', 0.3]] as const) expect(Math.abs(counts[branch]! / 20_000 - share)).toBeLessThan(0.015);
  const both = Array.from({ length: 4_000 }, (_, i) => i + 1).filter((id) => taken(id) === 'a' && taken(id, 'other') === 'a').length;
  expect(Math.abs(both / 4_000 - 0.04)).toBeLessThan(0.015);
  const elsewhere = Array.from({ length: 4_000 }, (_, i) => i + 1).filter((id) => taken(id) === 'a' && taken(id, 'n', 'other') === 'a').length;
  expect(Math.abs(elsewhere / 4_000 - 0.04)).toBeLessThan(0.015);
});

test('Holdout: fixed per customer and journey, the same at every holdout of it', () => {
  const kept = (id: number, percent: number, step = 'n', journey = 'j') => port(ask('holdout', { percent }, member({ customerId: id }), journey, step)) === 'held_out';
  const people = Array.from({ length: 20_000 }, (_, i) => i + 1);
  expect(Math.abs(people.filter((id) => kept(id, 10)).length / 20_000 - 0.1)).toBeLessThan(0.01);
  expect(people.every((id) => kept(id, 10) === kept(id, 10, 'later') && (!kept(id, 10) || kept(id, 30)))).toBe(true);
  expect(people.filter((id) => kept(id, 10) && kept(id, 10, 'n', 'other')).length).toBeLessThan(400);
  expect(port(ask('holdout', {}, member()))).toMatch(/continue|held_out/);
});

test.each<[string, Record<string, unknown>, unknown]>([
  ['set', { field: 'custom.stage', mode: 'set', value: 'active' }, { kind: 'field', field: 'custom.stage', mode: 'set', value: 'active' }],
  ['add', { field: 'score', mode: 'add', amount: 10 }, { kind: 'field', field: 'score', mode: 'add', value: 10 }],
  ['subtract', { field: 'score', mode: 'subtract', amount: 2.5 }, { kind: 'field', field: 'score', mode: 'subtract', value: 2.5 }],
  ['template', { field: 'custom.last_journey', mode: 'template', template: '{{ journey.name }} for {{ first_name | default: "you" }}, {{ event.properties.cart.total }}' }, { kind: 'field', field: 'custom.last_journey', mode: 'set', value: 'Welcome for Ada, 12.5' }],
  ['now', { field: 'custom.seen', mode: 'now' }, { kind: 'field', field: 'custom.seen', mode: 'set', value: '2026-03-02T12:00:00.000Z' }],
  ['clear', { field: 'phone', mode: 'clear' }, { kind: 'field', field: 'phone', mode: 'clear', value: null }],
])('Update Contact Field: %s', (_, config, change) => {
  const of = member({ fields: { first_name: 'Ada' }, event: { id: 1, type: 'custom', name: 'cart', mailNo: null, at: 0, machine: false, properties: { cart: { total: 12.5 } } } });
  const step = ask('update-field', config, of);
  expect(step).toMatchObject({ kind: 'go', port: 'next', change });
});

test('lists, sends, webhooks, exits', () => {
  expect(ask('add-to-list', { list: 'l' })).toEqual({ kind: 'go', port: 'next', because: { list: 'l' }, change: { kind: 'list', listId: 'l', in: true } });
  expect(ask('remove-from-list', { list: 'l' })).toMatchObject({ change: { kind: 'list', listId: 'l', in: false } });
  expect([ask('send', {}), ask('webhook', {})]).toEqual([{ kind: 'act' }, { kind: 'act' }]);
  expect(kindOf({ kind: 'exit' }).ports({})).toEqual([]);
});

const names: Names = { list: (id) => (id === 'l' ? 'News' : null), segment: () => 'Big', campaign: () => 'Spring', journey: () => null, connection: () => null, step: () => 'Welcome' };

test.each<[NodeKindName, Record<string, unknown>, string]>([
  ['entry', {}, 'No trigger chosen'],
  ['entry', { trigger: { kind: 'list', list: '' } }, 'No list chosen'],
  ['entry', { trigger: { kind: 'event' } }, 'No event chosen'],
  ['entry', { trigger: { kind: 'list', list: 'l' } }, 'Added to “News”'],
  ['entry', { trigger: { kind: 'event', event: 'clicked', campaign: 'c' } }, 'Clicked “Spring”'],
  ['send', {}, 'No subject yet'],
  ['update-field', { field: 'score', mode: 'add', amount: 10 }, 'score + 10'],
  ['update-field', { field: 'custom.stage', value: 'active' }, 'stage = “active”'],
  ['add-to-list', { list: 'gone' }, 'Deleted list'],
  ['field-condition', { field: 'city', comparison: { operator: 'equals', value: 'London' } }, 'city is “London”'],
  ['field-condition', { field: 'city', comparison: { operator: 'nonsense' } }, 'city'],
  ['engagement-condition', { step: 'welcome', within: { amount: 2, unit: 'days' } }, 'opened “Welcome” within 2 days'],
  ['event-condition', { event: { type: 'opened' }, window: { last: 1, unit: 'DAY' } }, 'opened any mail in the last 1 day'],
  ['percentage-split', {}, '50 / 50'],
  ['percentage-split', { branches: 'nonsense' }, '50 / 50'],
  ['holdout', {}, '10 % held out'],
  ['fixed-delay', {}, '1 day'],
  ['fixed-delay', { duration: { amount: 'three' } }, '1 day'],
  ['wait-until-date', { field: 'custom.renews' }, 'On renews'],
  ['wait-for-event', { event: { type: 'custom', name: 'order_placed' } }, 'order_placed, at most 7 days'],
  ['time-window', {}, 'Mon–Fri 09:00–17:00'],
  ['time-window', { weekdays: [6, 1] }, 'Mon, Sat 09:00–17:00'],
])('the canvas says of %s %j: %s', (kind, config, words) => {
  expect(kindOf({ kind }).describe(config, names)).toBe(words);
});

test('every kind can be drawn, described and asked for its ports without any configuration, and with nonsense', () => {
  for (const kind of Object.values(nodeKinds)) {
    const nonsense = Object.fromEntries(kind.form.map((field, i) => [field.name, [null, 5, 'x', [], { a: [{}] }][i % 5]]));
    for (const config of [{}, nonsense]) {
      expect(typeof kind.describe(config, names)).toBe('string');
      expect(new Set(kind.ports(config).map(({ id }) => id)).size).toBe(kind.ports(config).length);
    }
  }
});
