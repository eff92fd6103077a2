/** A journey as it is drawn: steps and the ways between their ports. Stored as JSON; a published one never changes. Screens say step, code says node. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly Edge[];
}

export interface GraphNode {
  /** Unique in the journey, 1 to 40 of `a-z0-9_-`; kept through versions, so that people can be moved to the same step of a newer one. */
  readonly id: string;
  readonly kind: NodeKindName;
  /** As its author calls it. */
  readonly name: string;
  /** By the kind's form; unknown keys are refused. */
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
