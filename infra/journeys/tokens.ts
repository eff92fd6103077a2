import type { Token } from '#domain/journey/board.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';

/** Temporal shows at most 200 bytes. */
const TITLE_LENGTH = 100;

/** A step as Temporal's web UI names its visits. */
export function titleOf(node: GraphNode): string {
  return `${kindOf(node).label}: ${node.name}`.slice(0, TITLE_LENGTH);
}

/** What a cohort's run begins with where everybody of it stands new on one step; nothing where nobody can stand there. */
export function tokensAt(node: GraphNode): Token[] {
  const { activity } = kindOf(node);
  return activity === null ? [] : [{ node: node.id, activity, title: titleOf(node), due: 0 }];
}
