import { standardIn } from './rows.ts';
import type { ImportOptions } from './job.ts';

/** A customer knows the newest of the imports that wrote her: who comes with every nightly file keeps a row of one size. */
const KEPT_IMPORTS = 100;

/**
 * Applies one batch of staged customers: people, memberships and one outbox row in one statement.
 * Who has everything already and is a member is not touched and keeps her version. New ones are made in the order of
 * their keys, known ones locked in the order of their ids, so that two imports, or an import and a bulk action, never wait crosswise.
 * Each row looks up its person, membership and suppression by index: joined as sets, a batch read the whole list and sorted all suppressions.
 * Parameters: rows after $1 up to $2, list $3 or null, number of the import $4. The caller holds suppressions.
 * @returns one row: `batch` rows, of which `created`
 */
export function upsertCustomers(table: string, { columns, emptyCellsClear }: ImportOptions): string {
  const standard = standardIn(columns);
  // A score or time zone that did not fit is in `kept` and changes nothing, even where empty cells clear.
  const next = (field: string) => {
    if (!emptyCellsClear) return `coalesce(b.${field}, c.${field})`;
    return field === 'score' || field === 'timezone' ? `case when '${field}' = any(b.kept) then c.${field} else b.${field} end` : `b.${field}`;
  };
  // Cleared values are staged as JSON nulls; where empty cells keep, they are not staged at all.
  const custom = emptyCellsClear ? 'jsonb_strip_nulls(c.custom || b.custom)' : 'c.custom || b.custom';
  const imports = `(c.imports || $4::integer)[greatest(1, cardinality(c.imports) + 2 - ${KEPT_IMPORTS}):]`;
  const values = standard.map((field) => `${field}, `).join('');
  return /* sql */ `
with batch as materialized (
  select b.*, c.id as known, coalesce(c.is_same and ($3::uuid is null or m.is_member), false) as is_done
    from (select * from ${table} where no > $1 and no <= $2 order by email_key) b
    left join lateral (
      select c.id, (${[...standard.map((field) => `${next(field)} is not distinct from c.${field}`), `${custom} = c.custom`].join(' and ')}) as is_same
        from customer c where c.email_key = b.email_key limit 1) c on true
    left join lateral (select true as is_member from list_member m where m.list_id = $3 and m.customer_id = c.id limit 1) m on true
), made as (
  insert into customer as c (email, email_key, ${values}custom, imports, is_suppressed, is_unsubscribed, is_bounced)
  select b.email, b.email_key, ${standard.map((field) => `b.${field}, `).join('')}${emptyCellsClear ? 'jsonb_strip_nulls(b.custom)' : 'b.custom'}, array[$4::integer],
         s.reason is not null, coalesce(s.reason = 'unsubscribed', false), coalesce(s.reason in ('hard_bounce', 'soft_bounce'), false)
    from batch b left join lateral (select s.reason from suppression s where s.email_key = b.email_key limit 1) s on true
   where b.known is null
   order by b.email_key
  -- Somebody made her in this very moment: the row is merged as if she had been known.
  on conflict (email_key) do update
     set ${standard.map((field) => `${field} = coalesce(excluded.${field}, c.${field}), `).join('')}custom = c.custom || excluded.custom,
         imports = ${imports}, version = c.version + 1, updated_at = now()
  returning id, xmax = 0 as created
), held as materialized (
  select c.id, b.no from batch b join customer c on c.id = b.known where not b.is_done order by c.id for update of c
), changed as (
  update customer c
     set ${standard.map((field) => `${field} = ${next(field)}, `).join('')}custom = ${custom}, imports = ${imports}, version = c.version + 1, updated_at = now()
    from held h join batch b on b.no = h.no
   where c.id = h.id
  returning c.id
), written as (
  select id from made union all select id from changed
), joined as (
  insert into list_member (list_id, customer_id) select $3, id from written where $3::uuid is not null order by id on conflict do nothing
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from written having count(*) > 0
)
select (select count(*) from batch) as batch, (select count(*) from made where created) as created`;
}
