import type { EntryConfig } from '#domain/journey/entry.ts';
import { nodeAfter, type Graph, type GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import { readConfig } from '#domain/shared/forms.ts';

/** What a version says of everybody in it: who enters, what ends runs, where events are waited for. */
export interface Terms extends EntryConfig {
  readonly entry: GraphNode;
  /** The step after the entry; undefined where its port is open: then a run is completed at once. */
  readonly first: GraphNode | undefined;
  /** Steps at which an event can end a wait, by id. */
  readonly waits: ReadonlyMap<string, GraphNode>;
}

const known = new WeakMap<Graph, Terms>();

/** Read once a graph: published ones never change. */
export function termsOf(graph: Graph): Terms {
  const read = known.get(graph);
  if (read !== undefined) return read;
  const entry = graph.nodes.find((node) => node.kind === 'entry');
  if (entry === undefined) throw new Error('a published journey has no entry');
  const config = readConfig(kindOf(entry).form, entry.config) as unknown as EntryConfig;
  const port = kindOf(entry).ports(entry.config)[0];
  const terms: Terms = {
    ...config, goal: config.goal ?? null, entry,
    first: port === undefined ? undefined : nodeAfter(graph, entry.id, port.id),
    waits: new Map(graph.nodes.filter((node) => kindOf(node).matches !== undefined).map((node) => [node.id, node])),
  };
  known.set(graph, terms);
  return terms;
}
