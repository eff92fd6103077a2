import { findNode, type Graph, type GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { Names } from '#domain/journey/nodes/node.ts';

/** Names of what the steps of a picture refer to, as the API told them. */
export function namesOf(graph: Graph, names: Readonly<Record<string, string>>): Names {
  const named = (id: string) => names[id] ?? null;
  return { list: named, segment: named, campaign: named, journey: named, connection: named, step: (id) => findNode(graph, id)?.name ?? names[id] ?? null };
}

/** A few words of what a step does. */
export const wordsOf = (node: GraphNode, names: Names): string => kindOf(node).describe(node.config, names);
/** A port as the step calls it. */
export const portLabelOf = (node: GraphNode, port: string): string => kindOf(node).ports(node.config).find(({ id }) => id === port)?.label ?? port;
