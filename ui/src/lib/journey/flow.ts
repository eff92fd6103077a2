import { findNode, type Graph, type GraphNode } from '#domain/journey/graph.ts';

/** How people flow through a drawn journey: how many came to each step, where they went or stayed. */

/** What is counted of a step, as the API tells it. */
export interface Counted {
  readonly waiting: number;
  /** Departures by port; `moved`: taken off the step by a person. */
  readonly ports: Readonly<Record<string, number>>;
  /** Whose run ended while they stood here, by reason. Who left by an open port is not among them. */
  readonly ended: Readonly<Record<string, number>>;
}
export type CountedSteps = Readonly<Record<string, Counted | undefined>>;

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);

/** People who left a step by any of its ports. */
export const passedOf = (counted: Counted | undefined): number => sum(Object.values(counted?.ports ?? {}));

export const entryOf = (graph: Graph): GraphNode | undefined => graph.nodes.find(({ kind }) => kind === 'entry');

/** How many arrivals each step has seen. Nobody stands on the entry: who was enrolled has passed it. */
export function reachedOf(graph: Graph, steps: CountedSteps, enrolled: number): Map<string, number> {
  const entry = entryOf(graph)?.id;
  const reached = new Map<string, number>();
  if (entry !== undefined) reached.set(entry, enrolled);
  for (const { from, port, to } of graph.edges) {
    const came = from === entry ? enrolled : (steps[from]?.ports[port] ?? 0);
    reached.set(to, (reached.get(to) ?? 0) + came);
  }
  // Whoever a person moved here came by no edge.
  for (const { id, kind } of graph.nodes) if (kind !== 'entry') reached.set(id, Math.max(reached.get(id) ?? 0, (steps[id]?.waiting ?? 0) + passedOf(steps[id]) + leftEarly(steps[id])));
  return reached;
}

/** Whose run ended on a step before they could go on: what is not `completed` there. */
const leftEarly = (counted: Counted | undefined): number => sum(Object.entries(counted?.ended ?? {}).flatMap(([reason, n]) => (reason === 'completed' ? [] : [n])));

export interface FunnelRow {
  readonly node: GraphNode;
  readonly reached: number;
  readonly waiting: number;
  /** Went on, but not to the next row. */
  readonly elsewhere: number;
  /** Their run ended here. */
  readonly ended: number;
}

/** The way most people took, step by step. */
export function funnelOf(graph: Graph, steps: CountedSteps, enrolled: number): FunnelRow[] {
  const reached = reachedOf(graph, steps, enrolled);
  const entry = entryOf(graph);
  const rows: FunnelRow[] = [];
  const seen = new Set<string>();
  for (let node = entry; node !== undefined && !seen.has(node.id); ) {
    const { id } = node;
    seen.add(id);
    const here = steps[id];
    const came = reached.get(id) ?? 0;
    const taken = (port: string) => (id === entry?.id ? came : (here?.ports[port] ?? 0));
    const ways = graph.edges.filter(({ from }) => from === id);
    const next = ways.filter(({ to }) => !seen.has(to)).reduce<(typeof ways)[number] | undefined>((most, way) => (most === undefined || taken(way.port) > taken(most.port) ? way : most), undefined);
    const onward = next === undefined ? 0 : taken(next.port);
    const waiting = here?.waiting ?? 0;
    const elsewhere = sum(ways.filter((way) => way !== next).map((way) => taken(way.port))) + (here?.ports['moved'] ?? 0);
    rows.push({ node, reached: came, waiting, elsewhere, ended: Math.max(0, came - waiting - elsewhere - onward) });
    node = next === undefined ? undefined : findNode(graph, next.to);
  }
  return rows;
}
