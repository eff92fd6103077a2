import { mailEvents } from '#domain/customer/activity.ts';

/** One row per event of `mailEvents`: last time in epoch ms, count, and packed longs: mail_no * 2^32 + second of the last one for that mail. */
const activity = /* sql */ `
create table customer_activity (
  customer_id bigint primary key references customer on delete cascade,
  version bigint not null default 0,
  ${mailEvents.map((event) => `${event}_last bigint, ${event}_count integer, ${event}_in bigint[]`).join(',\n  ')},
  custom_events bigint[], custom_event_counts bigint[]
) with (fillfactor = 70);
create function packed_last(held bigint[], arrived bigint[]) returns bigint[] language sql immutable parallel safe as
$$select case when arrived is null then held when held is null then arrived else (select array_agg(v order by v) from (select max(v) as v from unnest(held || arrived) v group by v >> 32) latest) end$$;
create function packed_sum(held bigint[], arrived bigint[]) returns bigint[] language sql immutable parallel safe as
$$select case when arrived is null then held when held is null then arrived else (select array_agg(v order by v) from (select (v >> 32 << 32) + sum(v & 4294967295)::bigint as v from unnest(held || arrived) v group by v >> 32) summed) end$$;
comment on function packed_last is 'of two sets of packed values the greatest low half of each number; packed_sum: their sum';
comment on table customer_activity is 'last time (epoch ms) and count per event; <event>_in: mail_no * 2^32 + second of the last one for that mail; custom_events and custom_event_counts: custom_event.no * 2^32 + second of the last, + count. version grows with every change';`;

export const audience = /* sql */ `
create table customer (
  id bigint generated always as identity primary key,
  email text not null,
  email_key text not null unique,
  first_name text, last_name text, phone text, city text, country text,
  score double precision,
  timezone text,
  custom jsonb not null default '{}',
  is_unsubscribed boolean not null default false,
  is_bounced boolean not null default false,
  is_suppressed boolean not null default false,
  mailable boolean generated always as (not is_suppressed and not is_unsubscribed and not is_bounced) stored,
  imports integer[] not null default '{}',
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
) with (fillfactor = 85);
comment on table customer is '~250 bytes a row; email_key is the trimmed lower-case address; version grows with every change and, with that of customer_activity, is the external version in the index; imports: numbers of the import_jobs that wrote her, the newest 100';

create table customer_count (
  id bigint generated always as identity primary key,
  customers integer not null
) with (fillfactor = 50);
comment on table customer_count is 'how many customers there are, as a sum of a few rows, counted in the transaction that makes or erases them. Several rows, because nobody waits for another: who finds them all locked makes one more';
create function count_customers() returns trigger language plpgsql as $$
declare
  change constant integer := (select count(*) from changed) * case when tg_op = 'INSERT' then 1 else -1 end;
begin
  if change = 0 then return null; end if;
  update customer_count set customers = customers + change where id = (select id from customer_count limit 1 for update skip locked);
  if not found then insert into customer_count (customers) values (change); end if;
  return null;
end $$;
create trigger customers_came after insert on customer referencing new table as changed for each statement execute function count_customers();
create trigger customers_went after delete on customer referencing old table as changed for each statement execute function count_customers();

${activity}

create table customer_change (
  id bigint generated always as identity primary key,
  customer_id bigint not null references customer on delete cascade,
  at timestamptz not null default now(),
  kind text not null check (kind in ('fields', 'list_removed', 'unsuppressed')),
  actor text not null,
  detail jsonb not null
);
create index customer_change_customer on customer_change (customer_id, at desc);
comment on table customer_change is 'what a person or program changed of a customer, for her timeline; detail of fields: [{field, from, to}]. Imports are in customer.imports, additions to lists in list_member';

create table custom_event (
  no integer generated always as identity primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);
comment on table custom_event is 'a number for every name of a custom event, for packed values';

create table list_record (
  id uuid primary key,
  name text not null,
  description text not null default '',
  is_public boolean not null default false,
  public_name text not null default '',
  public_description text not null default '',
  removing boolean not null default false,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index list_name on list_record (lower(name));
create view list as select id, name, description, is_public, public_name, public_description, version, created_at, updated_at from list_record where not removing;
comment on view list is 'what everybody reads and writes as lists. In list_record are also those whose members are still being taken off; their name is free again';

create table list_member (
  list_id uuid not null references list_record on delete cascade,
  customer_id bigint not null references customer on delete cascade,
  added_at timestamptz not null default now(),
  primary key (list_id, customer_id)
);
create index list_member_customer on list_member (customer_id);

create table list_count (
  id bigint generated always as identity primary key,
  list_id uuid not null,
  on_day date not null,
  added integer not null default 0,
  removed integer not null default 0
) with (fillfactor = 50);
create index list_count_list on list_count (list_id, on_day);
comment on table list_count is 'members that came and went per list and UTC day, counted in the transaction that adds or removes them: a size is a sum of a few rows. Several rows a day, because nobody waits for another: who finds them all locked makes one more';
create function count_list_members() returns trigger language plpgsql as $$
declare
  change record;
  came constant boolean := tg_op = 'INSERT';
begin
  for change in select list_id, count(*)::int as n from changed group by list_id loop
    update list_count set added = added + case when came then change.n else 0 end, removed = removed + case when came then 0 else change.n end
     where id = (select id from list_count where list_id = change.list_id and on_day = (now() at time zone 'utc')::date limit 1 for update skip locked);
    if not found then
      insert into list_count (list_id, on_day, added, removed)
      values (change.list_id, (now() at time zone 'utc')::date, case when came then change.n else 0 end, case when came then 0 else change.n end);
    end if;
  end loop;
  return null;
end $$;
create trigger list_members_came after insert on list_member referencing new table as changed for each statement execute function count_list_members();
create trigger list_members_went after delete on list_member referencing old table as changed for each statement execute function count_list_members();

create table custom_field (
  field_no integer generated always as identity primary key,
  key text not null unique,
  label text not null,
  type text not null check (type in ('text', 'number', 'date', 'boolean')),
  slot text unique deferrable initially deferred,
  wanted_type text not null check (wanted_type in ('text', 'number', 'date', 'boolean')),
  next_type text check (next_type in ('text', 'number', 'date', 'boolean')),
  next_slot text unique deferrable initially deferred,
  removing boolean not null default false,
  created_at timestamptz not null default now()
);
comment on table custom_field is 'slot: the mapped field of the live index that holds the values (k0…k149, n0…n99, d0…d49, b0…b49); null past them: the flattened overflow. wanted_type: what a person asked for; next_type and next_slot: the same for the index being built, null when none is. removing: its values are being taken away, then the row goes';

create table search_index (
  version integer primary key,
  state text not null check (state in ('building', 'live', 'retired')),
  reason text not null check (reason in ('created', 'fields', 'timezone', 'growth', 'rebuild')),
  timezone text not null,
  shards smallint not null default 1,
  cursor_id bigint not null default 0,
  customers_done bigint not null default 0,
  customers_total bigint not null default 0,
  checked_at timestamptz,
  started_at timestamptz not null default now(),
  ended_at timestamptz
);
create unique index search_index_state on search_index (state) where state <> 'retired';
comment on table search_index is 'versions of the customer index. Reads go to the live one, changes to the live one and the one being built. timezone: where its plain dates begin. cursor_id: customers up to this id are in the index being built. checked_at: when it was last compared with the tables';

create table segment (
  id uuid primary key,
  name text not null,
  description text not null default '',
  rule jsonb not null,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index segment_name on segment (lower(name));

create table suppression (
  email_key text primary key,
  email text not null,
  reason text not null check (reason in ('hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import')),
  source text not null check (source in ('webhook', 'tracking_link', 'manual', 'csv_import', 'api')),
  cause text,
  note text,
  history jsonb not null default '[]',
  created_at timestamptz not null default now()
);

create extension if not exists pg_trgm;
create index suppression_recent on suppression (created_at desc, email_key desc);
create index suppression_address on suppression using gin (email_key gin_trgm_ops);
comment on index suppression_address is 'search by part of an address: 2 ms instead of 90 ms of both cores at 1 M entries; costs 17 s when a million come in by file';

create table suppression_lock (id integer);
comment on table suppression_lock is 'never holds a row: who suppresses and who makes customers keep each other out by locking it, so that suppression itself can be vacuumed';

create table suppression_hash (
  hash bytea primary key,
  reason text not null,
  source text not null,
  created_at timestamptz not null default now()
);
comment on table suppression_hash is 'suppressed addresses of erased people, as keyed hashes: who comes again is suppressed again, and nobody can read who it was';

create table import_job (
  id uuid primary key,
  no integer generated always as identity unique,
  kind text not null default 'customers' check (kind in ('customers', 'suppressions')),
  list_id uuid references list_record on delete set null,
  list_name text not null,
  file_name text not null,
  file_size bigint not null,
  options jsonb not null,
  state text not null check (state in ('uploaded', 'queued', 'validating', 'running', 'completed', 'failed', 'cancelled')),
  problem text,
  bytes_done bigint not null default 0,
  rows_total integer,
  rows_done integer not null default 0,
  created_count integer not null default 0,
  updated_count integer not null default 0,
  skipped_count integer not null default 0,
  warning_count integer not null default 0,
  cursor_no integer not null default 0,
  created_by text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  file_removed_at timestamptz
);
comment on column import_job.no is 'its number in customer.imports';

create table export_job (
  id uuid primary key,
  kind text not null,
  title text not null,
  options jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  problem text,
  rows_total bigint,
  rows_done bigint not null default 0,
  file_size bigint,
  start_over boolean not null default false,
  created_by text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  file_removed_at timestamptz
);
comment on column export_job.start_over is 'somebody was erased while it ran: what is written so far may hold her, so it begins again';

create table bulk_job (
  id uuid primary key,
  action text not null,
  options jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'collecting', 'running', 'completed', 'failed', 'cancelled')),
  problem text,
  customers_total integer,
  customers_done integer not null default 0,
  changed_count integer not null default 0,
  not_found_count integer not null default 0,
  cursor_id bigint not null default 0,
  created_by text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz
);
create unlogged table bulk_staging (
  job_id uuid not null references bulk_job on delete cascade,
  customer_id bigint not null,
  primary key (job_id, customer_id)
);
create table erased_address (
  hash bytea primary key,
  customer_id bigint,
  erased_at timestamptz not null default now(),
  searched boolean not null default false
);
comment on table erased_address is 'keyed hashes of the addresses of erased people with the numbers they had, until kept files and campaigns that froze meanwhile were searched for them; then the rows go';
comment on table bulk_job is 'one action over many customers; they are collected into bulk_staging once, then changed in batches whose cursor moves in the same transaction';

create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  ids bigint[] not null,
  payload jsonb,
  created_at timestamptz not null default now()
);
comment on table outbox is 'one row per transaction, deleted when done: identity values commit out of order, a cursor would skip one';

create table index_failure (
  customer_id bigint primary key,
  version bigint not null,
  reason text not null,
  failed_at timestamptz not null default now()
);
`;
