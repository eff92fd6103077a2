import type { Edge, Node, Position } from '@xyflow/svelte';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { HANDLE, portX, sizeOf } from './geometry.ts';
import { edgeId, portsOf } from './ports.ts';

/** The graph as the canvas library wants it. Sizes and handles are given, so that nothing has to be drawn to be measured. */
export type FlowNode = Node<{ step: GraphNode }, 'step'>;
export type FlowEdge = Edge<Record<string, never>, 'way'>;

const [top, bottom] = ['top' as Position, 'bottom' as Position];

/** In the library's own spelling, which it would otherwise take away again. */
const reachable: object = { tabIndex: -1 };

function made(step: GraphNode, selected: boolean): FlowNode {
  const ports = portsOf(step);
  const { width, height } = sizeOf(ports.length);
  const half = HANDLE / 2;
  const target = step.kind === 'entry' ? [] : [{ type: 'target' as const, position: top, x: width / 2 - half, y: -half, width: HANDLE, height: HANDLE }];
  const sources = ports.map(({ id }, index) => ({ id, type: 'source' as const, position: bottom, x: portX(index, ports.length) - half, y: height - half, width: HANDLE, height: HANDLE }));
  return {
    id: step.id, type: 'step', position: { x: step.x, y: step.y }, data: { step }, selected, width, height, measured: { width, height }, handles: [...target, ...sources],
    // The canvas leads the focus from step to step itself, in the order of the flow.
    focusable: false, ariaRole: 'group', domAttributes: { ...reachable, 'aria-labelledby': `${step.id}-says`, 'aria-roledescription': 'step' },
  };
}

/** Nodes for a graph; those of steps that did not change stay the same objects, and so does the whole where nothing did. */
export function flowNodes(graph: Graph, selected: ReadonlySet<string>, before: FlowNode[]): FlowNode[] {
  const byId = new Map(before.map((node) => [node.id, node]));
  const nodes = graph.nodes.map((step) => {
    const old = byId.get(step.id);
    const isSelected = selected.has(step.id);
    if (old === undefined || old.data.step !== step) return made(step, isSelected);
    // Where it was dragged to without being put down counts no more.
    const isHere = old.position.x === step.x && old.position.y === step.y;
    return isHere && (old.selected ?? false) === isSelected ? old : { ...old, position: isHere ? old.position : { x: step.x, y: step.y }, selected: isSelected };
  });
  return nodes.length === before.length && nodes.every((node, index) => node === before[index]) ? before : nodes;
}

/** Edges likewise. */
export function flowEdges(graph: Graph, selected: ReadonlySet<string>, before: FlowEdge[]): FlowEdge[] {
  const byId = new Map(before.map((edge) => [edge.id, edge]));
  const edges = graph.edges.map((edge): FlowEdge => {
    const id = edgeId(edge);
    const old = byId.get(id);
    const isSelected = selected.has(id);
    return old !== undefined && old.target === edge.to && (old.selected ?? false) === isSelected ? old : { id, type: 'way', source: edge.from, sourceHandle: edge.port, target: edge.to, selected: isSelected };
  });
  return edges.length === before.length && edges.every((edge, index) => edge === before[index]) ? before : edges;
}
