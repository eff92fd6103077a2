import type { z } from 'zod';
import { findNode, type Graph } from '#domain/journey/graph.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { MovingView } from './views.ts';

/**
 * Where the people inside stand, and who of them could be moved to a graph: those whose step it has.
 * @param from of this version; null: of every other than `to`
 * @param to number of the version the graph is, when it has one
 */
export async function movingTo(sql: Pick<Sql, 'rows'>, journeyId: string, graph: Graph, from: number | null, to: number | null = null): Promise<z.input<typeof MovingView>> {
  const standing = await sql.rows<{ no: number; node: string; people: number }>(
    `select version_no as no, node_id as node, sum(n)::int as people from enrollment_count
      where journey_id = $1 and state = 'active' and ($2::int is null or version_no = $2) and ($3::int is null or version_no <> $3) group by 1, 2 having sum(n) > 0 order by 1, 2`, [journeyId, from, to]);
  const graphs = new Map((await sql.rows<{ no: number; graph: Graph }>(
    'select no, graph from journey_version where journey_id = $1 and no = any($2)', [journeyId, [...new Set(standing.map((each) => each.no))]])).map((row) => [row.no, row.graph]));
  const steps = new Map<string, { node: string; name: string; people: number; moves: boolean }>();
  for (const { no, node, people } of standing) {
    const before = graphs.get(no);
    const was = before === undefined ? undefined : findNode(before, node);
    const is = findNode(graph, node);
    const known = steps.get(node);
    steps.set(node, {
      node, name: is?.name ?? was?.name ?? node, people: (known?.people ?? 0) + people,
      // A step of another kind under the same id is another step.
      moves: is !== undefined && (was === undefined || was.kind === is.kind) && (known?.moves ?? true),
    });
  }
  const all = [...steps.values()].sort((a, b) => b.people - a.people);
  const count = (moves: boolean) => all.filter((step) => step.moves === moves).reduce((sum, step) => sum + step.people, 0);
  return { moving: count(true), staying: count(false), steps: all };
}
