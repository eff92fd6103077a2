import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { findNode } from '#domain/journey/graph.ts';
import { KEPT_SECRET, mapSecrets } from '#domain/journey/secrets.ts';
import type { Secrets } from '../secrets.ts';

/** A secret of a step belongs to its journey and step: copied elsewhere it does not open. */
function placeOf(orgId: string, journeyId: string, node: string, field: string): string {
  return `${orgId}|journey|${field}|${journeyId}|${node}`;
}

/** The secret of a published or drafted step as its author typed it; null when it has none. */
export function openStepSecret(secrets: Secrets, orgId: string, journeyId: string, node: GraphNode, field = 'secret'): string | null {
  const sealed = node.config[field];
  return typeof sealed !== 'string' || sealed === '' ? null : secrets.open(sealed, placeOf(orgId, journeyId, node.id, field));
}

/**
 * A graph as it is stored: what its author typed is sealed, what she left alone is what the same step had before.
 * @param before graphs stored so far; the first that has the secret counts
 */
export function sealSecrets(secrets: Secrets, orgId: string, journeyId: string, graph: Graph, before: readonly (Graph | null)[]): Graph {
  return mapSecrets(graph, (node, field, typed) => {
    if (typed === '') return undefined;
    if (typed !== KEPT_SECRET) return secrets.seal(typed, placeOf(orgId, journeyId, node.id, field));
    return before.map((each) => (each === null ? undefined : findNode(each, node.id)?.config[field])).find((kept): kept is string => typeof kept === 'string');
  });
}

/** A graph as it leaves the server. */
export function hideSecrets(graph: Graph): Graph {
  return mapSecrets(graph, (_node, _field, sealed) => (sealed === '' ? undefined : KEPT_SECRET));
}

/** Another journey's graph with its secrets sealed for this one. */
export function moveSecrets(secrets: Secrets, orgId: string, from: string, to: string, graph: Graph): Graph {
  return mapSecrets(graph, (node, field) => {
    const secret = openStepSecret(secrets, orgId, from, node, field);
    return secret === null ? undefined : secrets.seal(secret, placeOf(orgId, to, node.id, field));
  });
}
