import type { Graph, GraphNode } from './graph.ts';

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const FIELD = /^custom\.[\p{L}\p{N}_]+$/u;
const MERGED = /custom\.[\p{L}\p{N}_]+/gu;

/**
 * What steps refer to, each once: ids of lists, segments, campaigns, journeys and connections in small letters, custom fields
 * as `custom.<key>`, in conditions and in merge tags. An id is one wherever it stands, so that no kind of step can forget to tell.
 */
export function mentionsOfGraph({ nodes }: Pick<Graph, 'nodes'>): string[] {
  const found = new Set<string>();
  for (const node of nodes) for (const mention of mentionsOfNode(node)) found.add(mention);
  return [...found].sort();
}

function* mentionsOfNode({ config }: GraphNode): Iterable<string> {
  const todo: unknown[] = [config];
  while (todo.length > 0) {
    const value = todo.pop();
    if (typeof value === 'string') yield* mentionsOfText(value);
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) todo.push(each);
  }
}

function* mentionsOfText(text: string): Iterable<string> {
  if (ID.test(text)) yield text.toLowerCase();
  else if (FIELD.test(text)) yield text;
  else if (text.includes('{')) for (const [field] of text.matchAll(MERGED)) yield field;
}

/** Of what is mentioned, the ids. */
export const idsOf = (mentions: readonly string[]): string[] => mentions.filter((each) => ID.test(each));
/** Of what is mentioned, the keys of custom fields. */
export const fieldKeysOf = (mentions: readonly string[]): string[] => mentions.filter((each) => FIELD.test(each)).map((each) => each.slice('custom.'.length));
