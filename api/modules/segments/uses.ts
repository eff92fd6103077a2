import { AppError } from '#domain/shared/errors.ts';
import type { Sql } from '../../../infra/db/sql.ts';

/** Something that would break or change if a list or segment were gone. */
export interface Use {
  readonly kind: 'campaign' | 'segment' | 'import' | 'export' | 'bulk';
  readonly id: string;
  readonly name: string;
}

/** Campaigns that may still be sent to it, segments that ask for it, imports into it, exports and bulk actions that have not read it to the end. */
const USES = /* sql */ `
select * from (
  select t ->> 'id' as used, 'campaign' as kind, c.id::text as id, c.name
    from campaign c cross join lateral jsonb_array_elements(c.targets) t
   where t ->> 'kind' = $1 and c.state not in ('completed', 'failed', 'cancelled')
  union
  select m #>> '{}', 'segment', s.id::text, s.name from segment s cross join lateral jsonb_path_query(s.rule, ('$.**.' || $1)::jsonpath) m
  union
  select list_id::text, 'import', id::text, file_name from import_job where $1 = 'list' and state in ('queued', 'validating', 'running')
  union
  select m #>> '{}', 'export', e.id::text, e.title from export_job e cross join lateral jsonb_path_query(e.options, '$.**') m
   where e.state in ('queued', 'running')
  union
  select m #>> '{}', 'bulk', b.id::text, b.action from bulk_job b cross join lateral jsonb_path_query(b.options, '$.**') m
   where b.state in ('queued', 'collecting', 'running')
) use where used = any($2::text[]) order by kind, lower(name), id`;

/** Who uses each of some lists or segments; those without uses are not in it. */
export async function usesByIds(sql: Pick<Sql, 'rows'>, kind: 'list' | 'segment', ids: readonly string[]): Promise<ReadonlyMap<string, readonly Use[]>> {
  if (ids.length === 0) return new Map();
  return Map.groupBy(await sql.rows<Use & { used: string }>(USES, [kind, ids]), (row) => row.used);
}

const SHOWN = 20;
const words: Record<Use['kind'], string> = { campaign: 'campaign', segment: 'segment', import: 'import', export: 'export', bulk: 'bulk action' };

/** Names of what uses a list or segment, for a sentence. */
export async function usesOf(sql: Pick<Sql, 'rows'>, kind: 'list' | 'segment', id: string): Promise<string[]> {
  const uses = (await usesByIds(sql, kind, [id.toLowerCase()])).get(id.toLowerCase()) ?? [];
  const named = uses.slice(0, SHOWN).map((use) => `${words[use.kind]} “${use.name}”`);
  return uses.length > SHOWN ? [...named, `${uses.length - SHOWN} more`] : named;
}

/** @throws AppError `conflict` that lists the uses */
export function refuseInUse(what: string, uses: readonly string[]): void {
  if (uses.length > 0) throw new AppError('conflict', `This ${what} is in use and cannot be deleted. Used by: ${uses.join(', ')}.`);
}

/** Runs a write of a unique name. @throws AppError `conflict` on the field `name` when it is taken */
export async function nameTaken<T>(write: () => Promise<T>, what: string): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if ((error as { code?: string }).code !== '23505') throw error;
    const message = `There is a ${what} of this name already. Choose another name.`;
    throw new AppError('conflict', message, [{ field: 'name', message }], { cause: error });
  }
}
