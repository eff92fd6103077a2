import { LRUCache } from 'lru-cache';
import type { Graph, GraphNode } from '#domain/journey/graph.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Tenant } from '../tenancy/registry.ts';

/** A published graph with its ways looked up once. */
export interface Version {
  readonly graph: Graph;
  node(id: string): GraphNode | undefined;
  /** Where a port leads, or undefined where it is open. */
  after(id: string, port: string): GraphNode | undefined;
}

export interface Versions {
  /** @throws AppError `not_found` when there is no such version */
  get(tenant: Pick<Tenant, 'org' | 'sql'>, journeyId: string, no: number): Promise<Version>;
}

/** Versions kept by one process; the largest graph has 2 MB. */
const KEPT = 200;

/** Published graphs never change: each is read once. */
export function createVersions(): Versions {
  const known = new LRUCache<string, Version>({ max: KEPT });
  return {
    async get({ org, sql }, journeyId, no) {
      const key = `${org.id}|${journeyId}|${no}`;
      const cached = known.get(key);
      if (cached !== undefined) return cached;
      const row = await sql.first<{ graph: Graph }>('select graph from journey_version where journey_id = $1 and no = $2', [journeyId, no]);
      if (row === undefined) throw new AppError('not_found', 'This version of the journey does not exist.');
      const version = toVersion(row.graph);
      known.set(key, version);
      return version;
    },
  };
}

function toVersion(graph: Graph): Version {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const ways = new Map(graph.edges.map(({ from, port, to }) => [`${from} ${port}`, to]));
  return { graph, node: (id) => nodes.get(id), after: (id, port) => nodes.get(ways.get(`${id} ${port}`) ?? '') };
}
