import { expect, test } from 'vitest';
import type { CustomField } from '#domain/customer/fields.ts';
import { checkGraph } from '#domain/journey/check.ts';
import { emptyGraph, MAX_NODES, parseGraph, type Edge, type Graph, type GraphNode } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import type { NodeProblem } from '#domain/journey/nodes/node.ts';
import type { World } from '#domain/journey/world.ts';
import { addTo, clicked, condition, did, enters, exit, fresh, graphOf, holds, inSegment, opened, send, split, timeWindow, untilDate, update, wait, waitFor, webhook, type Piece } from '../support/journey-dsl.ts';

const catalogue: readonly CustomField[] = [
  { no: 1, key: 'plan', label: 'Plan', type: 'text', slot: 'k0' }, { no: 2, key: 'visits', label: 'Visits', type: 'number', slot: 'n0' },
  { no: 3, key: 'renews', label: 'Renews', type: 'date', slot: 'd0' }, { no: 4, key: 'vip', label: 'VIP', type: 'boolean', slot: 'b0' },
];
const existing = new Set(['list:news', 'segment:big', 'campaign:spring', 'journey:other', 'connection:smtp']);
const world: World = { has: (kind, id) => existing.has(`${kind}:${id}`), hasStep: (journey, step) => journey === 'other' && step === 'hello', catalogue, zone: 'UTC', now: Date.parse('2026-03-02T12:00:00Z'), mailProblems: () => [] };

const problemsOf = (...pieces: readonly Piece[]) => checkGraph(graphOf(...pieces), world);
const said = (problems: readonly NodeProblem[]) => problems.map(({ node, field, message, severity }) => `${severity === 'error' ? '' : 'warning '}${node}${field === null ? '' : `.${field}`}: ${message}`);

/** A graph with circles: the DSL draws none. */
function drawn(nodes: readonly GraphNode[], ...edges: readonly string[]): Graph {
  return { nodes, edges: edges.map((edge): Edge => {
    const [from = '', port = '', to = ''] = edge.split(' ');
    return { from, port, to };
  }) };
}
const manual: GraphNode = { ...emptyGraph().nodes[0]!, config: { trigger: { kind: 'manual' } } };

test('a sound journey has no problems', () => {
  expect(said(problemsOf(
    enters({ kind: 'list', list: 'news' }, { goal: { kind: 'event', event: 'clicked', journey: 'other', step: 'hello' }, exits: { goal: true, segment: 'big' } }),
    send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'), send('reminder')), update('score', { mode: 'add', amount: 10 }), addTo('news'),
    condition(inSegment('big'), exit('big')), condition(did('order_placed'), exit('bought')), untilDate('custom.renews', timeWindow()), webhook('https://example.com/hook'), exit('done'),
  ))).toEqual([]);
});

test('every required field of every kind is asked for, on its step', () => {
  const nodes = Object.keys(nodeKinds).filter((kind) => kind !== 'entry').map((kind) => fresh(kind as keyof typeof nodeKinds));
  const problems = checkGraph({ nodes: [emptyGraph().nodes[0]!, ...nodes], edges: [] }, world).filter(({ severity, field }) => severity === 'error' && field !== null);
  expect(said(problems)).toEqual([
    'entry.trigger: Choose how people enter.',
    'send.subject: Fill in “Email Subject”.', 'send.fromName: Fill in “From Name”.', 'send.fromEmail: Give an address like news@example.com.', 'send.html: Fill in “HTML Content”.', 'send.connection: Choose a connection.',
    'update-field.field: Choose a field.', 'update-field.value: Fill in “Value”.',
    'add-to-list.list: Choose a list.', 'remove-from-list.list: Choose a list.',
    'webhook.url: Give an address like https://example.com/hook.', 'webhook.secret: Fill in “Secret”.',
    'field-condition.field: Choose a field.', 'field-condition.comparison: Choose a condition.',
    'engagement-condition.step: Choose an email.', 'segment-condition.segment: Choose a segment.', 'event-condition.event: Choose an event.',
    'wait-until-date.field: Choose a field.', 'wait-for-event.event: Choose an event.',
  ]);
});

test.each<[string, Piece, string, RegExp]>([
  ['a list', addTo('gone'), 'list', /This list does not exist any more. Choose another list./],
  ['a segment', condition(inSegment('gone'), exit('x')), 'segment', /This segment does not exist/],
  ['a connection', send('hello', { connection: 'gone' }), 'connection', /This connection does not exist/],
  ['a campaign', condition(did('opened', { campaign: 'gone' }), exit('x')), 'campaign', /This campaign does not exist/],
  ['a journey', waitFor('opened', '1d', [], [], { journey: 'gone' }), 'journey', /This journey does not exist/],
  ['an email of a journey', waitFor('opened', '1d', [], [], { journey: 'other', step: 'gone' }), 'step', /This email does not exist/],
  ['a field', update('custom.gone', { mode: 'clear' }), 'field', /There is no field custom.gone. Choose another field, or add/],
  ['the email as a field to write', update('email', { mode: 'set', value: 'x' }), 'field', /cannot be used here/],
  ['a value of the system', update('created_at', { mode: 'now' }), 'field', /cannot be used here/],
  ['a date that is a text', untilDate('custom.plan', []), 'field', /custom.plan is a text field; choose a date field./],
  ['a sum of texts', update('custom.plan', { mode: 'add', amount: 1 }), 'mode', /custom.plan is a text field; only numbers/],
  ['the time in a number', update('custom.visits', { mode: 'now' }), 'mode', /cannot hold a time/],
  ['a word for a number', update('score', { mode: 'set', value: 'many' }), 'value', /score expects a number/],
  ['a word for a date', update('custom.renews', { mode: 'set', value: 'soon' }), 'value', /expects a date like/],
  ['a word for a truth', update('custom.vip', { mode: 'set', value: 'maybe' }), 'value', /expects true or false/],
  ['a zone there is none of', update('timezone', { mode: 'set', value: 'Mars' }), 'value', /expects a time zone/],
  ['a template with a field there is none of', update('custom.plan', { mode: 'template', template: 'to {{ custom.gone }}' }), 'template', /Line 1, column 4: there is no field custom.gone/],
  ['a template that is not closed', update('custom.plan', { mode: 'template', template: '{% if score > 5 %}x' }), 'template', /is not closed/],
  ['an operator for another type', condition(holds('score', 'contains', '5'), exit('x')), 'comparison.operator', /for text fields/],
  ['a value of another type', condition(holds('score', 'greater_than', 'five'), exit('x')), 'comparison.value', /Expected a number/],
  ['a payload that is no JSON', webhookWith({ payload: '{"a": {{email}' }), 'payload', /is not closed/],
  ['a payload with a comma too many', webhookWith({ payload: '{"a": {{email}},}' }), 'payload', /no JSON once its tags/],
  ['a header of ours', webhookWith({ headers: [{ key: 'Webhook-Signature', value: 'x' }] }), 'headers[0].key', /set by Fermata/],
  ['a header on two lines', webhookWith({ headers: [{ key: 'X-A', value: 'x\r\nEvil: 1' }] }), 'headers[0].value', /one line/],
  ['an address of another kind', webhookWith({ url: 'ftp://example.com' }), 'url', /https:\/\/example.com/],
  ['a password in an address', webhookWith({ url: 'https://me:secret@example.com' }), 'url', /Leave user name and password out/],
  ['shares that do not add up', split([50, exit('a')], [40, exit('b')]), 'branches', /add up to 90 %/],
  ['one branch', split([99, exit('a')]), 'branches', /expected 2 to 10, got 1/],
  ['half a percent', split([50.5, exit('a')], [49, exit('b')]), 'branches[0].percent', /whole number from 1 to 99/],
  ['too long a delay', wait('366d'), 'duration', /expected 1 minute to 365 days/],
  ['no delay', wait('0m'), 'duration', /expected 1 minute to 365 days/],
  ['a delay in years', { ...wait('1d'), config: { duration: { amount: 1, unit: 'years' } } }, 'duration', /an amount and a unit/],
  ['no days', timeWindow({ weekdays: [] }), 'weekdays', /at least one day/],
  ['a time that is none', timeWindow({ from: '25:00' }), 'from', /a time like 09:00/],
  ['a name that is a mail event', waitFor('order', '1d', [], [], { event: { type: 'custom', name: 'opened' } }), 'event.name', /name of a mail event/],
  ['a campaign and a journey', waitFor('opened', '1d', [], [], { campaign: 'spring', journey: 'other' }), 'journey', /a campaign or a journey, not both/],
  ['a filter without a value', waitFor('order', '1d', [], [], { filters: [{ property: 'total', operator: 'at_least' }] }), 'filters[0].value', /Write a value/],
  ['a mailbox that is none', send('hello', { fromEmail: 'news' }), 'fromEmail', /Not an email address/],
  ['a UTM parameter there is none of', send('hello', { utm: { utm_evil: 'x' } }), 'utm.utm_evil', /Unknown UTM parameter/],
])('refused: %s', (_, piece, field, message) => {
  const errors = problemsOf(piece).filter(({ severity }) => severity === 'error');
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ field, message: expect.stringMatching(message) });
  expect(errors[0]!.node).not.toBe('entry');
});

function webhookWith(config: Record<string, unknown>): Piece {
  const piece = webhook('https://example.com/hook');
  return { ...piece, config: { ...piece.config, ...config } };
}

test.each<[string, Record<string, unknown>, string]>([
  ['no list', { trigger: { kind: 'list', list: '' } }, 'trigger.list: Choose a list.'],
  ['a list that is gone', { trigger: { kind: 'list', list: 'gone' } }, 'trigger.list: This list does not exist any more. Choose another list.'],
  ['a campaign that is gone', { trigger: { kind: 'event', event: 'clicked', campaign: 'gone' } }, 'trigger.campaign: This campaign does not exist any more. Choose another campaign.'],
  ['an event nobody enters by', { trigger: { kind: 'event', event: 'sent' } }, 'trigger.event: Expected one of opened, clicked, bounced, complained, unsubscribed.'],
  ['an event without a name', { trigger: { kind: 'custom', name: '' } }, 'trigger.name: Name the event, like order_placed.'],
  ['a trigger of another kind', { trigger: { kind: 'moon' } }, 'trigger: Trigger: expected how people enter: { "kind": "manual" }, "list", "event" or "custom".'],
  ['a goal that is gone', { trigger: { kind: 'manual' }, goal: { kind: 'segment', segment: 'gone' } }, 'goal.segment: This segment does not exist any more. Choose another segment.'],
  ['a goal of a step that is gone', { trigger: { kind: 'manual' }, goal: { kind: 'event', event: 'opened', journey: 'other', step: 'gone' } }, 'goal.step: This email does not exist any more. Choose another email.'],
  ['a campaign not chosen yet', { trigger: { kind: 'manual' }, goal: { kind: 'event', event: 'clicked', campaign: '' } }, 'goal.campaign: Choose a campaign, or leave it out.'],
  ['an exit not chosen yet', { trigger: { kind: 'manual' }, exits: { goal: true, segment: '' } }, 'exits.segment: Choose a segment, or leave it out.'],
  ['an exit that is gone', { trigger: { kind: 'manual' }, exits: { goal: true, segment: 'gone' } }, 'exits.segment: This segment does not exist any more. Choose another segment.'],
  ['re-entry of another kind', { trigger: { kind: 'manual' }, reentry: 'always' }, 'reentry: Re-entry: expected one of once, after_completion, concurrent.'],
])('entry refused: %s', (_, config, expected) => {
  expect(said(checkGraph({ nodes: [{ ...manual, config }], edges: [] }, world))).toEqual([`entry.${expected}`]);
});

test('a condition needs a way out; one is enough', () => {
  expect(said(problemsOf(condition(inSegment('big'), [])))).toEqual(['in-big: Connect at least one way out: Yes or No.']);
  expect(said(problemsOf(condition(inSegment('big'), [], exit('no'))))).toEqual([]);
});

test('who enters and finds nothing is done at once: a warning', () => {
  expect(said(checkGraph(drawn([manual, fresh('exit')], ''), world))).toEqual(['warning entry: Nothing is connected to the entry: whoever enters is done at once.', 'warning exit: Nobody gets to this step: connect it to a step before it, or delete it.']);
});

const mail = (id: string): GraphNode => ({ ...fresh('send', id), name: id, config: send(id).config });
const delay = fresh('fixed-delay', 'delay');

test('a circle needs a delay', () => {
  const round = ['entry next a', 'a next b', 'b next a'];
  expect(said(checkGraph(drawn([manual, mail('a'), mail('b')], ...round), world))).toEqual(['a: “a” → “b” → “a” goes round without a delay. Put a Fixed Delay or a Wait for Event into the circle.']);
  expect(checkGraph(drawn([manual, mail('a'), mail('b'), delay], 'entry next a', 'a next b', 'b next delay', 'delay next a'), world)).toEqual([]);
  expect(said(checkGraph(drawn([manual, mail('a')], 'entry next a', 'a next a'), world))).toEqual(['a: “a” → “a” goes round without a delay. Put a Fixed Delay or a Wait for Event into the circle.']);
  expect(said(checkGraph(drawn([manual, mail('a'), fresh('time-window')], 'entry next a', 'a next time-window', 'time-window next a'), world))[0]).toMatch(/“Time Window” lets people through at once/);
});

test('each of several circles is told, and a circle beside a delayed one too', () => {
  const big = { ...fresh('segment-condition', 'big'), config: { segment: 'big' } };
  const graph = drawn([manual, mail('a'), big, delay, mail('b'), mail('c')], 'entry next a', 'a next big', 'big yes a', 'big no delay', 'delay next b', 'b next c', 'c next b');
  expect(checkGraph(graph, world).map(({ node }) => node)).toEqual(['a', 'b']);
});

test('an Engagement Condition follows its send: on some way, or it is refused; on every way, or it is pointed out', () => {
  expect(said(problemsOf(condition(opened('later'), send('later'), exit('x'))))).toEqual(['opened-later.step: No way leads from “later” to this condition. Choose an email that is sent before it.']);
  expect(said(problemsOf(send('sent'), condition(clicked('nothing'), exit('x'))))).toEqual(['clicked-nothing.step: This email does not exist any more. Choose another email.']);
  expect(said(problemsOf(wait('1d'), condition(clicked('wait-1d'), exit('x'))))).toEqual(['clicked-wait-1d.step: This email does not exist any more. Choose another email.']);
  expect(said(problemsOf(condition(inSegment('big'), send('offer')), condition(opened('offer'), exit('x'))))).toEqual(['warning opened-offer.step: Some people come here without having been sent “offer”; they take No.']);
});

test('steps of this very journey can be its goal before they are published', () => {
  const goal = (step: string) => problemsOf(enters({ kind: 'manual' }, { goal: { kind: 'event', event: 'clicked', journey: 'other', step } }), send('welcome'), exit('done'));
  expect([said(goal('welcome')), said(goal('done'))]).toEqual([[], ['entry.goal.step: This email does not exist any more. Choose another email.']]);
});

test('what mails say is told with the steps', () => {
  const told = checkGraph(graphOf(send('welcome'), send('second', { subject: '' })), { ...world, mailProblems: (node) => [{ field: 'subject', message: `Mail of ${node.id}.`, severity: 'error' }] });
  expect(said(told)).toEqual(['welcome.subject: Mail of welcome.', 'second.subject: Fill in “Email Subject”.']);
});

test('the largest journeys are checked, whatever they look like', () => {
  const half = (MAX_NODES - 2) / 2;
  const sends = Array.from({ length: half }, (_, i) => mail(`s${i}`));
  const conditions = sends.map(({ id }, i): GraphNode => ({ ...fresh('engagement-condition', `c${i}`), config: { step: id } }));
  const edges = [...sends.map(({ id }, i) => `${id} next ${sends[i + 1]?.id ?? 'c0'}`), ...conditions.flatMap(({ id }, i) => [`${id} yes ${conditions[i + 1]?.id ?? 'delay'}`, `${id} no ${conditions[i + 2]?.id ?? 'delay'}`])];
  const graph = drawn([manual, ...sends, ...conditions, delay], 'entry next s0', ...edges, 'delay next s0');
  expect(parseGraph(graph)).toHaveProperty('graph');
  expect(checkGraph(graph, world)).toEqual([]);
});
