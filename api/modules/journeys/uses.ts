import type { Graph } from '#domain/journey/graph.ts';
import { fieldKeysOf, idsOf, mentionsOfGraph } from '#domain/journey/mentions.ts';
import type { Sql } from '../../../infra/db/sql.ts';

/** The draft in `journey_use`. */
export const DRAFT = 0;

/**
 * Writes down what a graph mentions, in the transaction that stores it. What it mentions cannot be deleted until that ends,
 * and from then on while it is used; what is gone already is a problem of the step, not of the save.
 * @param versionNo of a published version, or `DRAFT`
 */
export async function noteUses(tx: Sql, journeyId: string, versionNo: number, graph: Graph): Promise<void> {
  const mentions = mentionsOfGraph(graph);
  // Whoever deletes locks the row before she looks for uses. Two journeys that mention each other are saved side by side: a journey's own lock leaves its key alone.
  for (const table of ['list', 'segment', 'campaign', 'journey', 'connection'] as const) {
    await tx.run(`select 1 from ${table} where id = any($1::uuid[]) and id <> $2 order by id for key share`, [idsOf(mentions), journeyId]);
  }
  await tx.run('select 1 from custom_field where key = any($1) and not removing order by field_no for key share', [fieldKeysOf(mentions)]);
  await tx.run('delete from journey_use where journey_id = $1 and version_no = $2 and not used = any($3)', [journeyId, versionNo, mentions]);
  await tx.run('insert into journey_use (journey_id, version_no, used) select $1, $2, u from unnest($3::text[]) u on conflict do nothing', [journeyId, versionNo, mentions]);
}

/**
 * Journeys by what they use, one row each: the draft, the live version, and earlier ones with people inside. Archived journeys
 * use nothing any more. Columns: used, id, name.
 */
export const JOURNEY_USES = /* sql */ `
select distinct u.used, j.id::text as id, j.name from journey_use u join journey j on j.id = u.journey_id
 where j.state <> 'archived' and (u.version_no = ${DRAFT} or u.version_no = j.active_version
    or (select coalesce(sum(c.n), 0) from enrollment_count c where c.journey_id = j.id and c.version_no = u.version_no and c.state = 'active') > 0)`;

/** Names of what is mentioned, by id; what is gone is not in it. */
export async function namesOfMentions(sql: Pick<Sql, 'rows'>, ids: readonly string[]): Promise<Record<string, string>> {
  if (ids.length === 0) return {};
  const rows = await sql.rows<{ id: string; name: string }>(
    ['list', 'segment', 'campaign', 'journey', 'connection'].map((table) => `select id::text, name from ${table} where id = any($1::uuid[])`).join(' union all '), [ids]);
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]));
}
