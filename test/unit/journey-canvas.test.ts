import { expect, test } from 'vitest';
import { clipOf, clipText, configured, connected, disconnected, moved, pasted, readClip, renamed, wayProblem, withoutSteps, withStep } from '../../ui/src/lib/canvas/edit.ts';
import { flowEdges, flowNodes } from '../../ui/src/lib/canvas/flow.ts';
import { portX, sizeOf } from '../../ui/src/lib/canvas/geometry.ts';
import { layoutOf } from '../../ui/src/lib/canvas/layout.ts';
import { mentionsOf } from '../../ui/src/lib/canvas/mentions.ts';
import { flowOrder, stepsBefore } from '../../ui/src/lib/canvas/order.ts';
import { emptyGraph, parseGraph, type Graph, type GraphNode } from '#domain/journey/graph.ts';
import { seededRandom } from '#domain/shared/random.ts';

/** Drawing a journey: what each change makes of the graph, and how it is ordered and laid out. */

const random = () => seededRandom('canvas');
const step = (id: string, kind: GraphNode['kind'], config: GraphNode['config'] = {}, x = 0, y = 0): GraphNode => ({ id, kind, name: id, config, x, y });
const ids = (graph: Graph) => graph.nodes.map(({ id }) => id);
const ways = (graph: Graph) => graph.edges.map(({ from, port, to }) => `${from}:${port}>${to}`).sort();
/** entry → send → wait → condition → yes: offer, no: remind, both → end */
const drawn: Graph = {
  nodes: [step('entry', 'entry'), step('send', 'send'), step('wait', 'fixed-delay'), step('asks', 'engagement-condition', { step: 'send' }), step('offer', 'send'), step('remind', 'send'), step('end', 'exit')],
  edges: [{ from: 'entry', port: 'next', to: 'send' }, { from: 'send', port: 'next', to: 'wait' }, { from: 'wait', port: 'next', to: 'asks' }, { from: 'asks', port: 'yes', to: 'offer' }, { from: 'asks', port: 'no', to: 'remind' }, { from: 'offer', port: 'next', to: 'end' }, { from: 'remind', port: 'next', to: 'end' }],
};

test('a step added after another hangs on its first open port, below it', () => {
  const first = withStep(emptyGraph(), 'send', { kind: 'after', from: 'entry' }, {}, random());
  expect(ways(first.graph)).toEqual([`entry:next>${first.id}`]);
  expect(first.graph.nodes[1]).toMatchObject({ kind: 'send', name: 'Send Email', config: { trackOpens: true } });
  expect(first.graph.nodes[1]!.y).toBeGreaterThanOrEqual(sizeOf(1).height);
  const asked = withStep(drawn, 'exit', { kind: 'after', from: 'end' }, {}, random());
  expect(asked.graph.edges).toEqual(drawn.edges);
});

test('a condition gets its second branch beside the first', () => {
  const condition = withStep(emptyGraph(), 'field-condition', { kind: 'after', from: 'entry' }, {}, random());
  const yes = withStep(condition.graph, 'send', { kind: 'after', from: condition.id });
  const no = withStep(yes.graph, 'send', { kind: 'after', from: condition.id });
  expect(ways(no.graph)).toEqual([`${condition.id}:no>${no.id}`, `${condition.id}:yes>${yes.id}`, `entry:next>${condition.id}`].sort());
  const [left, right] = [yes.id, no.id].map((id) => no.graph.nodes.find((node) => node.id === id)!);
  expect(right!.x - left!.x).toBeGreaterThanOrEqual(sizeOf(1).width);
  expect(no.graph.nodes.map(({ name }) => name)).toEqual(['Entry', 'Field Condition', 'Send Email', 'Send Email 2']);
});

test('a step put into a way leads on to what stood there, and what follows makes room', () => {
  const { graph, id } = withStep(drawn, 'fixed-delay', { kind: 'between', from: 'entry', port: 'next' }, {}, random());
  expect(ways(graph)).toEqual([...ways(drawn).filter((way) => way !== 'entry:next>send'), `entry:next>${id}`, `${id}:next>send`].sort());
  expect(graph.nodes.find((node) => node.id === 'send')!.y).toBeGreaterThan(0);
  const split = withStep(drawn, 'exit', { kind: 'between', from: 'entry', port: 'next' }, {}, random());
  expect(ways(split.graph)).not.toContain('entry:next>send');
});

test('what is added can be stored', () => {
  let graph = emptyGraph();
  for (const kind of ['send', 'webhook', 'percentage-split', 'holdout', 'wait-for-event', 'time-window', 'exit'] as const) graph = withStep(graph, kind, { kind: 'after', from: graph.nodes.at(-1)!.id }).graph;
  expect(parseGraph(JSON.parse(JSON.stringify(graph)))).toEqual({ graph });
});

test('ids of steps are never used again: people are carried to the same step of a newer version by them', () => {
  const made = Array.from({ length: 500 }, () => withStep(emptyGraph(), 'send', { kind: 'after', from: 'entry' }).id);
  expect(new Set(made).size).toBe(500);
  for (const id of made) expect(id).toMatch(/^[a-z0-9_-]{1,40}$/);
});

test('a port leads to one step; nothing leads to the entry or to itself', () => {
  expect(ways(connected(drawn, { from: 'entry', port: 'next', to: 'wait' }))).toContain('entry:next>wait');
  expect(ways(connected(drawn, { from: 'entry', port: 'next', to: 'wait' }))).not.toContain('entry:next>send');
  expect(connected(drawn, { from: 'send', port: 'next', to: 'entry' })).toBe(drawn);
  expect(connected(drawn, { from: 'send', port: 'next', to: 'send' })).toBe(drawn);
  expect([wayProblem(drawn, 'send', 'send'), wayProblem(drawn, 'send', 'entry'), wayProblem(drawn, 'send', 'end')]).toEqual(['self', 'entry', null]);
  expect(ways(disconnected(drawn, 'asks', 'no'))).not.toContain('asks:no>remind');
});

test('a step that goes leaves no gap where one way led on, and the entry stays', () => {
  expect(ways(withoutSteps(drawn, new Set(['wait'])))).toContain('send:next>asks');
  const without = withoutSteps(drawn, new Set(['asks', 'entry']));
  expect(ids(without)).toEqual(['entry', 'send', 'wait', 'offer', 'remind', 'end']);
  expect(ways(without)).toEqual(['entry:next>send', 'offer:next>end', 'remind:next>end', 'send:next>wait']);
  expect(ways(withoutSteps(drawn, new Set(['send', 'wait'])))).toContain('entry:next>asks');
  expect(ids(withoutSteps(drawn, new Set(ids(drawn))))).toEqual(['entry']);
});

test('fewer branches take the ways of those that are gone with them', () => {
  const split = step('split', 'percentage-split', { branches: [{ label: '', percent: 40 }, { label: '', percent: 30 }, { label: '', percent: 30 }] });
  const graph: Graph = { nodes: [...drawn.nodes, split], edges: [...drawn.edges, { from: 'split', port: 'a', to: 'offer' }, { from: 'split', port: 'c', to: 'remind' }] };
  const changed = configured(graph, 'split', { branches: [{ label: '', percent: 50 }, { label: '', percent: 50 }] });
  expect(ways(changed)).toContain('split:a>offer');
  expect(ways(changed)).not.toContain('split:c>remind');
  expect(renamed(graph, 'split', 'Fork').edges).toBe(graph.edges);
});

test('copies have ids of their own, and speak of each other', () => {
  const clip = clipOf(drawn, new Set(['entry', 'send', 'wait', 'asks']));
  expect(clip.nodes.map(({ id }) => id)).toEqual(['send', 'wait', 'asks']);
  const { graph, ids: made } = pasted(drawn, clip, null, random());
  const [send, wait, asks] = made;
  expect(ways(graph)).toEqual([...ways(drawn), `${send}:next>${wait}`, `${wait}:next>${asks}`].sort());
  expect(graph.nodes.find(({ id }) => id === asks)!.config).toEqual({ step: send });
  expect(graph.nodes.find(({ id }) => id === wait)!.name).toBe('wait 2');
  expect(parseGraph({ nodes: graph.nodes.slice(7), edges: [] })).toHaveProperty('problems');
  const alone = pasted(drawn, clipOf(drawn, new Set(['asks'])), { x: 500, y: 300 }, random());
  expect(alone.graph.nodes.at(-1)).toMatchObject({ config: { step: 'send' }, x: 500, y: 300 });
});

test('steps travel as text, and nothing else is taken for them', () => {
  const clip = clipOf(drawn, new Set(['send', 'wait']));
  expect(readClip(clipText(clip))).toEqual(clip);
  for (const text of ['', 'Hello', '{"fermata-steps":1}', '{"fermata-steps":{"nodes":[{"kind":"entry","config":{}}],"edges":[]}}', '{"fermata-steps":']) expect(readClip(text)).toBe(null);
});

test('the order of the flow: each step after what leads to it, the first branch before the second, the unreachable last', () => {
  const lost = step('lost', 'send', {}, 0, -500);
  expect(flowOrder({ ...drawn, nodes: [lost, ...drawn.nodes.toReversed()] }).map(({ id }) => id)).toEqual(['entry', 'send', 'wait', 'asks', 'offer', 'remind', 'end', 'lost']);
  const round: Graph = { ...drawn, edges: [...drawn.edges.filter(({ from }) => from !== 'remind'), { from: 'remind', port: 'next', to: 'wait' }] };
  expect(flowOrder(round).map(({ id }) => id)).toEqual(['entry', 'send', 'wait', 'asks', 'offer', 'end', 'remind']);
  expect([...stepsBefore(drawn, 'offer')].sort()).toEqual(['asks', 'entry', 'send', 'wait']);
});

test('5,000 steps in a row are ordered', () => {
  const nodes = [step('entry', 'entry'), ...Array.from({ length: 4_999 }, (_, i) => step(`n${i}`, 'fixed-delay'))];
  const edges = nodes.slice(1).map((node, i) => ({ from: nodes[i]!.id, port: 'next', to: node.id }));
  expect(flowOrder({ nodes, edges }).map(({ id }) => id)).toEqual(nodes.map(({ id }) => id));
});

test('arranged, steps follow downwards, Yes stands left of No, none lies on another, the entry stays', () => {
  const shifted = moved(drawn, new Map([['entry', { x: 300, y: 100 }]]));
  const places = layoutOf(shifted);
  expect(places.get('entry')).toEqual({ x: 300, y: 100 });
  for (const { from, to } of drawn.edges) expect(places.get(to)!.y).toBeGreaterThan(places.get(from)!.y);
  expect(places.get('offer')!.x).toBeLessThan(places.get('remind')!.x);
  const arranged = moved(shifted, places);
  for (const a of arranged.nodes) for (const b of arranged.nodes) if (a !== b) expect(Math.abs(a.x - b.x) >= 240 || Math.abs(a.y - b.y) >= 64, `${a.id} and ${b.id}`).toBe(true);
  expect(moved(arranged, places)).toBe(arranged);
});

test('only what changed is drawn anew', () => {
  const nodes = flowNodes(drawn, new Set(), []);
  const edges = flowEdges(drawn, new Set(), []);
  expect(flowNodes(drawn, new Set(), nodes)).toBe(nodes);
  expect(flowEdges(drawn, new Set(), edges)).toBe(edges);
  const after = flowNodes(configured(drawn, 'send', { subject: 'Hello' }), new Set(['wait']), nodes);
  expect(after.map((node, index) => node !== nodes[index])).toEqual([false, true, true, false, false, false, false]);
  expect(flowEdges(drawn, new Set(['asks:no']), edges).filter((edge, index) => edge !== edges[index]).map(({ id }) => id)).toEqual(['asks:no']);
  const dragged = nodes.map((node) => (node.id === 'send' ? { ...node, position: { x: 7, y: 9 } } : node));
  expect(flowNodes(drawn, new Set(), dragged)[1]!.position).toEqual({ x: 0, y: 0 });
});

test('handles stand where the ports are, so that nothing need be measured', () => {
  const [node] = flowNodes({ nodes: [step('asks', 'field-condition')], edges: [] }, new Set(), []);
  expect(node!.handles!.map(({ type, x, y }) => [type, x + 6, y + 6])).toEqual([['target', 120, 0], ['source', 60, 64], ['source', 180, 64]]);
  expect([portX(0, 1), portX(0, 10), sizeOf(10).width]).toEqual([120, 45, 900]);
});

test('what steps refer to is found by their forms', () => {
  const graph: Graph = { nodes: [step('entry', 'entry', { trigger: { kind: 'list', list: 'l1' }, goal: { kind: 'segment', segment: 's1' }, exits: { goal: true, segment: 's2' } }), step('send', 'send', { connection: 'c1' }), step('add', 'add-to-list', { list: 'l1' })], edges: [] };
  expect(mentionsOf(graph)).toEqual([{ kind: 'list', id: 'l1' }, { kind: 'segment', id: 's1' }, { kind: 'segment', id: 's2' }, { kind: 'connection', id: 'c1' }]);
});
