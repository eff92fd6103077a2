import dagre from '@dagrejs/dagre';
import type { Graph } from '#domain/journey/graph.ts';
import { GAP, sizeOf, snap, type Place } from './geometry.ts';
import { edgesByFrom, flowOrder } from './order.ts';
import { portsOf } from './ports.ts';

/** Places for all steps: the flow from top to bottom, branches side by side in the order of their ports. The entry stays where it is. */
export function layoutOf(graph: Graph): ReadonlyMap<string, Place> {
  const drawn = new dagre.graphlib.Graph({ multigraph: true });
  drawn.setGraph({ rankdir: 'TB', nodesep: GAP.x, ranksep: GAP.y, ranker: 'network-simplex' });
  drawn.setDefaultEdgeLabel(() => ({}));
  const order = flowOrder(graph);
  for (const node of order) drawn.setNode(node.id, { ...sizeOf(portsOf(node).length) });
  const ways = edgesByFrom(graph);
  const into = Map.groupBy(graph.edges, ({ to }) => to);
  // Only of steps that nothing else leads to: wishes that contradict each other break the arrangement.
  const isOwn = (id: string) => into.get(id)?.length === 1;
  const constraints: { left: string; right: string }[] = [];
  for (const node of order) {
    const edges = portsOf(node).flatMap(({ id }) => ways.get(node.id)?.find(({ port }) => port === id) ?? []);
    for (const [index, { from, to, port }] of edges.entries()) {
      drawn.setEdge(from, to, {}, port);
      const right = edges[index + 1]?.to;
      if (right !== undefined && isOwn(to) && isOwn(right)) constraints.push({ left: to, right });
    }
  }
  dagre.layout(drawn, { constraints });
  const places = new Map(order.map(({ id }) => {
    const { x, y, width, height } = drawn.node(id) as { x: number; y: number; width: number; height: number };
    return [id, { x: x - width / 2, y: y - height / 2 }] as const;
  }));
  const entry = graph.nodes.find(({ kind }) => kind === 'entry') ?? order[0];
  const anchor = entry === undefined ? undefined : places.get(entry.id);
  if (entry === undefined || anchor === undefined) return places;
  return new Map([...places].map(([id, { x, y }]) => [id, { x: snap(x - anchor.x + entry.x), y: snap(y - anchor.y + entry.y) }]));
}
