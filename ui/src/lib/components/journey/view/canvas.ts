import { createContext } from 'svelte';
import type { Direction } from '$lib/journey/picture.ts';
import type { Figure } from '$lib/journey/numbers.ts';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';

/** What the cards and ways of a live canvas ask of it. Functions, so that numbers change without the picture being made anew. */
export interface LiveCanvas {
  readonly selected: () => string | null;
  readonly graph: () => Graph;
  readonly words: (node: GraphNode) => string;
  readonly figures: (node: GraphNode) => readonly Figure[];
  readonly overdue: (id: string) => number;
  /** Share of those who left by this port, in words; empty where there is only one way or nobody left yet. */
  readonly share: (id: string, port: string) => string;
  readonly isStale: () => boolean;
  readonly open: (id: string) => void;
  readonly go: (id: string, direction: Direction) => void;
}

export const [useLiveCanvas, provideLiveCanvas] = createContext<LiveCanvas>();
