import type { FieldError } from '../shared/errors.ts';
import { nodeKinds } from './nodes/index.ts';

/** A journey as it is drawn: steps and the ways between their ports. Stored as JSON; a published one never changes. Screens say step, code says node. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly Edge[];
}

export interface GraphNode {
  /** Unique in the journey, 1 to 40 of `a-z0-9_-`, the first a letter or digit; kept through versions, so that people can be moved to the same step of a newer one. */
  readonly id: string;
  readonly kind: NodeKindName;
  /** As its author calls it. */
  readonly name: string;
  /** By the kind's form; unknown keys are refused, what is missing or wrong is a problem of `checkGraph`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Place on the canvas, px. */
  readonly x: number;
  readonly y: number;
}

/** From an output port of a step to the one input of another; a port has at most one. */
export interface Edge {
  readonly from: string;
  readonly port: string;
  readonly to: string;
}

export const nodeKindNames = [
  'entry', 'send', 'update-field', 'add-to-list', 'remove-from-list', 'webhook', 'exit',
  'field-condition', 'engagement-condition', 'segment-condition', 'event-condition', 'percentage-split', 'holdout',
  'fixed-delay', 'wait-until-date', 'wait-for-event', 'time-window',
] as const;
export type NodeKindName = (typeof nodeKindNames)[number];

export const MAX_NODES = 5_000;
/** Of the stored JSON. */
export const MAX_GRAPH_BYTES = 2 * 1_048_576;

/** A graph with nothing but its entry. */
export function emptyGraph(): Graph {
  return { nodes: [{ id: 'entry', kind: 'entry', name: 'Entry', config: {}, x: 0, y: 0 }], edges: [] };
}

export function findNode(graph: Graph, id: string): GraphNode | undefined {
  return graph.nodes.find((node) => node.id === id);
}

/** Where a port leads, or undefined where it is open: then the run ends as completed. */
export function nodeAfter(graph: Graph, from: string, port: string): GraphNode | undefined {
  const edge = graph.edges.find((each) => each.from === from && each.port === port);
  return edge === undefined ? undefined : findNode(graph, edge.to);
}

const ID = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const NAME_MAX = 100;
const MAX_PROBLEMS = 50;
/** Of a setting: lists of records of texts. */
const MAX_DEPTH = 6;
/** Farther apart than any screen pans, px. */
const MAX_COORDINATE = 1_000_000;
/** Ports are counted by percentage splits, which have at most ten; sizes are refused before anything is looked at. */
const MAX_EDGES = MAX_NODES * 10;

/**
 * Reads any JSON as a graph whose references hold: known kinds and config keys, ids once, exactly one entry, edges between
 * existing steps and ports, one edge a port. Configs may be unfinished. Linear, and too large graphs are refused unread.
 * @returns the graph without anything it need not have, or problems with paths like `nodes[3].config.amount`, at most 50
 */
export function parseGraph(json: unknown): { readonly graph: Graph } | { readonly problems: readonly FieldError[] } {
  const refusal = refuseWhole(json);
  if (refusal !== null) return { problems: [refusal] };
  const { nodes, edges } = json as { nodes: unknown[]; edges: unknown[] };
  const problems: FieldError[] = [];
  const byId = new Map<string, GraphNode>();
  const read: GraphNode[] = [];
  for (const [i, each] of nodes.entries()) {
    const node = readNode(each, `nodes[${i}]`, problems);
    if (node !== null && byId.has(node.id)) problems.push({ field: `nodes[${i}].id`, message: `Two steps have the id ${node.id}: ${sayStep(byId.get(node.id)!)} and ${sayStep(node)}. Give one of them another id.` });
    else if (node !== null) {
      byId.set(node.id, node);
      read.push(node);
    }
    if (problems.length >= MAX_PROBLEMS) return { problems };
  }
  const entries = read.filter((node) => node.kind === 'entry');
  if (problems.length === 0 && entries.length === 0) problems.push({ field: 'nodes', message: 'A journey needs an entry step: add one node of kind entry.' });
  if (entries.length > 1) problems.push({ field: 'nodes', message: `A journey has one entry, this one has ${entries.length}: ${entries.slice(0, 5).map(sayStep).join(', ')}. Remove all but one.` });
  // Edges of steps that could not be read would only repeat their problems.
  if (problems.length > 0) return { problems };
  const ways = readEdges(edges, byId, problems);
  if (problems.length > 0) return { problems };
  const graph = { nodes: read, edges: ways };
  const size = jsonBytes(graph);
  if (size > MAX_GRAPH_BYTES) return { problems: [{ field: 'graph', message: `The journey has ${(size / 1_048_576).toFixed(1)} MB; at most 2 MB are possible. Shorten its mails or split it into several journeys.` }] };
  return { graph };
}

/** What can be said before the parts are read. */
function refuseWhole(json: unknown): FieldError | null {
  if (!isRecord(json)) return { field: 'graph', message: 'Expected a journey: { "nodes": [ … ], "edges": [ … ] }.' };
  const unknown = Object.keys(json).find((key) => key !== 'nodes' && key !== 'edges');
  if (unknown !== undefined) return { field: unknown.slice(0, 100), message: 'Unknown property; a journey has nodes and edges.' };
  for (const [key, max, what] of [['nodes', MAX_NODES, 'steps'], ['edges', MAX_EDGES, 'connections']] as const) {
    const part = json[key];
    if (!Array.isArray(part)) return { field: key, message: `Expected a list of ${key}.` };
    if (part.length > max) return { field: key, message: `A journey has at most ${max.toLocaleString('en-US')} ${what}, this one has ${part.length.toLocaleString('en-US')}. Split it into several journeys.` };
  }
  return null;
}

function readNode(json: unknown, path: string, problems: FieldError[]): GraphNode | null {
  const before = problems.length;
  const refuse = (field: string, message: string) => void problems.push({ field: field === '' ? path : `${path}.${field}`, message });
  if (!isRecord(json)) {
    refuse('', 'Expected a step: { "id", "kind", "name", "config", "x", "y" }.');
    return null;
  }
  const { id, kind, name, config, x, y, ...rest } = json;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) refuse(unknown.slice(0, 100), 'Unknown property of a step.');
  if (typeof id !== 'string' || !ID.test(id)) refuse('id', 'Expected 1 to 40 of a-z, 0-9, _ and -, the first a letter or digit.');
  if (typeof name !== 'string' || name.trim() === '' || name.length > NAME_MAX) refuse('name', `Give the step a name of 1 to ${NAME_MAX} characters.`);
  if (typeof kind !== 'string' || !Object.hasOwn(nodeKinds, kind)) refuse('kind', `There is no kind of step ${JSON.stringify(kind ?? null).slice(0, 60)}; there are ${nodeKindNames.join(', ')}.`);
  for (const [axis, value] of [['x', x], ['y', y]] as const) {
    if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) > MAX_COORDINATE) refuse(axis, `Expected a number from -${MAX_COORDINATE.toLocaleString('en-US')} to ${MAX_COORDINATE.toLocaleString('en-US')}.`);
  }
  if (!isRecord(config)) refuse('config', 'Expected the settings of the step: { … }.');
  else if (typeof kind === 'string' && Object.hasOwn(nodeKinds, kind)) {
    const { form, label } = nodeKinds[kind as NodeKindName];
    for (const key of Object.keys(config)) if (!form.some((field) => field.name === key)) refuse(`config.${key.slice(0, 100)}`, `${label} has no setting of this name.`);
    for (const [key, value] of Object.entries(config)) if (isDeeper(value, MAX_DEPTH)) refuse(`config.${key.slice(0, 100)}`, 'This is nested too deeply to be a setting.');
  }
  return problems.length > before ? null : ({ id, kind, name, config, x, y } as GraphNode);
}

function readEdges(edges: readonly unknown[], byId: ReadonlyMap<string, GraphNode>, problems: FieldError[]): Edge[] {
  const read: Edge[] = [];
  const taken = new Set<string>();
  const portsById = new Map<string, ReadonlySet<string>>();
  const portsOf = (node: GraphNode) => {
    let ports = portsById.get(node.id);
    if (ports === undefined) portsById.set(node.id, (ports = new Set(nodeKinds[node.kind].ports(node.config).map((port) => port.id))));
    return ports;
  };
  for (const [i, each] of edges.entries()) {
    if (problems.length >= MAX_PROBLEMS) break;
    const refuse = (field: string, message: string) => void problems.push({ field: field === '' ? `edges[${i}]` : `edges[${i}].${field}`, message });
    if (!isRecord(each) || Object.keys(each).some((key) => key !== 'from' && key !== 'port' && key !== 'to')) {
      refuse('', 'Expected a connection: { "from", "port", "to" } and nothing else.');
      continue;
    }
    const { from, port, to } = each;
    const source = typeof from === 'string' ? byId.get(from) : undefined;
    const target = typeof to === 'string' ? byId.get(to) : undefined;
    if (source === undefined) refuse('from', `This connection begins at a step that does not exist: ${shown(from)}.`);
    if (target === undefined) refuse('to', `This connection leads to a step that does not exist: ${shown(to)}.`);
    if (source === undefined || target === undefined) continue;
    if (target.kind === 'entry') refuse('to', `Nothing leads back to the entry; connect ${sayStep(source)} to another step.`);
    else if (typeof port !== 'string' || !portsOf(source).has(port)) refuse('port', `${sayStep(source)} has no port ${shown(port)}; it has ${[...portsOf(source)].join(', ') || 'none'}.`);
    else if (taken.has(`${source.id} ${port}`)) refuse('port', `Port ${port} of ${sayStep(source)} has a connection already; a port leads to one step.`);
    else {
      taken.add(`${source.id} ${port}`);
      read.push({ from: source.id, port, to: target.id });
    }
  }
  return read;
}

/** Without recursion: what is written by a program may be nested a million deep. */
function isDeeper(json: unknown, depth: number): boolean {
  let level = [json];
  for (let at = 0; at <= depth; at += 1) {
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? (Object.values(each) as unknown[]) : []));
    if (level.length === 0) return false;
  }
  return true;
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}

/** A step as a sentence names it. */
export function sayStep(node: Pick<GraphNode, 'name'>): string {
  return `“${node.name}”`;
}

/** Bytes of the stored JSON in UTF-8. */
function jsonBytes(graph: Graph): number {
  const text = JSON.stringify(graph);
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
