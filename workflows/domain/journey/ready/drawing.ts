import type { Graph, GraphNode, NodeKindName } from '../graph.ts';

/** A journey that a new one can begin as. Lists, senders and connections are left for people to choose. */
export interface ReadyJourney {
  readonly id: string;
  readonly name: string;
  /** One sentence: whom it is for and what it does. */
  readonly summary: string;
  readonly graph: Graph;
}

/** Half a column and a row of the canvas, px: cards are 240 wide, so that two beside each other stand two halves apart. */
const HALF_COLUMN = 150;
const ROW = 150;

/** A step at a place counted in half columns from the middle and rows from the top. */
export function step(place: readonly [column: number, row: number], kind: NodeKindName, id: string, name: string, config: GraphNode['config'] = {}): GraphNode {
  return { id, kind, name, config, x: place[0] * HALF_COLUMN, y: place[1] * ROW };
}

/** Ways between steps. Each line is a chain of `step` or `step:port`; without a port it leaves by `next`. */
export function ways(...lines: readonly string[]): Graph['edges'] {
  return lines.flatMap((line) => {
    const stops = line.split(' > ').map((stop) => stop.split(':') as [id: string, port?: string]);
    return stops.slice(1).map(([to], i) => ({ from: stops[i]![0], port: stops[i]![1] ?? 'next', to }));
  });
}
