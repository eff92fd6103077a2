import type { Graph, GraphNode } from './graph.ts';
import { kindOf } from './nodes/index.ts';

/** What stands for a secret wherever a graph leaves the server; sent back unchanged it means the one that is kept. */
export const KEPT_SECRET = '••••••••';

/** Names of the secrets in a step's config: the server seals them and never shows them again. */
function secretFieldsOf(node: GraphNode): string[] {
  return kindOf(node).form.filter((field) => field.type === 'secret').map((field) => field.name);
}

/** The same graph with each of its secrets replaced. @param replace gets the step, the field's name and what is there; undefined: none */
export function mapSecrets(graph: Graph, replace: (node: GraphNode, field: string, secret: string) => string | undefined): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const fields = secretFieldsOf(node).filter((field) => typeof node.config[field] === 'string');
      if (fields.length === 0) return node;
      const config = { ...node.config };
      for (const field of fields) {
        const replaced = replace(node, field, config[field] as string);
        if (replaced === undefined) delete config[field];
        else config[field] = replaced;
      }
      return { ...node, config };
    }),
  };
}
