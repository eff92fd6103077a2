import type { CustomField } from '#domain/customer/fields.ts';
import { findField } from '#domain/segment/ast.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { JOURNEY_USES } from '../journeys/uses.ts';
import type { Use } from '../segments/uses.ts';

interface Mention {
  readonly kind: Use['kind'];
  readonly id: string;
  readonly name: string;
  /** Fields as rules name them, or what stands in merge tags. */
  readonly names: readonly string[];
}

/** What uses which field, by number: conditions of segments, merge tags of campaigns that are not over and of templates, steps of journeys, forms that ask for it, jobs that read or write it. */
export async function fieldUses(sql: Sql, catalogue: readonly CustomField[]): Promise<ReadonlyMap<number, readonly Use[]>> {
  const uses = new Map<number, Use[]>();
  for (const { kind, id, name, names } of await sql.rows<Mention>(MENTIONS)) {
    const keys = kind === 'campaign' || kind === 'template' ? names.flatMap(mergedKeys) : names;
    for (const no of new Set(keys.flatMap((key) => customNo(key, catalogue)))) uses.set(no, [...(uses.get(no) ?? []), { kind, id, name }]);
  }
  return uses;
}

function customNo(name: string, catalogue: readonly CustomField[]): number[] {
  const target = findField(name, catalogue);
  return target?.at.kind === 'custom' ? [target.at.no] : [];
}

const mergedKeys = (tag: string): string[] => [...tag.matchAll(/custom\.([\p{L}\p{N}_]+)/gu)].map(([name]) => name);

// Rules name fields wherever they stand in the tree; campaigns keep their tags beside the content.
const MENTIONS = /* sql */ `
select 'segment' as kind, id::text, name, names from (
  select s.id, s.name, array_agg(distinct f #>> '{}') as names from segment s, jsonb_path_query(s.rule, '$.**.field') f group by s.id
) segments
union all
select 'campaign', id::text, name, merge_tags from campaign where state in ('draft', 'scheduled', 'running', 'paused') and merge_tags <> '{}'
union all
select 'template', id::text, name, merge_tags(subject || ' ' || preheader || ' ' || html || ' ' || text) from template where position('custom.' in subject || preheader || html || text) > 0
union all
select 'journey', id, name, array_agg(used) from (${JOURNEY_USES} and u.used like 'custom.%') journeys group by id, name
union all
select 'import', id::text, file_name, array(select replace(value->>'target', 'custom:', 'custom.') from jsonb_array_elements(case when jsonb_typeof(options->'columns') = 'array' then options->'columns' else '[]' end) where value->>'target' like 'custom:%') from import_job
 where state in ('queued', 'validating', 'running')
union all
select 'form', id::text, name, array(select value->>'field' from jsonb_array_elements(fields) where value->>'field' like 'custom.%') from sign_up_form
union all
select 'export', id::text, title, array(select f #>> '{}' from jsonb_path_query(options, '$.**.field') f) from export_job where state in ('queued', 'running')
union all
select 'bulk', id::text, action, array(select f #>> '{}' from jsonb_path_query(options, '$.**.field') f) from bulk_job where state in ('queued', 'collecting')
order by 1, 3`;
