import type { z } from 'zod';
import { percent } from '#domain/campaign/metrics.ts';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { shownGraph } from './drafts.ts';
import { readVersionGraph } from './queries.ts';
import type { JourneyReader } from './reader.ts';
import type { VersionGraphView, VersionsView } from './views.ts';

export type JourneyVersionService = ReturnType<typeof createJourneyVersionService>;

interface VersionRow {
  readonly no: number; readonly publishedAt: Date; readonly publishedBy: string; readonly note: string; readonly steps: number; readonly hasGoal: boolean;
  readonly active: number; readonly completed: number; readonly exited: number; readonly goals: number;
}

/** Published versions: their steps, who published them, who is inside. */
export function createJourneyVersionService({ tenants }: Pick<Container, 'tenants'>, reader: JourneyReader) {
  return {
    list: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }): Promise<z.input<typeof VersionsView>> => {
      const { activeVersion, state } = await reader.find(sql, id);
      const rows = await sql.rows<VersionRow>(VERSIONS, [id]);
      const migration = await lastMigration(sql, id);
      return {
        data: rows.map((row) => {
          const enrolled = row.active + row.completed + row.exited;
          return {
            no: row.no, isLive: row.no === activeVersion, publishedAt: row.publishedAt.toISOString(), publishedBy: row.publishedBy, note: row.note, steps: row.steps,
            enrolled, active: row.active, completed: row.completed, exited: row.exited, goals: row.goals, goalRate: percent(row.goals, enrolled), hasGoal: row.hasGoal,
          };
        }),
        migration: migration === null ? null : { ...migration, canUndo: migration.canUndo && state !== 'archived' },
      };
    }),

    /** @param no of a version; without one the live one, else the newest @throws AppError `not_found` */
    graph: (orgId: string, id: string, no: number | undefined) => tenants.use(orgId, async ({ sql }): Promise<z.input<typeof VersionGraphView>> => {
      const journey = await reader.find(sql, id);
      const asked = no ?? journey.activeVersion ?? (await sql.first<{ no: number | null }>('select max(no) as no from journey_version where journey_id = $1', [id]))?.no ?? null;
      const graph = asked === null ? undefined : await readVersionGraph(sql, id, asked);
      if (asked === null || graph === undefined) throw notFound('version');
      return { no: asked, ...(await shownGraph(sql, graph)) };
    }),
  };
}

const VERSIONS = /* sql */ `
select v.no, v.published_at as "publishedAt", v.published_by as "publishedBy", v.note, jsonb_array_length(v.graph->'nodes') as steps,
  coalesce(jsonb_path_exists(v.graph, '$.nodes[*] ? (@.kind == "entry").config.goal.kind'), false) as "hasGoal", n.active, n.completed, n.exited, n.goals
from journey_version v cross join lateral (
  select coalesce(sum(n) filter (where state = 'active'), 0)::int as active, coalesce(sum(n) filter (where state = 'completed'), 0)::int as completed,
         coalesce(sum(n) filter (where state = 'exited'), 0)::int as exited, coalesce(sum(n) filter (where state = 'goal'), 0)::int as goals
    from enrollment_count c where c.journey_id = v.journey_id and c.version_no = v.no) n
where v.journey_id = $1 order by v.no desc`;

/** The last move of people that was not taken back. */
export async function lastMigration(sql: Pick<Sql, 'first'>, id: string): Promise<z.input<typeof VersionsView>['migration']> {
  const row = await sql.first<{ jobId: string; from: number | null; to: number; moved: number; by: string; at: Date; state: string }>(
    `select j.id::text as "jobId", (j.options->>'from')::int as "from", (j.options->>'to')::int as "to", coalesce((j.result->>'moved')::int, 0) as moved, j.created_by as "by", j.created_at as "at", j.state
       from journey_job j where j.journey_id = $1 and j.action = 'migrate' and not exists (
         select from journey_job u where u.journey_id = j.journey_id and u.action = 'undo' and u.options->>'jobId' = j.id::text and u.state <> 'failed')
      order by j.created_at desc, j.id desc limit 1`, [id]);
  if (row === undefined) return null;
  const { state, at, ...migration } = row;
  return { ...migration, at: at.toISOString(), canUndo: state === 'completed' && migration.moved > 0 };
}
