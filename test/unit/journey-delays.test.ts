import { expect, test } from 'vitest';
import type { GraphNode, NodeKindName } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { JourneyEvent, Member, Step } from '#domain/journey/nodes/node.ts';
import { wakeKey } from '#domain/journey/events.ts';

const at = (iso: string) => Date.parse(iso);
const member = (change: Partial<Member> = {}): Member => ({ enrollmentId: 1, customerId: 1, visit: 1, arrivedAt: 0, wokenBy: null, timezone: null, ...change });

function ask(kind: NodeKindName, config: GraphNode['config'], of: Member, now: string, zone = 'UTC'): Step {
  const node: GraphNode = { id: 'n', kind, name: 'N', config, x: 0, y: 0 };
  return kindOf(node).step(config, of, { journeyId: 'j', journeyName: 'J', graph: { nodes: [node], edges: [] }, node, now: at(now), zone, rules: null });
}

/** When a step lets her go, ISO in UTC, if she arrives at `now` and nothing changes. */
function until(kind: NodeKindName, config: GraphNode['config'], of: Member, now: string, zone?: string): string {
  const step = ask(kind, config, of, now, zone);
  return step.kind === 'rest' ? new Date(step.until).toISOString().replace('.000', '') : step.kind === 'go' ? step.port : step.kind;
}

test.each<[string, string, number, string, string, string]>([
  ['minutes are exact', 'UTC', 90, 'minutes', '2026-03-01T10:00:00Z', '2026-03-01T11:30:00Z'],
  ['hours are exact over a change of clocks', 'Europe/Berlin', 24, 'hours', '2026-03-28T12:00:00+01:00', '2026-03-29T11:00:00Z'],
  ['a day keeps the clock where it loses an hour', 'Europe/Berlin', 1, 'days', '2026-03-28T12:00:00+01:00', '2026-03-29T10:00:00Z'],
  ['a day keeps the clock where it wins an hour', 'Europe/Berlin', 1, 'days', '2026-10-24T12:00:00+02:00', '2026-10-25T11:00:00Z'],
  ['a time the clocks skip is the end of the gap', 'Europe/Berlin', 1, 'days', '2026-03-28T02:30:00+01:00', '2026-03-29T01:30:00Z'],
  ['a time that comes twice is its first', 'America/New_York', 1, 'days', '2026-10-31T01:30:00-04:00', '2026-11-01T05:30:00Z'],
  ['from the second of two same times the day after', 'America/New_York', 1, 'days', '2026-11-01T01:30:00-05:00', '2026-11-02T06:30:00Z'],
  ['weeks keep the clock over half a year', 'America/New_York', 26, 'weeks', '2026-01-15T09:00:00-05:00', '2026-07-16T13:00:00Z'],
  ['a year of days', 'UTC', 365, 'days', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['a half-hour change', 'Australia/Lord_Howe', 1, 'days', '2026-04-04T12:00:00+11:00', '2026-04-05T01:30:00Z'],
])('Fixed Delay: %s', (_, zone, amount, unit, now, expected) => {
  const config = { duration: { amount, unit } };
  expect(until('fixed-delay', config, member({ arrivedAt: at(now) }), now, zone)).toBe(expected);
  expect(ask('fixed-delay', config, member({ arrivedAt: at(now) }), expected, zone)).toEqual({ kind: 'go', port: 'next' });
});

test('Fixed Delay: a day unless something else is said, from her arrival, on the organization’s clock and not hers', () => {
  expect(until('fixed-delay', {}, member({ arrivedAt: at('2026-03-28T10:00:00Z'), timezone: 'Asia/Tokyo' }), '2026-03-28T22:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T09:00:00Z');
});

test.each<[string, Record<string, unknown>, string | null, string | null, string]>([
  ['a plain date at nine on the organization’s clock', {}, '2026-06-10', null, '2026-06-10T07:00:00Z'],
  ['on her own clock', {}, '2026-06-10', 'America/New_York', '2026-06-10T13:00:00Z'],
  ['a zone that is none counts as no zone', {}, '2026-06-10', 'Mars/Olympus', '2026-06-10T07:00:00Z'],
  ['at another time', { time: '18:30' }, '2026-06-10', null, '2026-06-10T16:30:00Z'],
  ['days before', { offset: { amount: 3, unit: 'days' } }, '2026-06-10', null, '2026-06-07T07:00:00Z'],
  ['days after, over a change of clocks', { offset: { amount: 10, unit: 'days' }, side: 'after' }, '2026-10-20', null, '2026-10-30T08:00:00Z'],
  ['weeks before', { offset: { amount: 2, unit: 'weeks' } }, '2026-06-10', null, '2026-05-27T07:00:00Z'],
  ['hours before are exact', { offset: { amount: 12, unit: 'hours' } }, '2026-06-10', null, '2026-06-09T19:00:00Z'],
  ['a date with a time has its own', { time: '18:30' }, '2026-06-10T15:00:00Z', null, '2026-06-10T15:00:00Z'],
  ['a time without an offset is on her clock', {}, '2026-06-10T15:00', 'America/New_York', '2026-06-10T19:00:00Z'],
  ['a time that the clocks skip', { time: '02:30' }, '2026-03-29', null, '2026-03-29T01:30:00Z'],
  ['no value', {}, null, null, 'no_date'],
  ['an empty value', {}, '   ', null, 'no_date'],
  ['text that is no date', {}, 'next summer', null, 'no_date'],
  ['a day the calendar does not have', {}, '2026-02-30', null, 'no_date'],
  ['what is past goes on at once', {}, '2026-02-28', null, 'reached'],
  ['so does a day whose offset is past', { offset: { amount: 40, unit: 'days' } }, '2026-03-31', null, 'reached'],
  ['farther away than a year she is asked again after one', {}, '2030-01-01', null, '2027-03-01T10:00:00Z'],
])('Wait Until Date: %s', (_, config, value, timezone, expected) => {
  const of = member({ timezone, fields: value === null ? {} : { 'custom.renews': value } });
  expect(until('wait-until-date', { field: 'custom.renews', ...config }, of, '2026-03-01T10:00:00Z', 'Europe/Berlin')).toBe(expected);
});

test('Wait Until Date: what she leaves with says which date it was', () => {
  expect(ask('wait-until-date', { field: 'custom.renews' }, member({ fields: { 'custom.renews': '2026-02-01' } }), '2026-03-01T10:00:00Z')).toEqual({ kind: 'go', port: 'reached', because: { 'custom.renews': '2026-02-01', due: '2026-02-01T09:00:00.000Z' } });
  expect(ask('wait-until-date', { field: 'custom.renews' }, member({ fields: { 'custom.renews': 'soon' } }), '2026-03-01T10:00:00Z')).toEqual({ kind: 'go', port: 'no_date', because: { 'custom.renews': 'soon' } });
});

test.each<[string, Record<string, unknown>, string | null, string, string]>([
  ['Monday to Friday, nine to five: open', {}, null, '2026-03-02T09:00:00+01:00', 'next'],
  ['the minute it closes it is closed', {}, null, '2026-03-02T17:00:00+01:00', '2026-03-03T08:00:00Z'],
  ['before it opens', {}, null, '2026-03-02T06:00:00+01:00', '2026-03-02T08:00:00Z'],
  ['Friday evening waits for Monday', {}, null, '2026-03-06T18:00:00+01:00', '2026-03-09T08:00:00Z'],
  ['Saturday too', {}, null, '2026-03-07T12:00:00+01:00', '2026-03-09T08:00:00Z'],
  ['over a change of clocks', {}, null, '2026-03-28T12:00:00+01:00', '2026-03-30T07:00:00Z'],
  ['on her own clock', {}, 'America/New_York', '2026-03-02T09:00:00+01:00', '2026-03-02T14:00:00Z'],
  ['where the day has begun for her already', {}, 'Asia/Tokyo', '2026-03-02T01:00:00+01:00', 'next'],
  ['a window over midnight', { from: '22:00', to: '06:00' }, null, '2026-03-03T03:00:00+01:00', 'next'],
  ['belongs to the day on which it begins', { weekdays: [1], from: '22:00', to: '06:00' }, null, '2026-03-03T03:00:00+01:00', 'next'],
  ['and not to the next', { weekdays: [2], from: '22:00', to: '06:00' }, null, '2026-03-03T03:00:00+01:00', '2026-03-03T21:00:00Z'],
  ['until midnight', { from: '09:00', to: '00:00' }, null, '2026-03-02T23:59:00+01:00', 'next'],
  ['one day a week', { weekdays: [7] }, null, '2026-03-02T12:00:00+01:00', '2026-03-08T08:00:00Z'],
  ['a window the clocks skip is open an hour later', { weekdays: [7], from: '02:00', to: '02:30' }, null, '2026-03-28T12:00:00+01:00', '2026-03-29T01:00:00Z'],
  ['one of which nothing is left is not open that day', { weekdays: [7], from: '02:30', to: '03:00' }, null, '2026-03-28T12:00:00+01:00', '2026-04-05T00:30:00Z'],
  ['a whole day', { weekdays: [1], from: '00:00', to: '00:00' }, null, '2026-03-02T23:59:59+01:00', 'next'],
])('Time Window: %s', (_, config, timezone, now, expected) => {
  const of = member({ arrivedAt: at(now), timezone });
  const opens = until('time-window', config, of, now, 'Europe/Berlin');
  expect(opens).toBe(expected);
  if (opens !== 'next') expect(until('time-window', config, of, opens, 'Europe/Berlin')).toBe('next');
});

const event = (change: Partial<JourneyEvent>): JourneyEvent => ({ id: 7, type: 'clicked', name: null, mailNo: 4, at: at('2026-03-01T11:00:00Z'), machine: false, properties: {}, ...change });

test('Wait for Event: seven days unless something else is said; woken she goes at once', () => {
  const config = { event: { type: 'clicked' } };
  const arrivedAt = at('2026-03-01T10:00:00Z');
  expect(ask('wait-for-event', config, member({ arrivedAt }), '2026-03-01T10:00:00Z')).toEqual({ kind: 'rest', until: at('2026-03-08T10:00:00Z'), wake: 'clicked' });
  expect(ask('wait-for-event', config, member({ arrivedAt, wokenBy: event({}) }), '2026-03-01T12:00:00Z')).toEqual({ kind: 'go', port: 'happened', because: { event: 'clicked', at: '2026-03-01T11:00:00.000Z' } });
  expect(until('wait-for-event', config, member({ arrivedAt }), '2026-03-08T10:00:00Z')).toBe('timed_out');
  expect(ask('wait-for-event', { event: { type: 'custom', name: 'order_placed' }, timeout: { amount: 2, unit: 'hours' } }, member({ arrivedAt }), '2026-03-01T10:00:00Z')).toEqual({ kind: 'rest', until: at('2026-03-01T12:00:00Z'), wake: 'custom:order_placed' });
});

test.each<[string, Record<string, unknown>, Partial<JourneyEvent>, boolean]>([
  ['any mail', {}, {}, true],
  ['another event', {}, { type: 'opened' }, false],
  ['a machine’s click', {}, { machine: true }, false],
  ['this campaign', { campaign: 'c' }, { mailNo: 4 }, true],
  ['another campaign', { campaign: 'c' }, { mailNo: 5 }, false],
  ['this step of this journey', { journey: 'j', step: 's' }, { mailNo: 6 }, true],
  ['another step of it', { journey: 'j', step: 'other' }, { mailNo: 6 }, false],
  ['no mail at all', { campaign: 'c' }, { mailNo: null }, false],
  ['a custom event', { event: { type: 'custom', name: 'order_placed' } }, { type: 'custom', name: 'order_placed', mailNo: null }, true],
  ['one of another name', { event: { type: 'custom', name: 'order_placed' } }, { type: 'custom', name: 'order_shipped', mailNo: null }, false],
  ['its properties', { event: { type: 'custom', name: 'order_placed' }, filters: [{ property: 'total', operator: 'greater_than', value: 10 }] }, { type: 'custom', name: 'order_placed', properties: { total: 11 } }, true],
  ['other properties', { event: { type: 'custom', name: 'order_placed' }, filters: [{ property: 'total', operator: 'greater_than', value: 10 }] }, { type: 'custom', name: 'order_placed', properties: { total: '9' } }, false],
])('Wait for Event matches %s', (_, config, change, expected) => {
  const mails = { isOf: (no: number | null, filter: { campaign?: string; journey?: string; step?: string }) => (no === 4 && filter.campaign === 'c') || (no === 6 && filter.journey === 'j' && (filter.step === undefined || filter.step === 's')) };
  const node: GraphNode = { id: 'n', kind: 'wait-for-event', name: 'N', config: { event: { type: 'clicked' }, ...config }, x: 0, y: 0 };
  expect(kindOf(node).matches!(node.config, event(change), mails)).toBe(expected);
});

test('what a row waits for is the event’s name, of custom ones with their own', () => {
  expect([wakeKey({ type: 'opened' }), wakeKey({ type: 'custom', name: 'order_placed' })]).toEqual(['opened', 'custom:order_placed']);
});
