import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { findNode } from '#domain/journey/graph.ts';
import { mapSecrets, secretAt } from '#domain/journey/secrets.ts';
import { KEPT_SECRET } from '#domain/shared/forms.ts';
import type { Secrets } from '../secrets.ts';

/** A secret of a step belongs to its journey and step: copied elsewhere it does not open. */
function placeOf(orgId: string, journeyId: string, node: string, field: string): string {
  return `${orgId}|journey|${field}|${journeyId}|${node}`;
}

/** The secret of a published or drafted step as its author typed it; null when it has none. */
export function openStepSecret(secrets: Secrets, orgId: string, journeyId: string, node: GraphNode, field = 'secret'): string | null {
  const sealed = secretAt(node, field);
  return sealed === undefined || sealed === '' ? null : secrets.open(sealed, placeOf(orgId, journeyId, node.id, field));
}

/** A stored graph with its secrets as they were typed: to be checked or acted on, never to leave the server. */
export function openSecrets(secrets: Secrets, orgId: string, journeyId: string, graph: Graph): Graph {
  return mapSecrets(graph, (node, field) => openStepSecret(secrets, orgId, journeyId, node, field) ?? undefined);
}

/**
 * A graph as it is stored: what its author typed is sealed, what she left alone is what the same step had before.
 * @param before graphs stored so far; the first that has the secret counts
 */
export function sealSecrets(secrets: Secrets, orgId: string, journeyId: string, graph: Graph, before: readonly (Graph | null)[]): Graph {
  return mapSecrets(graph, (node, field, typed) => {
    if (typed === '') return undefined;
    if (typed !== KEPT_SECRET) return secrets.seal(typed, placeOf(orgId, journeyId, node.id, field));
    return before.map((each) => {
      const known = each === null ? undefined : findNode(each, node.id);
      return known === undefined ? undefined : secretAt(known, field);
    }).find((kept) => kept !== undefined && kept !== '');
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
