import type { Graph } from '#domain/journey/graph.ts';
import { formOf } from './ports.ts';

export const thingKinds = ['list', 'segment', 'campaign', 'journey', 'connection'] as const;
export type ThingKind = (typeof thingKinds)[number];
export interface Mention { readonly kind: ThingKind; readonly id: string }

/** Lists, segments, campaigns, journeys and connections that steps refer to, each once: found by what their forms say. */
export function mentionsOf(graph: Graph): Mention[] {
  const found = new Map<string, Mention>();
  const add = (kind: ThingKind, id: unknown) => {
    if (typeof id === 'string' && id !== '') found.set(`${kind} ${id}`, { kind, id });
  };
  for (const node of graph.nodes) {
    for (const field of formOf(node)) {
      const value = node.config[field.name];
      const kind = thingKinds.find((each) => each === field.type);
      if (kind !== undefined) add(kind, value);
      else if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (const each of thingKinds) add(each, (value as Record<string, unknown>)[each]);
    }
  }
  return [...found.values()];
}
