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
  limits jsonb not null default '{}',
  warmup jsonb,
  backup_id uuid references connection on delete set null,
  enabled boolean not null default true,
  health text not null default 'unknown' check (health in ('unknown', 'healthy', 'broken')),
  health_reason text,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index connection_name on connection (lower(name));
comment on column connection.limits is '{second, minute, hour, day, dayWindow}: mails at most in a rolling window; dayWindow: midnight (the organization''s) or rolling';
comment on column connection.warmup is '{startedOn, first, growthPercent, target}: mails a day that grow until target';
comment on column connection.backup_id is 'takes over when this one breaks';
comment on column connection.secret is 'sealed JSON of passwords and keys, bound to this row; never returned';

create table sending_setting (
  one boolean primary key default true check (one),
  cap_mails smallint,
  cap_days smallint,
  safety_stops boolean not null default true,
  track_opens boolean not null default true,
  track_clicks boolean not null default true,
  utm boolean not null default true,
  check ((cap_mails is null) = (cap_days is null))
);
insert into sending_setting default values;
comment on table sending_setting is 'one row: the frequency cap (mails per customer in days, null: off), safety stops, start values of new mail';

create table session_share (
  connection_no smallint not null,
  process_id uuid not null,
  seen_at timestamptz not null,
  sessions smallint not null,
  primary key (connection_no, process_id)
);
comment on table session_share is 'processes that send over a connection and the sessions each holds; one that is silent for 10 s is gone';

create table mail (
  no integer generated always as identity primary key,
  kind text not null check (kind in ('campaign', 'journey', 'transactional')),
  ref_id uuid not null,
  step_id text,
  version_no integer,
  last_ordinal integer not null default 0,
  open boolean not null default false,
  epoch integer not null default 0,
  doubts_closed_at timestamptz,
  created_at timestamptz not null default now()
);
create index mail_ref on mail (ref_id);
create unique index mail_step on mail (ref_id, version_no, step_id) where kind = 'journey';
comment on column mail.ref_id is 'campaign or journey; step_id: the send step of a journey; version_no: of the journey';
comment on column mail.last_ordinal is 'of journeys: the newest place given out in the ledger';
comment on column mail.epoch is 'the newest fencing epoch given to a lane of this mail: no two attempts share one';
comment on column mail.doubts_closed_at is 'until when doubts about it were closed as unknown';
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
  delivery jsonb not null default '{"mode": "single", "connections": [], "onBreak": "pause", "throttlePerMinute": null}',
  experiment jsonb,
  experiment_result jsonb,
  winner smallint,
  schedule jsonb,
  scheduled_at timestamptz,
  tracking jsonb not null default '{"opens": true, "clicks": true}',
  utm jsonb not null default '{}',
  state text not null default 'draft' check (state in ('draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  phase text,
  phase_until timestamptz,
  moved_by text,
  reason text,
  state_detail text,
  frozen_at timestamptz,
  recipients integer,
  audience_hash text,
  certificate jsonb,
  accepted_harm jsonb,
  version integer not null default 1,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  launched_at timestamptz,
  ended_at timestamptz,
  archived_at timestamptz,
  merge_tags text[] not null generated always as (merge_tags(subject || ' ' || preheader || ' ' || from_name || ' ' || html || ' ' || text || ' ' || coalesce(experiment::text, ''))) stored
);
comment on column campaign.delivery is '{mode: single | split | round_robin, connections: [{id, percent}], onBreak: pause | carry_on, throttlePerMinute}';
comment on column campaign.experiment is 'A/B: alternatives beside the campaign''s own subject, content and from name, share, duration, winner rule, distribution';
comment on column campaign.experiment_result is 'counts of the test group when the winner was picked, by whom and when';
comment on column campaign.winner is 'number of the variant the rest gets';
comment on column campaign.schedule is '{at: local date and time, zone: organization | recipient, past: next_day | now}; scheduled_at: when the audience is frozen';
comment on column campaign.phase_until is 'when a waiting phase is expected to end';
comment on column campaign.moved_by is 'who asked for the move under way; the history takes it over with the move';
comment on column campaign.audience_hash is 'SHA-256 of the frozen customer ids in ascending order, one a line';
comment on column campaign.accepted_harm is '{sent, complained, bounced}: the counters when a person resumed it in spite of a safety stop; only what comes after is judged';
comment on column campaign.certificate is 'the reconciliation of a finished campaign';
create index campaign_delivery on campaign using gin (delivery jsonb_path_ops);
comment on index campaign_delivery is 'which campaigns use a connection';
comment on column campaign.merge_tags is 'what stands between braces and names a custom field, kept as it is saved: read from the HTML of 500 campaigns it took 0.8 s';
create index campaign_recent on campaign (created_at desc, id);

create table campaign_move (
  id bigint generated always as identity primary key,
  campaign_id uuid not null references campaign on delete cascade,
  at timestamptz not null default clock_timestamp(),
  state text not null,
  reason text,
  detail text,
  by text
);
create index campaign_move_campaign on campaign_move (campaign_id, id);
comment on table campaign_move is 'every state a campaign came into, written by whatever transaction brought it there; by: the person who asked, null: the system';
create function note_campaign_move() returns trigger language plpgsql as $$
begin
  insert into campaign_move (campaign_id, state, reason, detail, by)
  values (new.id, new.state, new.reason, new.state_detail, case when new.state in ('draft', 'scheduled', 'running') or (new.state in ('paused', 'cancelled') and new.reason = 'user') then new.moved_by end);
  new.moved_by := null;
  return new;
end $$;
create trigger campaign_moved before update of state on campaign for each row when (old.state is distinct from new.state) execute function note_campaign_move();

create table link (
  mail_no integer not null references mail on delete cascade,
  no smallint not null,
  url text not null,
  variant smallint,
  primary key (mail_no, no)
);
comment on table link is 'destinations of a mail, fixed at freeze; a click finds its target here and nowhere else. variant: whose content it is in; null: of every variant';
`;

export const ledger = /* sql */ `
create table message (
  mail_no integer not null references mail,
  ordinal integer not null,
  customer_id bigint not null,
  connection_no smallint,
  variant smallint,
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
  delivered_at timestamptz,
  bounced_at timestamptz,
  complained_at timestamptz,
  enrollment_id bigint,
  visit integer,
  primary key (mail_no, ordinal),
  unique nulls not distinct (customer_id, mail_no, enrollment_id, visit)
) with (fillfactor = 70);
comment on column message.enrollment_id is 'of journeys: the run and the visit of the step it belongs to, so that a customer gets a step''s mail once a visit; null in campaigns: once';
comment on column message.connection_no is 'set with the intent, by the lane; before that the slice says it. variant likewise';
comment on table message is 'the ledger, ~160 bytes a row. state: 0 pending, 1 sending, 2 sent, 3 failed, 4 skipped, 5 in_doubt. No index mentions state, so updates stay HOT; lanes read by primary key';

create table slice (
  id bigint generated always as identity primary key,
  mail_no integer not null references mail,
  phase text not null check (phase in ('main', 'test', 'rest')),
  batch smallint not null default 0,
  connection_no smallint not null,
  variant smallint,
  not_before timestamptz,
  first_ordinal integer not null,
  last_ordinal integer not null,
  next_ordinal integer not null,
  unique (mail_no, first_ordinal)
);
comment on table slice is 'the order of sending, fixed with the audience: runs of ordinals that share phase, connection, variant and earliest time. batch: of a bandit''s test group. variant: null until drawn or won. next_ordinal: nothing before it was pending when it was walked';

create table lane (
  id bigint generated always as identity primary key,
  mail_no integer not null references mail,
  connection_no smallint not null,
  shard smallint not null,
  epoch integer not null default 0,
  cohort_id bigint,
  first_ordinal integer,
  last_ordinal integer
);
create index lane_mail on lane (mail_no);
create unique index lane_cohort on lane (mail_no, cohort_id) where cohort_id is not null;
comment on column lane.cohort_id is 'of journeys: the cohort that sends by it; its messages that are not over lie between first_ordinal and last_ordinal, among those of other cohorts';
comment on column lane.shard is 'row of mail_count this lane counts in, so that lanes never wait for each other';
comment on column lane.epoch is 'fencing: a new attempt raises it, and a stopped worker that wakes gets no rows';

create table rate_use (
  key text primary key,
  rings jsonb not null
) with (fillfactor = 50);
comment on table rate_use is 'mails leased by rolling window, per connection (connection:<no>) and campaign (mail:<no>); written in the transaction that leases';

create table retry (
  mail_no integer not null,
  ordinal integer not null,
  due_at timestamptz not null,
  primary key (mail_no, ordinal)
);

create unlogged table audience_staging (
  mail_no integer not null,
  attempt integer not null,
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
  machine_reason text,
  country text, city text, client text, device text,
  detail jsonb,
  primary key (id)
);
create index event_customer on event (customer_id, occurred_at desc);
comment on table event is 'opens, clicks, unsubscribes, bounces as they arrived; ~120 bytes a row. Sent events are the ledger rows themselves';

create table event_key (
  hash bytea primary key,
  received_at timestamptz not null default now()
);
create index event_key_received on event_key using brin (received_at);
comment on table event_key is 'SHA-256 of the ids that programs gave their events, kept for 7 days: the same one again is no new event. ~90 bytes a row';

create table mail_count (
  mail_no integer not null references mail on delete cascade,
  hour timestamptz not null,
  connection_no smallint not null default 0,
  variant smallint not null default 0,
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
  hard_bounced integer not null default 0,
  blocked integer not null default 0,
  delivered integer not null default 0,
  complained integer not null default 0,
  machine_opened integer not null default 0,
  machine_clicked integer not null default 0,
  primary key (mail_no, hour, connection_no, variant, shard)
) with (fillfactor = 50);
create index mail_count_hour on mail_count (hour);
comment on index mail_count_hour is 'sums over a range of dates, all mails together';
create table reason_count (
  mail_no integer not null references mail on delete cascade,
  state smallint not null,
  reason text not null,
  shard smallint not null default 0,
  count integer not null default 0,
  primary key (mail_no, state, reason, shard)
) with (fillfactor = 50);
comment on table reason_count is 'why messages failed, were skipped or are in doubt';
comment on table mail_count is 'report counters per UTC hour, connection, variant (0: none) and lane (shard 0: engagement); bounced: hard, soft and blocked together. Updated in the transaction that causes them; reports sum these, never scan the ledger';

create table link_count (
  mail_no integer not null,
  link_no smallint not null,
  clicks integer not null default 0,
  unique_clicks integer not null default 0,
  machine_clicks integer not null default 0,
  primary key (mail_no, link_no)
) with (fillfactor = 50);
create table link_clicker (
  mail_no integer not null,
  link_no smallint not null,
  ordinal integer not null,
  clicks integer not null default 0,
  primary key (mail_no, link_no, ordinal)
);
comment on table link_clicker is 'which people clicked a link how often, ~50 bytes a row';

create table place_count (
  mail_no integer not null,
  country text not null,
  city text not null,
  opened integer not null default 0,
  clicked integer not null default 0,
  unique_opened integer not null default 0,
  unique_clicked integer not null default 0,
  primary key (mail_no, country, city)
) with (fillfactor = 50);
create table client_count (
  mail_no integer not null,
  client text not null,
  device text not null,
  opened integer not null default 0,
  clicked integer not null default 0,
  unique_opened integer not null default 0,
  unique_clicked integer not null default 0,
  machine_opened integer not null default 0,
  machine_clicked integer not null default 0,
  primary key (mail_no, client, device)
) with (fillfactor = 50);
create table machine_count (
  mail_no integer not null,
  reason text not null,
  opened integer not null default 0,
  clicked integer not null default 0,
  primary key (mail_no, reason)
) with (fillfactor = 50);
comment on table place_count is 'where people opened and clicked; empty text: not known. Places of proxies are not those of readers and count as not known';
comment on table client_count is 'with what programs and devices; empty text: not known';

create table domain_count (
  mail_no integer not null,
  on_day date not null,
  domain text not null,
  sent integer not null default 0,
  delivered integer not null default 0,
  opened integer not null default 0,
  clicked integer not null default 0,
  bounced integer not null default 0,
  complained integer not null default 0,
  unsubscribed integer not null default 0,
  primary key (mail_no, on_day, domain)
) with (fillfactor = 50);
create index domain_count_day on domain_count (on_day);
comment on table domain_count is 'messages by recipient domain and day of the organization, each once a column; ~60 bytes a row, the index serves reports over a range of dates';
`;
