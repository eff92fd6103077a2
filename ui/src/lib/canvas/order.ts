import type { Edge, Graph, GraphNode } from '#domain/journey/graph.ts';
import { portsOf } from './ports.ts';

/** Ways by the step they leave. */
export function edgesByFrom(graph: Graph): ReadonlyMap<string, readonly Edge[]> {
  return Map.groupBy(graph.edges, ({ from }) => from);
}

/**
 * Steps in the order in which people pass them: each after what leads to it (but for ways back), the first port's branch
 * before the second's. What cannot be reached comes last, from top to bottom.
 */
export function flowOrder(graph: Graph): GraphNode[] {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges = edgesByFrom(graph);
  const seen = new Set<string>();
  const after = (node: GraphNode): GraphNode[] => {
    const ways = edges.get(node.id) ?? [];
    return portsOf(node).flatMap(({ id }) => byId.get(ways.find(({ port }) => port === id)?.to ?? '') ?? []);
  };
  const ordered: GraphNode[] = [];
  const roots = [...graph.nodes.filter(({ kind }) => kind === 'entry'), ...graph.nodes.toSorted((a, b) => a.y - b.y || a.x - b.x)];
  for (const root of roots) {
    if (seen.has(root.id)) continue;
    seen.add(root.id);
    // Depth first with the last port in front; turned round, each stands before all that follow from it.
    const done: GraphNode[] = [];
    const stack = [{ node: root, next: after(root) }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = top.next.pop();
      if (child === undefined) done.push(stack.pop()!.node);
      else if (!seen.has(child.id)) {
        seen.add(child.id);
        stack.push({ node: child, next: after(child) });
      }
    }
    ordered.push(...done.reverse());
  }
  return ordered;
}

/** Ids of the steps from which people can come to one. */
export function stepsBefore(graph: Graph, id: string): ReadonlySet<string> {
  const into = Map.groupBy(graph.edges, ({ to }) => to);
  const before = new Set<string>();
  const todo = [id];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    for (const { from } of into.get(at) ?? []) if (!before.has(from)) { before.add(from); todo.push(from); }
  }
  return before;
}
