import { nodeKindNames, type NodeKindName } from '#domain/journey/graph.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';

export interface PaletteKind { readonly kind: NodeKindName; readonly label: string; readonly summary: string }

/** What can be added, by group, in the order of the registry. The entry is there already. */
export const palette = (['action', 'condition', 'delay'] as const).map((group) => ({
  group,
  kinds: nodeKindNames.filter((kind) => nodeKinds[kind].group === group).map((kind): PaletteKind => ({ kind, label: nodeKinds[kind].label, summary: nodeKinds[kind].summary })),
}));
