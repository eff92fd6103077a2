/**
 * Applies one batch of staged addresses: entries of the suppression list, the flags of the customers who have them, and one outbox row.
 * An entry that is there keeps its reason; that it came by a file too joins its history, once.
 * Parameters: rows after $1 up to $2. The caller holds suppressions for writing, then the customers of the batch (`holdSuppressed`).
 * @returns one row: `batch` rows, of which `created`
 */
export function upsertSuppressions(table: string): string {
  return /* sql */ `
with batch as materialized (
  select b.email, b.email_key, b.note, s.is_same
    from (select * from ${table} where no > $1 and no <= $2 order by email_key) b
    left join lateral (
      select (s.source = 'csv_import' or s.history @> '[{"source": "csv_import"}]') as is_same from suppression s where s.email_key = b.email_key limit 1) s on true
), written as (
  insert into suppression as s (email_key, email, reason, source, note)
  select email_key, email, 'list_import', 'csv_import', note from batch where is_same is not true order by email_key
  on conflict (email_key) do update
     set history = s.history || jsonb_build_object('reason', excluded.reason, 'source', excluded.source, 'note', excluded.note, 'at', now())
  returning xmax = 0 as created
), flagged as (
  update customer c set is_suppressed = true, version = c.version + 1, updated_at = now()
    from batch b cross join lateral (select c.id from customer c where c.email_key = b.email_key and not c.is_suppressed limit 1) k where c.id = k.id returning c.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from flagged having count(*) > 0
)
select (select count(*) from batch) as batch, (select count(*) from written where created) as created`;
}

/** Locks the customers of a batch: before their entries and in the order of their ids, as everybody does. Parameters: rows after $1 up to $2. */
export function holdSuppressed(table: string): string {
  return /* sql */ `
select 1 from (select email_key from ${table} where no > $1 and no <= $2) b
  cross join lateral (select c.id from customer c where c.email_key = b.email_key limit 1) k join customer c on c.id = k.id
 order by c.id for update of c`;
}
