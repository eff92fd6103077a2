import type { Field } from '../shared/forms.ts';
import type { Graph, GraphNode } from './graph.ts';
import { kindOf } from './nodes/index.ts';

type Pairs = readonly { readonly key: string; readonly value: string }[];

const isSecretField = (field: Field): boolean => field.type === 'secret' || (field.type === 'pairs' && field.isSecret === true);

/** The name of one value of a field of secret pairs; the keys of headers, which these are, know no case. */
const nameOf = (field: string, key: string): string => `${field}.${key.trim().toLowerCase()}`;

/** What stands in a step's config under a secret's name: of a field, or of a pair as `field.key`. */
export function secretAt({ config }: Pick<GraphNode, 'config'>, name: string): string | undefined {
  const whole = config[name];
  if (typeof whole === 'string') return whole;
  const [field = ''] = name.split('.', 1);
  return pairsOf(config[field]).find(({ key }) => nameOf(field, key) === name)?.value;
}

/**
 * The same graph with each of its secrets replaced: the server seals them and never shows them again.
 * @param replace gets the step, the secret's name for `secretAt` and what is there; undefined: none
 */
export function mapSecrets(graph: Graph, replace: (node: GraphNode, name: string, secret: string) => string | undefined): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const fields = kindOf(node).form.filter((field) => isSecretField(field) && node.config[field.name] !== undefined);
      if (fields.length === 0) return node;
      const config = { ...node.config };
      for (const { name, type } of fields) {
        const replaced = type === 'pairs' ? pairsOf(config[name]).map(({ key, value }) => ({ key, value: replace(node, nameOf(name, key), value) ?? '' })) : typeof config[name] === 'string' ? replace(node, name, config[name]) : config[name];
        if (replaced === undefined) delete config[name];
        else config[name] = replaced;
      }
      return { ...node, config };
    }),
  };
}

function pairsOf(value: unknown): Pairs {
  return Array.isArray(value) ? (value as Pairs) : [];
}
