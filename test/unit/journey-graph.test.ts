import { expect, test } from 'vitest';
import { emptyGraph, MAX_NODES, parseGraph, type Graph } from '#domain/journey/graph.ts';
import { readyJourneys } from '#domain/journey/ready/index.ts';
import { condition, graphOf, opened, send, wait } from '../support/journey-dsl.ts';

const good = graphOf(send('welcome'), wait('3d'), condition(opened('welcome'), send('offer'), send('reminder')));
const json = (change: (graph: { nodes: any[]; edges: any[] }) => void): unknown => {
  const copy = structuredClone(good) as unknown as { nodes: any[]; edges: any[] };
  change(copy);
  return copy;
};

function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
}

test('what is drawn comes back as it was', () => {
  for (const graph of [emptyGraph(), good, ...readyJourneys.map((ready) => ready.graph)]) expect(parseGraph(JSON.parse(JSON.stringify(graph)))).toEqual({ graph });
});

test.each<[string, unknown, string, RegExp]>([
  ['nothing', null, 'graph', /Expected a journey/],
  ['a list', [], 'graph', /Expected a journey/],
  ['another property', { nodes: [], edges: [], evil: 1 }, 'evil', /Unknown property/],
  ['nodes that are no list', { nodes: {}, edges: [] }, 'nodes', /Expected a list of nodes/],
  ['edges that are no list', { nodes: [], edges: 'x' }, 'edges', /Expected a list of edges/],
  ['no steps', { nodes: [], edges: [] }, 'nodes', /needs an entry step/],
  ['a step that is none', json((g) => g.nodes.push(7)), 'nodes[6]', /Expected a step/],
  ['a step with more than a step has', json((g) => (g.nodes[1].evil = 1)), 'nodes[1].evil', /Unknown property/],
  ['an id with capitals', json((g) => (g.nodes[5].id = 'Reminder')), 'nodes[5].id', /1 to 40 of a-z/],
  ['an id that is a trap', json((g) => (g.nodes[5].id = '__proto__')), 'nodes[5].id', /first a letter or digit/],
  ['an id that is too long', json((g) => (g.nodes[5].id = 'a'.repeat(41))), 'nodes[5].id', /1 to 40/],
  ['an id twice', json((g) => (g.nodes[5].id = 'offer')), 'nodes[5].id', /Two steps have the id offer: “offer” and “reminder”/],
  ['a step without a name', json((g) => (g.nodes[1].name = ' ')), 'nodes[1].name', /1 to 100 characters/],
  ['an unknown kind', json((g) => (g.nodes[1].kind = 'teleport')), 'nodes[1].kind', /no kind of step "teleport"/],
  ['a kind from elsewhere', json((g) => (g.nodes[1].kind = 'constructor')), 'nodes[1].kind', /no kind of step/],
  ['a place that is no number', json((g) => (g.nodes[1].x = null)), 'nodes[1].x', /Expected a number/],
  ['a place beyond every screen', json((g) => (g.nodes[1].y = 1e9)), 'nodes[1].y', /Expected a number/],
  ['settings that are a text', json((g) => (g.nodes[1].config = 'x')), 'nodes[1].config', /settings of the step/],
  ['a setting nobody knows', json((g) => (g.nodes[1].config.bcc = 'x')), 'nodes[1].config.bcc', /Send Email has no setting of this name/],
  ['a setting nested without end', json((g) => (g.nodes[1].config.utm = nested(200_000))), 'nodes[1].config.utm', /nested too deeply/],
  ['two entries', json((g) => g.nodes.push({ ...g.nodes[0], id: 'second', name: 'Second' })), 'nodes', /one entry, this one has 2: “entry”, “Second”/],
  ['an edge that is none', json((g) => g.edges.push('x')), 'edges[5]', /Expected a connection/],
  ['an edge with more', json((g) => (g.edges[0].label = 'x')), 'edges[0]', /nothing else/],
  ['an edge from nowhere', json((g) => (g.edges[0].from = 'gone')), 'edges[0].from', /begins at a step that does not exist: "gone"/],
  ['an edge to nowhere', json((g) => (g.edges[0].to = 'gone')), 'edges[0].to', /leads to a step that does not exist: "gone"/],
  ['an edge from a port that is none', json((g) => (g.edges[0].port = 'yes')), 'edges[0].port', /“entry” has no port "yes"; it has next/],
  ['a second edge from a port', json((g) => g.edges.push({ from: 'welcome', port: 'next', to: 'offer' })), 'edges[5].port', /has a connection already/],
  ['an edge back to the entry', json((g) => g.edges.push({ from: 'offer', port: 'next', to: 'entry' })), 'edges[5].to', /Nothing leads back to the entry/],
])('refused: %s', (_, input, field, message) => {
  const result = parseGraph(input);
  expect(result).toHaveProperty('problems');
  const { problems } = result as { problems: { field: string; message: string }[] };
  expect(problems[0]).toEqual({ field, message: expect.stringMatching(message) });
});

test('a graph of 100,000 steps is refused before it is read', () => {
  const unread = new Proxy({}, { get: () => expect.unreachable('a step was read') });
  const huge = { nodes: Array.from({ length: 100_000 }, () => unread), edges: [] };
  expect(parseGraph(huge)).toEqual({ problems: [{ field: 'nodes', message: 'A journey has at most 5,000 steps, this one has 100,000. Split it into several journeys.' }] });
});

test('5,000 steps are possible, 2 MB are the limit', () => {
  const chain = (length: number, html = ''): Graph => ({
    nodes: [...emptyGraph().nodes, ...Array.from({ length: length - 1 }, (_, i) => ({ id: `s${i}`, kind: 'send' as const, name: `Mail ${i}`, config: html === '' ? {} : { html }, x: 0, y: i }))],
    edges: Array.from({ length: length - 1 }, (_, i) => ({ from: i === 0 ? 'entry' : `s${i - 1}`, port: 'next', to: `s${i}` })),
  });
  expect(parseGraph(chain(MAX_NODES))).toHaveProperty('graph');
  expect(parseGraph(chain(MAX_NODES + 1))).toHaveProperty('problems');
  expect(parseGraph(chain(11, 'x'.repeat(190_000)))).toHaveProperty('graph');
  expect(parseGraph(chain(11, 'é'.repeat(110_000)))).toEqual({ problems: [{ field: 'graph', message: expect.stringMatching(/2\.1 MB; at most 2 MB/) }] });
});

test('problems of many steps come together, but not thousands', () => {
  const result = parseGraph(json((g) => (g.nodes = g.nodes.map((node) => ({ ...node, name: '' }))))) as { problems: unknown[] };
  expect(result.problems).toHaveLength(6);
  expect((parseGraph({ nodes: Array.from({ length: 4_000 }, () => 1), edges: [] }) as { problems: unknown[] }).problems).toHaveLength(50);
});
