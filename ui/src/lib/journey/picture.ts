import type { Edge, Node } from '@xyflow/svelte';
import { HANDLE, portX, sizeOf } from '$lib/canvas/geometry.ts';
import { edgeId, portsOf } from '$lib/canvas/ports.ts';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';

/** A published graph as the canvas library wants it: every card has room for its numbers, nothing can be moved. */
export type LiveNode = Node<{ step: GraphNode }, 'live'>;
export type LiveEdge = Edge<Record<string, unknown>, 'live'>;

/** The card's height with the line of numbers at its foot, px. */
export const LIVE_HEIGHT = 88;
const HALF = HANDLE / 2;

export function liveNodes(graph: Graph): LiveNode[] {
  return graph.nodes.map((step) => {
    const ports = portsOf(step);
    const { width } = sizeOf(ports.length);
    const target = step.kind === 'entry' ? [] : [{ id: null, type: 'target' as const, position: 'top' as const, x: width / 2 - HALF, y: -HALF, width: HANDLE, height: HANDLE }];
    const sources = ports.map(({ id }, index) => ({ id, type: 'source' as const, position: 'bottom' as const, x: portX(index, ports.length) - HALF, y: LIVE_HEIGHT - HALF, width: HANDLE, height: HANDLE }));
    return { id: step.id, type: 'live', position: { x: step.x, y: step.y }, data: { step }, width, height: LIVE_HEIGHT, measured: { width, height: LIVE_HEIGHT }, handles: [...target, ...sources] } as LiveNode;
  });
}

export const liveEdges = (graph: Graph): LiveEdge[] => graph.edges.map((edge) => ({ id: edgeId(edge), type: 'live', source: edge.from, sourceHandle: edge.port, target: edge.to }));

/** A card is read at this size, not below. */
const READABLE = 0.85;
const MARGIN = 28;

/** Where the picture begins: whole if it can be read then, else from its entry on, as wide as fits. */
export function startOf(graph: Graph, { width, height }: { readonly width: number; readonly height: number }): { x: number; y: number; zoom: number } {
  const boxes = graph.nodes.map((node) => ({ left: node.x, right: node.x + sizeOf(portsOf(node).length).width, top: node.y, bottom: node.y + LIVE_HEIGHT }));
  const [left, right, top, bottom] = [Math.min(...boxes.map((box) => box.left)), Math.max(...boxes.map((box) => box.right)), Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
  const fit = Math.min(1, (width - 2 * MARGIN) / (right - left), (height - 2 * MARGIN) / (bottom - top));
  const zoom = Math.max(READABLE, fit);
  const entry = graph.nodes.find(({ kind }) => kind === 'entry');
  const isWide = (right - left) * zoom > width - 2 * MARGIN;
  const middle = isWide && entry !== undefined ? entry.x + sizeOf(1).width / 2 : (left + right) / 2;
  return { x: width / 2 - middle * zoom, y: fit >= READABLE ? height / 2 - ((top + bottom) / 2) * zoom : MARGIN - top * zoom, zoom };
}

export type Direction = 'up' | 'down' | 'left' | 'right';

/** The step an arrow key leads to: along the ways up and down, to a neighbour on the same height left and right. */
export function neighbourOf(graph: Graph, id: string, direction: Direction): string | null {
  const here = graph.nodes.find((node) => node.id === id);
  if (here === undefined) return null;
  if (direction === 'down') return graph.edges.find(({ from }) => from === id)?.to ?? null;
  if (direction === 'up') return graph.edges.find(({ to }) => to === id)?.from ?? null;
  const side = direction === 'left' ? -1 : 1;
  const beside = graph.nodes.filter((node) => (node.x - here.x) * side > 0 && Math.abs(node.y - here.y) < LIVE_HEIGHT);
  return beside.reduce<GraphNode | null>((best, node) => (best === null || Math.abs(node.x - here.x) < Math.abs(best.x - here.x) ? node : best), null)?.id ?? null;
}
