import type { EntityManager } from '@mikro-orm/postgresql';
import { AppError } from '#domain/shared/errors.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { JOURNEY_USES } from '../journeys/uses.ts';

/** Something that would break or change if a list, segment or field were gone. */
export interface Use {
  readonly kind: 'campaign' | 'journey' | 'segment' | 'import' | 'export' | 'bulk' | 'form' | 'template';
  readonly id: string;
  readonly name: string;
}

/** Campaigns that may still be sent to it, journeys whose draft, live version or people need it or that are to take it in, segments that ask for it, imports into it, forms that fill it, exports and bulk actions that have not read it to the end. */
const USES = /* sql */ `
select * from (
  select t ->> 'id' as used, 'campaign' as kind, c.id::text as id, c.name
    from campaign c cross join lateral jsonb_array_elements(c.targets) t
   where t ->> 'kind' = $1 and c.state not in ('completed', 'failed', 'cancelled')
  union
  select used, 'journey', id, name from (${JOURNEY_USES}) journeys
  union
  select coalesce(w.options #>> '{list,id}', w.options #>> '{segment,id}'), 'journey', j.id::text, j.name from journey_job w join journey j on j.id = w.journey_id where w.state in ('queued', 'running')
  union
  select m #>> '{}', 'segment', s.id::text, s.name from segment s cross join lateral jsonb_path_query(s.rule, ('$.**.' || $1)::jsonpath) m
  union
  select list_id::text, 'import', id::text, file_name from import_job where $1 = 'list' and state in ('queued', 'validating', 'running')
  union
  select l.list_id::text, 'form', f.id::text, f.name from sign_up_form_list l join sign_up_form f on f.id = l.form_id where $1 = 'list'
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
const words: Record<Use['kind'] | 'connection', string> = { campaign: 'campaign', journey: 'journey', segment: 'segment', import: 'import', export: 'export', bulk: 'bulk action', form: 'form', template: 'template', connection: 'connection' };

/** Names of what uses a list or segment, for a sentence. */
export async function usesOf(sql: Pick<Sql, 'rows'>, kind: 'list' | 'segment', id: string): Promise<string[]> {
  return namesOf((await usesByIds(sql, kind, [id.toLowerCase()])).get(id.toLowerCase()) ?? []);
}

/** The first 20 by kind and name, and how many more there are. */
export function namesOf(uses: readonly { readonly kind: keyof typeof words; readonly name: string }[]): string[] {
  const named = uses.slice(0, SHOWN).map((use) => `${words[use.kind]} “${use.name}”`);
  return uses.length > SHOWN ? [...named, `${uses.length - SHOWN} more`] : named;
}

/** @param instead what can be done all the same @throws AppError `conflict` that lists the uses */
export function refuseInUse(what: string, uses: readonly string[], instead = ''): void {
  if (uses.length > 0) throw new AppError('conflict', `This ${what} is in use and cannot be deleted. Used by: ${uses.join(', ')}.${instead === '' ? '' : ` ${instead}`}`);
}

/**
 * Keeps what is about to be used from being deleted until the transaction ends; who deletes locks the row before it looks for uses.
 * @returns the keys of those that are there, as text
 */
export async function holdAll(tx: EntityManager, table: 'list' | 'segment' | 'connection' | 'custom_field', key: 'id' | 'field_no', wanted: readonly (string | number)[], where = 'true'): Promise<string[]> {
  if (wanted.length === 0) return [];
  const rows = await tx.execute<{ key: string }[]>(`select ${key}::text as key from ${table} where ${key} in (?) and ${where} order by ${key} for key share`, [[...wanted]]);
  return rows.map((row) => row.key);
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
