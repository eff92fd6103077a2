import { Migration } from '@mikro-orm/migrations';
import { mailEvents } from '#domain/customer/activity.ts';

/** The tables every organization starts with. Row widths and growth are noted where a table becomes large. */
export class Migration0001Foundation extends Migration {
  override readonly name = '0001-foundation';

  override up(): void {
    this.addSql(audience);
    this.addSql(content);
    this.addSql(ledger);
    this.addSql(engagement);
    this.addSql(platform);
  }
}

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

const audience = /* sql */ `
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
comment on table customer is '~250 bytes a row; email_key is the trimmed lower-case address; version grows with every change and, with that of customer_activity, is the external version in the index; imports: numbers of the import_jobs that wrote her';

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
  removing boolean not null default false,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index list_name on list_record (lower(name));
create view list as select id, name, description, version, created_at, updated_at from list_record where not removing;
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

const content = /* sql */ `
create table connection (
  id uuid primary key,
  no smallint generated always as identity unique,
  name text not null,
  vendor text not null,
  settings jsonb not null default '{}',
  secret text,
  from_email text, from_name text,
  parallel smallint not null default 20,
  enabled boolean not null default true,
  health text not null default 'unknown' check (health in ('unknown', 'healthy', 'broken')),
  health_reason text,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index connection_name on connection (lower(name));
comment on column connection.secret is 'sealed JSON of passwords and keys, bound to this row; never returned';

create table mail (
  no integer generated always as identity primary key,
  kind text not null check (kind in ('campaign', 'journey', 'transactional')),
  ref_id uuid not null,
  step_id text,
  open boolean not null default false,
  epoch integer not null default 0,
  created_at timestamptz not null default now()
);
create index mail_ref on mail (ref_id);
comment on column mail.ref_id is 'campaign or journey; step_id: the send step of a journey';
comment on column mail.epoch is 'the newest fencing epoch given to a lane of this mail: no two attempts share one';
comment on column mail.open is 'the pause switch: no intent is granted while it is false';

create table campaign (
  id uuid primary key,
  mail_no integer not null unique references mail,
  name text not null,
  subject text not null default '',
  preheader text not null default '',
  from_name text not null default '',
  from_email text not null default '',
  reply_to text not null default '',
  html text not null default '',
  text text not null default '',
  targets jsonb not null default '[]',
  connection_id uuid references connection,
  tracking jsonb not null default '{"opens": true, "clicks": true}',
  utm jsonb not null default '{}',
  state text not null default 'draft' check (state in ('draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  phase text,
  reason text,
  state_detail text,
  version integer not null default 1,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  launched_at timestamptz,
  ended_at timestamptz,
  archived_at timestamptz
);
create index campaign_recent on campaign (created_at desc, id);

create table link (
  mail_no integer not null references mail on delete cascade,
  no smallint not null,
  url text not null,
  primary key (mail_no, no)
);
comment on table link is 'destinations of a mail, fixed at freeze; a click finds its target here and nowhere else';
`;

const ledger = /* sql */ `
create table message (
  mail_no integer not null references mail,
  ordinal integer not null,
  customer_id bigint not null,
  connection_no smallint not null,
  state smallint not null default 0,
  epoch integer not null default 0,
  attempt smallint not null default 0,
  reason text,
  reply text,
  started_at timestamptz,
  ended_at timestamptz,
  first_opened_at timestamptz,
  first_clicked_at timestamptz,
  open_count integer not null default 0,
  click_count integer not null default 0,
  unsubscribed_at timestamptz,
  primary key (mail_no, ordinal),
  unique (customer_id, mail_no)
) with (fillfactor = 70);
comment on table message is 'the ledger, ~160 bytes a row. state: 0 pending, 1 sending, 2 sent, 3 failed, 4 skipped, 5 in_doubt. No index mentions state, so updates stay HOT; lanes read by primary key';

create table slice (
  id bigint generated always as identity primary key,
  mail_no integer not null references mail,
  phase text not null,
  connection_no smallint not null,
  first_ordinal integer not null,
  last_ordinal integer not null
);
create index slice_mail on slice (mail_no);

create table lane (
  id bigint generated always as identity primary key,
  mail_no integer not null references mail,
  slice_id bigint not null references slice on delete cascade,
  shard smallint not null,
  sessions smallint not null,
  epoch integer not null default 0
);
create index lane_mail on lane (mail_no);
comment on column lane.shard is 'row of mail_count this lane counts in, so that lanes never wait for each other';
comment on column lane.epoch is 'fencing: a new attempt raises it, and a stopped worker that wakes gets no rows';

create table retry (
  mail_no integer not null,
  ordinal integer not null,
  due_at timestamptz not null,
  primary key (mail_no, ordinal)
);

create unlogged table audience_staging (
  mail_no integer not null,
  customer_id bigint not null
);
create index audience_staging_mail on audience_staging (mail_no);
`;

const engagement = /* sql */ `
create table event (
  id bigint generated always as identity,
  type text not null,
  customer_id bigint,
  mail_no integer,
  ordinal integer,
  link_no smallint,
  occurred_at timestamptz not null,
  received_at timestamptz not null default now(),
  source text not null,
  machine boolean not null default false,
  detail jsonb,
  primary key (id)
);
create index event_customer on event (customer_id, occurred_at desc);
comment on table event is 'opens, clicks, unsubscribes, bounces as they arrived; ~120 bytes a row. Sent events are the ledger rows themselves';

create table mail_count (
  mail_no integer not null references mail on delete cascade,
  hour timestamptz not null,
  shard smallint not null default 0,
  sent integer not null default 0,
  failed integer not null default 0,
  skipped integer not null default 0,
  in_doubt integer not null default 0,
  opened integer not null default 0,
  clicked integer not null default 0,
  unique_opened integer not null default 0,
  unique_clicked integer not null default 0,
  unsubscribed integer not null default 0,
  bounced integer not null default 0,
  primary key (mail_no, hour, shard)
) with (fillfactor = 50);
comment on table mail_count is 'report counters per UTC hour and lane (shard 0: engagement), updated in the transaction that causes them; reports sum these, never scan the ledger';

create table link_count (
  mail_no integer not null,
  link_no smallint not null,
  clicks integer not null default 0,
  unique_clicks integer not null default 0,
  primary key (mail_no, link_no)
);
create table link_clicker (
  mail_no integer not null,
  link_no smallint not null,
  ordinal integer not null,
  primary key (mail_no, link_no, ordinal)
);
`;

const platform = /* sql */ `
create table idempotency (
  key text not null,
  route text not null,
  request_hash text not null,
  status smallint,
  response jsonb,
  created_at timestamptz not null default now(),
  primary key (key, route)
);

create table caught_mail (
  id bigint generated always as identity primary key,
  received_at timestamptz not null default now(),
  sender text not null,
  recipient text not null,
  subject text not null,
  size_bytes integer not null,
  source bytea not null
);
create index caught_mail_recipient on caught_mail (recipient);
create index caught_mail_recipients on caught_mail using gin (string_to_array(lower(recipient), ', '));

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text,
  detail jsonb
);
create index audit_subject on audit (subject);
`;
