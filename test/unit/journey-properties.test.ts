import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CustomField } from '#domain/customer/fields.ts';
import { checkGraph } from '#domain/journey/check.ts';
import { emptyGraph, nodeKindNames, parseGraph, type Edge, type Graph, type GraphNode, type NodeKindName } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import { createSimulation } from '#domain/journey/simulate.ts';
import type { World } from '#domain/journey/world.ts';
import { fresh, send } from '../support/journey-dsl.ts';
import { JourneyRun } from '../support/journey-run.ts';

const catalogue: readonly CustomField[] = [{ no: 1, key: 'renews', label: 'Renews', type: 'date', slot: 'd0' }];
const world: World = { has: () => true, hasStep: () => true, catalogue, zone: 'UTC', now: Date.parse('2026-03-02T12:00:00Z'), mailProblems: () => [] };
const segments = { big: { name: 'Big', rule: { op: 'and' as const, parts: [{ field: 'score', operator: 'at_least' as const, value: 20 }] } } };

const units = ['minutes', 'hours', 'days', 'weeks'] as const;
const duration = fc.record({ amount: fc.integer({ min: 1, max: 20 }), unit: fc.constantFrom(...units) });
const clock = fc.record({ hour: fc.integer({ min: 0, max: 23 }), minute: fc.integer({ min: 0, max: 59 }) }).map(({ hour, minute }) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);

/** A valid config of each kind. `send` is the id of a send step. */
const configs: Readonly<Record<Exclude<NodeKindName, 'entry'>, fc.Arbitrary<Record<string, unknown>>>> = {
  send: fc.constant({ ...send('mail').config }),
  'update-field': fc.oneof(
    fc.record({ field: fc.constant('score'), mode: fc.constantFrom('add', 'subtract'), amount: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ field: fc.constant('custom.renews'), mode: fc.constantFrom('now', 'clear') }),
  ),
  'add-to-list': fc.constant({ list: 'news' }), 'remove-from-list': fc.constant({ list: 'news' }),
  webhook: fc.constant({ url: 'https://example.com/hook', secret: 'whsec_x' }),
  exit: fc.constant({}),
  'field-condition': fc.record({ field: fc.constant('score'), comparison: fc.record({ operator: fc.constantFrom('at_least', 'less_than'), value: fc.integer({ min: 0, max: 50 }) }) }),
  'engagement-condition': fc.record({ step: fc.constant('send'), did: fc.constantFrom('opened', 'clicked') }),
  'segment-condition': fc.constant({ segment: 'big' }),
  'event-condition': fc.constant({ event: { type: 'opened' }, window: { last: 2, unit: 'DAY' } }),
  'percentage-split': fc.integer({ min: 2, max: 10 }).map((n) => ({ branches: Array.from({ length: n }, (_, i) => ({ label: '', percent: i === 0 ? 100 - (n - 1) * 5 : 5 })) })),
  holdout: fc.record({ percent: fc.integer({ min: 1, max: 50 }) }),
  'fixed-delay': duration.map((each) => ({ duration: each })),
  'wait-until-date': fc.record({ field: fc.constant('custom.renews'), offset: duration, side: fc.constantFrom('before', 'after'), time: clock }),
  'wait-for-event': fc.record({ event: fc.constantFrom({ type: 'opened' }, { type: 'clicked' }, { type: 'custom', name: 'ping' }), timeout: duration }),
  'time-window': fc.record({ weekdays: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), from: clock, to: clock }),
};

const kinds = nodeKindNames.filter((kind): kind is Exclude<NodeKindName, 'entry'> => kind !== 'entry');
const anyNode = fc.constantFrom(...kinds).chain((kind) => configs[kind].map((config) => ({ kind, config })));

/** Any graph of up to 20 steps whose form is right; its ways go anywhere, circles included. */
const graphs: fc.Arbitrary<Graph> = fc.record({ parts: fc.array(anyNode, { minLength: 1, maxLength: 20 }), aims: fc.array(fc.nat(), { minLength: 60, maxLength: 60 }) }).map(({ parts, aims }) => {
  const nodes: GraphNode[] = [
    { ...emptyGraph().nodes[0]!, config: { trigger: { kind: 'manual' } } }, { ...fresh('send'), config: { ...send('mail').config } },
    ...parts.map(({ kind, config }, i) => ({ ...fresh(kind, `n${i}`), config })),
  ];
  let next = 0;
  const edges: Edge[] = [];
  for (const [at, node] of nodes.entries()) {
    for (const port of kindOf(node).ports(node.config)) {
      const aim = aims[next++ % aims.length]!;
      // The entry leads to the send step, so that its mail can be asked about. Of the others a few stay open, and a few lead back.
      const first = aim % 8 === 1 ? 1 : at + 1;
      if (node.kind === 'entry') edges.push({ from: node.id, port: port.id, to: 'send' });
      else if (aim % 8 !== 0 && first < nodes.length) edges.push({ from: node.id, port: port.id, to: nodes[first + (aim % (nodes.length - first))]!.id });
    }
  }
  return { nodes, edges };
});

const errorsOf = (graph: Graph) => checkGraph(graph, world).filter(({ severity }) => severity === 'error');

test('every graph whose form is right is read back as it is', () => {
  fc.assert(fc.property(graphs, (graph) => {
    expect(parseGraph(JSON.parse(JSON.stringify(graph)))).toEqual({ graph });
  }), { numRuns: 200 });
});

test('in a journey that may be published every walk ends or rests at a delay, by ports that exist', () => {
  let walked = 0;
  fc.assert(fc.property(graphs, fc.array(fc.record({ person: fc.nat(4), does: fc.constantFrom('opens', 'clicks', 'ping', 'waits'), hours: fc.integer({ min: 1, max: 400 }) }), { maxLength: 25 }), (graph, moves) => {
    // Anything but a circle is a matter of taste here: open conditions, mails that are not sent before.
    if (errorsOf(graph).some(({ message }) => message.includes('goes round'))) return;
    walked += 1;
    const run = new JourneyRun(graph, { fields: catalogue, segments });
    const people = run.enroll('ada', 'bob', 'cem', 'dee', 'eli');
    const look = () => {
      for (const { state, node, dueAt, path } of people) {
        expect(path.every((left) => !left.endsWith(':undefined'))).toBe(true);
        if (state === 'completed') expect(node).toBe(null);
        else expect([kindOf(node!).group, dueAt > run.now - 1_000]).toEqual(['delay', true]);
      }
    };
    look();
    for (const { person, does, hours } of moves) {
      const who = people[person]!;
      if (does === 'ping') who.does('ping');
      else if (does !== 'waits' && who.sends.length > 0) who[does](graph.nodes.find((node) => node.id === who.sends.at(-1)!.node)!.name);
      for (let hour = 0; hour < hours; hour += 24) run.advance('1d');
      look();
    }
    for (const { path, visit } of people) expect(visit).toBeGreaterThanOrEqual(path.length);
  }), { numRuns: 300 });
  expect(walked).toBeGreaterThan(50);
}, 60_000);

test('a circle that is refused would go round for ever, or lets people through at once', () => {
  const isShort = (kind: NodeKindName) => kind !== 'fixed-delay' && kind !== 'wait-for-event';
  fc.assert(fc.property(graphs, (graph) => {
    const isCircular = (without: Graph) => {
      let left = without.nodes;
      for (let before = -1; before !== left.length;) {
        before = left.length;
        const ids = new Set(left.map(({ id }) => id));
        left = left.filter((node) => without.edges.some(({ from, to }) => from === node.id && ids.has(to)));
      }
      return left.length > 0;
    };
    const short = graph.nodes.filter(({ kind }) => isShort(kind));
    const ids = new Set(short.map(({ id }) => id));
    const expected = isCircular({ nodes: short, edges: graph.edges.filter(({ from, to }) => ids.has(from) && ids.has(to)) });
    expect(errorsOf(graph).some(({ message }) => message.includes('goes round'))).toBe(expected);
  }), { numRuns: 300 });
});

test('a dry run of any journey counts everybody once at the end, and the same again', () => {
  fc.assert(fc.property(graphs, (graph) => {
    const run = new JourneyRun(graph, { fields: catalogue });
    const people = ['ada', 'bob', 'cem'].map((name, i) => ({
      customerId: i + 1, enteredAt: run.now - i * 86_400_000, timezone: i === 1 ? 'Asia/Tokyo' : null, fields: { first_name: name, 'custom.renews': i === 0 ? '2026-04-01' : null, score: i * 10 },
      document: { id: i + 1, email: `${name}@example.com`, mailable: true, is_unsubscribed: false, is_bounced: false, suppression_status: 'active' as const, created_at: 0, updated_at: 0, lists: [], set: [], anniversary: [], score: i * 10 },
      event: null, events: [],
    }));
    const simulate = () => {
      const simulation = createSimulation({
        graph, journeyId: 'j', journeyName: 'J', zone: 'Europe/Berlin', now: run.now, mails: { isOf: () => true }, rates: { opened: 0.5, clicked: 0.2 }, seed: 's',
        rules: { catalogue, zone: 'Europe/Berlin', now: run.now, lists: {}, segments, sources: {}, customEvents: {} },
      });
      for (const person of people) simulation.add(person);
      return simulation.result;
    };
    const result = simulate();
    expect(simulate()).toEqual(result);
    expect(result.completed + result.active + Object.values(result.exited).reduce((sum, n) => sum + n, 0)).toBe(3);
    for (const { node, ports } of result.steps) {
      const known = kindOf(graph.nodes.find(({ id }) => id === node)!).ports(graph.nodes.find(({ id }) => id === node)!.config).map(({ id }) => id);
      for (const { port, people: count, assumed, examples } of ports) expect([known.includes(port), assumed <= count, examples.length]).toEqual([true, true, Math.min(20, count)]);
    }
  }), { numRuns: 200 });
}, 60_000);
