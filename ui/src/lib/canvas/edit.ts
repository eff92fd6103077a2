import type { Edge, Graph, GraphNode, NodeKindName } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { freePlace, GAP, sizeOf, snap, type Place } from './geometry.ts';
import { initialConfig } from './form.ts';
import { edgesByFrom } from './order.ts';
import { portsOf } from './ports.ts';

/** Changes of a graph: each takes one and gives another, sharing what did not change. */

export function configured(graph: Graph, id: string, config: GraphNode['config']): Graph {
  return changed(graph, id, (node) => ({ ...node, config }));
}
export function renamed(graph: Graph, id: string, name: string): Graph {
  return changed(graph, id, (node) => ({ ...node, name }));
}
/** Ways out of ports that a new configuration no longer has are gone. */
function changed(graph: Graph, id: string, change: (node: GraphNode) => GraphNode): Graph {
  const nodes = graph.nodes.map((node) => (node.id === id ? change(node) : node));
  const now = nodes.find((node) => node.id === id);
  if (now === undefined) return graph;
  const ports = new Set(portsOf(now).map((port) => port.id));
  const edges = graph.edges.some((edge) => edge.from === id && !ports.has(edge.port)) ? graph.edges.filter((edge) => edge.from !== id || ports.has(edge.port)) : graph.edges;
  return { nodes, edges };
}

/** Steps at new places; those that stay where they are stay the same object. */
export function moved(graph: Graph, places: ReadonlyMap<string, Place>): Graph {
  const nodes = graph.nodes.map((node) => {
    const place = places.get(node.id);
    return place === undefined || (place.x === node.x && place.y === node.y) ? node : { ...node, x: place.x, y: place.y };
  });
  return nodes.every((node, index) => node === graph.nodes[index]) ? graph : { ...graph, nodes };
}

/** Why a way cannot be drawn, or null. */
export function wayProblem(graph: Graph, from: string, to: string): 'self' | 'entry' | null {
  if (from === to) return 'self';
  return graph.nodes.find((node) => node.id === to)?.kind === 'entry' ? 'entry' : null;
}

/** A port leads to one step: a way it had before is replaced. */
export function connected(graph: Graph, edge: Edge): Graph {
  if (wayProblem(graph, edge.from, edge.to) !== null) return graph;
  return { ...graph, edges: [...graph.edges.filter(({ from, port }) => from !== edge.from || port !== edge.port), edge] };
}
export function disconnected(graph: Graph, from: string, port: string): Graph {
  return { ...graph, edges: graph.edges.filter((edge) => edge.from !== from || edge.port !== port) };
}

/** Without these steps; what led to one of them leads on to what came next, when only one step did. The entry stays. */
export function withoutSteps(graph: Graph, ids: ReadonlySet<string>): Graph {
  let { edges } = graph;
  const gone = graph.nodes.filter(({ id, kind }) => ids.has(id) && kind !== 'entry').map(({ id }) => id);
  for (const id of gone) {
    const next = edges.filter(({ from, to }) => from === id && to !== id);
    const [only] = next;
    edges = edges
      .map((edge) => (edge.to === id && next.length === 1 && only !== undefined && edge.from !== only.to ? { ...edge, to: only.to } : edge))
      .filter(({ from, to }) => from !== id && to !== id);
  }
  const lost = new Set(gone);
  return { nodes: graph.nodes.filter(({ id }) => !lost.has(id)), edges };
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** An id that no step of this journey has or ever had: people are carried to the same step of a newer version by it. */
export function newStepId(kind: NodeKindName, random: () => number = Math.random): string {
  return `${kind}-${Array.from({ length: 8 }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('')}`;
}

/** `Send Email`, `Send Email 2`, … */
function freeName(graph: Graph, wanted: string): string {
  const taken = new Set(graph.nodes.map(({ name }) => name));
  const base = wanted.replace(/ \d+$/, '');
  for (let no = 1; ; no++) {
    const name = no === 1 ? base : `${base} ${no}`;
    if (!taken.has(name)) return name;
  }
}

/** Where a new step goes: after a port (`from` alone: its first open port, else its first), into a way, or on its own. */
export type Spot =
  | { readonly kind: 'after'; readonly from: string; readonly port?: string | undefined; readonly at?: Place | undefined }
  | { readonly kind: 'between'; readonly from: string; readonly port: string; readonly at?: Place | undefined }
  | { readonly kind: 'free'; readonly at: Place };

/**
 * A graph with a new step of a kind. After a port that leads somewhere already it comes in between: its own first port
 * leads on to what stood there.
 * @param given settings it begins with, beside what its form says
 */
export function withStep(graph: Graph, kind: NodeKindName, spot: Spot, given: GraphNode['config'] = {}, random?: () => number): { readonly graph: Graph; readonly id: string } {
  const config = { ...initialConfig(nodeKinds[kind].form), ...given };
  const id = newStepId(kind, random);
  const ports = nodeKinds[kind].ports(config);
  const base = { id, kind, name: freeName(graph, nodeKinds[kind].label), config };
  const source = spot.kind === 'free' ? undefined : graph.nodes.find((node) => node.id === spot.from);
  if (spot.kind === 'free' || source === undefined) {
    const at = spot.kind === 'free' ? freePlace(spot.at, sizeOf(ports.length), boxesOf(graph)) : { x: 0, y: 0 };
    return { graph: { ...graph, nodes: [...graph.nodes, { ...base, ...at }] }, id };
  }
  const port = spot.port ?? freePort(graph, source);
  if (port === undefined) return withStep(graph, kind, { kind: 'free', at: below(graph, source, undefined, ports.length) }, given, random);
  const next = graph.edges.find((edge) => edge.from === source.id && edge.port === port);
  const wanted = spot.at ?? below(graph, source, port, ports.length);
  const [first] = ports;
  if (next === undefined) {
    const at = freePlace(wanted, sizeOf(ports.length), boxesOf(graph));
    return { graph: connected({ ...graph, nodes: [...graph.nodes, { ...base, ...at }] }, { from: source.id, port, to: id }), id };
  }
  const room = spot.at === undefined ? makeRoom(graph, next.to, snap(sizeOf(ports.length).height + GAP.y)) : graph;
  const at = { x: snap(wanted.x), y: snap(wanted.y) };
  const linked = connected({ ...room, nodes: [...room.nodes, { ...base, ...at }] }, { from: source.id, port, to: id });
  return { graph: first === undefined ? linked : connected(linked, { from: id, port: first.id, to: next.to }), id };
}

/** The first port without a way, else the first; undefined where nothing leads on. */
function freePort(graph: Graph, node: GraphNode): string | undefined {
  const ports = portsOf(node);
  return (ports.find(({ id }) => !graph.edges.some((edge) => edge.from === node.id && edge.port === id)) ?? ports[0])?.id;
}

function below(graph: Graph, source: GraphNode, port: string | undefined, ports: number): Place {
  const own = portsOf(source);
  const size = sizeOf(own.length);
  const index = Math.max(0, own.findIndex(({ id }) => id === port));
  const { width } = sizeOf(ports);
  // Branches stand side by side under the middle of what they come from.
  const spread = own.length < 2 ? 0 : (index - (own.length - 1) / 2) * (Math.max(width, 240) + GAP.x);
  return { x: snap(source.x + size.width / 2 - width / 2 + spread), y: snap(source.y + size.height + GAP.y) };
}

/** Moves a step and all that follows from it down, as far as none of them stands higher. */
function makeRoom(graph: Graph, from: string, by: number): Graph {
  const start = graph.nodes.find(({ id }) => id === from);
  if (start === undefined) return graph;
  const ways = edgesByFrom(graph);
  const following = new Set([from]);
  const todo = [from];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    for (const { to } of ways.get(id) ?? []) if (!following.has(to)) { following.add(to); todo.push(to); }
  }
  return moved(graph, new Map(graph.nodes.filter(({ id, y }) => following.has(id) && y >= start.y).map(({ id, x, y }) => [id, { x, y: y + by }])));
}

const boxesOf = (graph: Graph) => graph.nodes.map((node) => ({ x: node.x, y: node.y, ...sizeOf(portsOf(node).length) }));

/** Steps that were copied, with the ways between them. */
export interface Clip {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly Edge[];
}

/** What a copy takes: the steps chosen but for the entry, of which there is one. */
export function clipOf(graph: Graph, ids: ReadonlySet<string>): Clip {
  const nodes = graph.nodes.filter(({ id, kind }) => ids.has(id) && kind !== 'entry');
  const kept = new Set(nodes.map(({ id }) => id));
  return { nodes, edges: graph.edges.filter(({ from, to }) => kept.has(from) && kept.has(to)) };
}

/**
 * A graph with copies of steps under ids of their own; what one of them says of another copied step is said of its copy.
 * @param at of the upper left corner; without it a little beside what was copied
 */
export function pasted(graph: Graph, clip: Clip, at: Place | null = null, random?: () => number): { readonly graph: Graph; readonly ids: readonly string[] } {
  const idByOld = new Map(clip.nodes.map(({ id, kind }) => [id, newStepId(kind, random)]));
  const corner = { x: Math.min(...clip.nodes.map(({ x }) => x)), y: Math.min(...clip.nodes.map(({ y }) => y)) };
  const to = at ?? { x: corner.x + 40, y: corner.y + 40 };
  let made = graph;
  for (const node of clip.nodes) {
    const step = { ...node, id: idByOld.get(node.id)!, name: freeName(made, node.name), config: withIds(node, idByOld), x: snap(to.x + node.x - corner.x), y: snap(to.y + node.y - corner.y) };
    made = { ...made, nodes: [...made.nodes, step] };
  }
  const edges = clip.edges.map(({ from, port, to: target }) => ({ from: idByOld.get(from)!, port, to: idByOld.get(target)! }));
  return { graph: { ...made, edges: [...made.edges, ...edges] }, ids: [...idByOld.values()] };
}

function withIds(node: GraphNode, idByOld: ReadonlyMap<string, string>): GraphNode['config'] {
  const config: Record<string, unknown> = { ...node.config };
  for (const field of nodeKinds[node.kind].form) {
    if (field.type !== 'send-step' || field.of !== 'own') continue;
    const now = idByOld.get(String(config[field.name]));
    if (now !== undefined) config[field.name] = now;
  }
  return config;
}

const MARK = 'fermata-steps';

/** Steps as text, for the clipboard: they can be carried into another journey. */
export const clipText = (clip: Clip): string => JSON.stringify({ [MARK]: clip });

/** Steps from a clipboard's text; null when it holds something else. */
export function readClip(text: string): Clip | null {
  if (!text.includes(MARK)) return null;
  try {
    const { [MARK]: clip } = JSON.parse(text) as Record<string, Clip | undefined>;
    if (!Array.isArray(clip?.nodes) || !Array.isArray(clip.edges)) return null;
    const nodes = clip.nodes.filter((node) => node.kind in nodeKinds && node.kind !== 'entry' && typeof node.config === 'object');
    return nodes.length === 0 ? null : { nodes, edges: clip.edges };
  } catch {
    return null;
  }
}
