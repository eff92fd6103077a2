import type { EntryConfig } from '#domain/journey/entry.ts';
import type { Graph } from '#domain/journey/graph.ts';
import type { JourneyState } from '#domain/journey/status.ts';
import type { Sql } from '../../../infra/db/sql.ts';

/** A journey with its counters, without its graphs. */
export interface JourneyRecord {
  readonly id: string; readonly name: string; readonly slug: string; readonly state: JourneyState;
  readonly hasDraft: boolean; readonly draftVersion: number; readonly draftChangedAt: Date;
  readonly activeVersion: number | null; readonly publishedAt: Date | null; readonly publishedBy: string | null; readonly note: string | null;
  readonly wasPublished: boolean;
  /** Config of the entry of the live version, else of the draft. */
  readonly entry: Partial<EntryConfig> | null;
  readonly problem: string | null; readonly problemStep: string | null;
  readonly active: number; readonly enrolled: number; readonly goals: number;
  readonly version: number; readonly createdBy: string; readonly createdAt: Date; readonly updatedAt: Date; readonly archivedAt: Date | null;
}

/** Journeys `j` that are not being deleted, with their counters: sums of `enrollment_count`, people are never scanned. */
export const JOURNEY_ROWS = /* sql */ `
select j.id, j.name, j.slug, j.state, j.draft is not null as "hasDraft", j.draft_version as "draftVersion", j.draft_changed_at as "draftChangedAt",
  j.active_version as "activeVersion", v.published_at as "publishedAt", v.published_by as "publishedBy", v.note, exists (select from journey_version w where w.journey_id = j.id) as "wasPublished",
  jsonb_path_query_first(coalesce(v.graph, j.draft), '$.nodes[*] ? (@.kind == "entry").config') as entry,
  j.problem, j.problem_step as "problemStep", n.active, n.enrolled, n.goals,
  j.version, j.created_by as "createdBy", j.created_at as "createdAt", j.updated_at as "updatedAt", j.archived_at as "archivedAt"
from journey j left join journey_version v on v.journey_id = j.id and v.no = j.active_version
cross join lateral (
  select coalesce(sum(c.n) filter (where c.state = 'active'), 0)::int as active, coalesce(sum(c.n) filter (where c.state <> 'goal'), 0)::int as enrolled, coalesce(sum(c.n) filter (where c.state = 'goal'), 0)::int as goals
    from enrollment_count c where c.journey_id = j.id) n
where not j.removing`;

export function findJourney(sql: Pick<Sql, 'first'>, id: string): Promise<JourneyRecord | undefined> {
  return sql.first<JourneyRecord>(`${JOURNEY_ROWS} and j.id = $1`, [id]);
}

/** The graph of a version as it is stored, secrets sealed. */
export async function readVersionGraph(sql: Pick<Sql, 'first'>, id: string, no: number): Promise<Graph | undefined> {
  return (await sql.first<{ graph: Graph }>('select graph from journey_version where journey_id = $1 and no = $2', [id, no]))?.graph;
}
