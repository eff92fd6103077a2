import { kindOf } from '#domain/journey/nodes/index.ts';
import type { Port } from '#domain/journey/nodes/node.ts';
import type { Edge, GraphNode } from '#domain/journey/graph.ts';
import type { Field } from '#domain/shared/forms.ts';

/** Ways out of a step, in the order in which they are drawn. */
export const portsOf = (node: GraphNode): readonly Port[] => kindOf(node).ports(node.config);
export const formOf = (node: GraphNode): readonly Field[] => kindOf(node).form;

/** A port has one way at most: that is its name on the canvas. */
export const edgeId = ({ from, port }: Pick<Edge, 'from' | 'port'>): string => `${from}:${port}`;
