export const content = /* sql */ `
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

create function merge_tags(content text) returns text[] language sql immutable parallel safe as
$$select coalesce(array_agg(distinct split_part(part, '}', 1)), '{}') from string_to_table(content, '{') with ordinality p(part, n) where n > 1 and position('custom.' in split_part(part, '}', 1)) > 0$$;

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
  archived_at timestamptz,
  merge_tags text[] not null generated always as (merge_tags(subject || ' ' || preheader || ' ' || from_name || ' ' || html || ' ' || text)) stored
);
comment on column campaign.merge_tags is 'what stands between braces and names a custom field, kept as it is saved: read from the HTML of 500 campaigns it took 0.8 s';
create index campaign_recent on campaign (created_at desc, id);

create table link (
  mail_no integer not null references mail on delete cascade,
  no smallint not null,
  url text not null,
  primary key (mail_no, no)
);
comment on table link is 'destinations of a mail, fixed at freeze; a click finds its target here and nowhere else';
`;

export const ledger = /* sql */ `
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

export const engagement = /* sql */ `
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
