import type { Graph } from './graph.ts';
import type { NodeProblem } from './nodes/node.ts';
import type { World } from './world.ts';

/** Everything that stands against publishing a journey, all at once, each on its step: errors block, warnings inform. */
export function checkGraph(graph: Graph, world: World): NodeProblem[] {
  return [];
}
