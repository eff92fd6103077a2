/** Journeys: what is drawn, what is live, who stands where. Everybody in a journey is a row here; workflows hold no people. */
export const journeys = /* sql */ `
create table journey (
  id uuid primary key,
  name text not null,
  slug text not null,
  state text not null default 'draft' check (state in ('draft', 'published', 'paused', 'archived')),
  draft jsonb,
  draft_version integer not null default 1,
  draft_changed_at timestamptz not null default now(),
  active_version integer,
  problem text,
  problem_step text,
  removing boolean not null default false,
  version integer not null default 1,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  archived_at timestamptz
);
create index journey_recent on journey (created_at desc, id);
comment on column journey.draft is 'the graph being edited; null when there is none. draft_version grows with every save of it';
comment on column journey.active_version is 'number of the live version; null before the first publishing';
comment on column journey.removing is 'deleted: on no screen any more, its people go in the background';
comment on column journey.problem is 'what holds people on a step (a broken connection), in words; null when nothing does';

create table journey_version (
  journey_id uuid not null references journey on delete cascade,
  no integer not null,
  graph jsonb not null,
  note text not null default '',
  published_by text not null,
  published_at timestamptz not null default now(),
  primary key (journey_id, no)
);
comment on table journey_version is 'published graphs: never changed';

create table journey_use (
  journey_id uuid not null references journey on delete cascade,
  version_no integer not null,
  used text not null,
  primary key (journey_id, version_no, used)
);
create index journey_use_used on journey_use (used);
comment on table journey_use is 'what the steps of the draft (version 0) and of published versions mention: ids, of fields custom.<key>; written with the graph it is of';

create table journey_trigger (
  journey_id uuid primary key references journey on delete cascade,
  version_no integer not null,
  kind text not null check (kind in ('list', 'event', 'custom')),
  list_id uuid,
  event text,
  campaign_id uuid,
  armed_at timestamptz not null default now()
);
create index journey_trigger_list on journey_trigger (list_id) where list_id is not null;
comment on table journey_trigger is 'armed triggers of published journeys, by their live version; paused and archived ones have no row. event: opened, clicked, … of mail, or the name of a custom event. armed_at: what arrived before does not count';

create table journey_segment (
  journey_id uuid not null references journey on delete cascade,
  version_no integer not null,
  purpose text not null check (purpose in ('goal', 'exit')),
  segment_id uuid not null,
  checked_at timestamptz not null default now(),
  primary key (journey_id, version_no, purpose)
);
comment on table journey_segment is 'segments whose members have reached the goal of a published version, or leave it: looked through every 15 minutes';

create table cohort (
  id bigint generated always as identity primary key,
  journey_id uuid not null references journey on delete cascade,
  version_no integer not null,
  size integer not null,
  parked boolean not null default false,
  created_at timestamptz not null default now()
);
create index cohort_journey on cohort (journey_id) where parked;
comment on table cohort is 'people who entered one version in the same moment: one workflow run. parked: its run found the journey paused and waits for Resume';

create table enrollment (
  id bigint generated always as identity primary key,
  journey_id uuid not null references journey on delete cascade,
  version_no integer not null,
  cohort_id bigint not null,
  customer_id bigint not null,
  reentry_key text not null default '',
  node_id text not null,
  visit integer not null default 1,
  state text not null default 'active' check (state in ('active', 'completed', 'exited')),
  reason text,
  flags_at_entry smallint not null default 0,
  entry_event_id bigint,
  entered_at timestamptz not null,
  arrived_at timestamptz not null,
  due_at timestamptz,
  wake_event text,
  woken_by bigint,
  woken_at timestamptz,
  ended_at timestamptz,
  goal_at timestamptz,
  unique (journey_id, customer_id, reentry_key)
) with (fillfactor = 60);
create index enrollment_cohort on enrollment (cohort_id, id) where state = 'active';
create index enrollment_customer on enrollment (customer_id);
create index enrollment_waiting on enrollment (customer_id, wake_event) where wake_event is not null;
create index enrollment_due on enrollment (due_at) where state = 'active';
create index enrollment_woken on enrollment (woken_at) where woken_by is not null and state = 'active';
comment on table enrollment is '~170 bytes a row: one run of one customer through one version, and the step she stands on. visit counts her arrivals, so (id, visit) names each effect once, loops included';
comment on column enrollment.reentry_key is 'empty: the one run that "no re-entry" and "after completion" allow; a run that has ended gets its own id when "after completion" lets her enter again; under "concurrent" it has it from the start';
comment on column enrollment.flags_at_entry is 'why she was not mailable when she entered: 1 unsubscribed, 2 bounced, 4 suppressed; only a further one ends the run';
comment on column enrollment.due_at is 'when she is asked next: her arrival, or the end of a wait. Past by a minute in a cohort that is not parked: the watchdog';
comment on column enrollment.wake_event is 'the event that ends her wait sooner (a mail event, or custom:<name>); woken_by: the event that did';

create table enrollment_step (
  enrollment_id bigint not null,
  visit integer not null,
  node_id text not null,
  port text not null,
  arrived_at timestamptz not null,
  left_at timestamptz not null,
  detail jsonb,
  primary key (enrollment_id, visit)
);
comment on table enrollment_step is 'her path, ~100 bytes a row: the steps she left and by which port; detail: values seen, results. port of a step a person moved her from: moved. Whoever writes one holds its enrollment, and a trigger takes it along when that goes: a foreign key would look each of them up once more, a twentieth of a large journey';

create table journey_webhook (
  enrollment_id bigint not null references enrollment on delete cascade,
  visit integer not null,
  message_id text not null,
  body text not null,
  attempt smallint not null default 0,
  state text not null default 'pending' check (state in ('pending', 'succeeded', 'failed')),
  status smallint,
  response text,
  first_at timestamptz not null,
  next_at timestamptz not null,
  primary key (enrollment_id, visit)
);
comment on table journey_webhook is 'the ledger of Fire Webhook steps: body and id are fixed before the first attempt, so every attempt says the same';

create table enrollment_count (
  id bigint generated always as identity primary key,
  journey_id uuid not null,
  version_no integer not null,
  node_id text not null,
  state text not null,
  reason text not null default '',
  n integer not null
) with (fillfactor = 50);
create index enrollment_count_journey on enrollment_count (journey_id, version_no, node_id, state, reason);
comment on table enrollment_count is 'how many enrollments are in which state on which step, as sums of a few rows, counted by a trigger in the transaction that moves them; state goal, without a step: who reached the goal. Several rows, because nobody waits for another: who finds them all locked makes one more';

create table step_count (
  id bigint generated always as identity primary key,
  journey_id uuid not null,
  version_no integer not null,
  node_id text not null,
  port text not null,
  n integer not null
) with (fillfactor = 50);
create index step_count_journey on step_count (journey_id, version_no, node_id, port);
comment on table step_count is 'how many left which step by which port; likewise';

create function add_enrollment_count(j uuid, v integer, node text, st text, why text, change integer) returns void language plpgsql as $$
begin
  if change = 0 then return; end if;
  update enrollment_count set n = n + change where id = (
    select id from enrollment_count where journey_id = j and version_no = v and node_id = node and state = st and reason = why limit 1 for update skip locked);
  if not found then insert into enrollment_count (journey_id, version_no, node_id, state, reason, n) values (j, v, node, st, why, change); end if;
end $$;

create function count_enrollments_new() returns trigger language plpgsql as $$
begin
  perform add_enrollment_count(journey_id, version_no, node_id, state, reason, n) from (
    select journey_id, version_no, node_id, state, coalesce(reason, '') as reason, count(*)::int as n from changed group by 1, 2, 3, 4, 5) c;
  return null;
end $$;
create function count_enrollments_moved() returns trigger language plpgsql as $$
begin
  perform add_enrollment_count(journey_id, version_no, node_id, state, reason, n) from (
    select journey_id, version_no, node_id, state, reason, sum(n)::int as n from (
      select journey_id, version_no, node_id, state, coalesce(reason, '') as reason, 1 as n from changed
      union all select journey_id, version_no, node_id, state, coalesce(reason, ''), -1 from before
      union all select journey_id, version_no, '', 'goal', '', 1 from changed where goal_at is not null
      union all select journey_id, version_no, '', 'goal', '', -1 from before where goal_at is not null) moves
    group by 1, 2, 3, 4, 5 having sum(n) <> 0) c;
  return null;
end $$;
create function count_enrollments_gone() returns trigger language plpgsql as $$
begin
  perform add_enrollment_count(journey_id, version_no, node_id, state, reason, n) from (
    select journey_id, version_no, node_id, state, coalesce(reason, '') as reason, -count(*)::int as n from before group by 1, 2, 3, 4, 5
    union all select journey_id, version_no, '', 'goal', '', -count(*)::int from before where goal_at is not null group by 1, 2) c;
  delete from enrollment_step s using before b where s.enrollment_id = b.id;
  return null;
end $$;
create trigger enrollments_came after insert on enrollment referencing new table as changed for each statement execute function count_enrollments_new();
create trigger enrollments_moved after update on enrollment referencing new table as changed old table as before for each statement execute function count_enrollments_moved();
create trigger enrollments_went after delete on enrollment referencing old table as before for each statement execute function count_enrollments_gone();

create function count_steps() returns trigger language plpgsql as $$
declare
  change record;
begin
  for change in select e.journey_id, e.version_no, s.node_id, s.port, count(*)::int as n from changed s join enrollment e on e.id = s.enrollment_id group by 1, 2, 3, 4 loop
    update step_count set n = n + change.n where id = (
      select id from step_count where journey_id = change.journey_id and version_no = change.version_no and node_id = change.node_id and port = change.port limit 1 for update skip locked);
    if not found then
      insert into step_count (journey_id, version_no, node_id, port, n) values (change.journey_id, change.version_no, change.node_id, change.port, change.n);
    end if;
  end loop;
  return null;
end $$;
create trigger steps_left after insert on enrollment_step referencing new table as changed for each statement execute function count_steps();

create table journey_refusal (
  id bigint generated always as identity primary key,
  journey_id uuid not null references journey on delete cascade,
  customer_id bigint not null,
  at timestamptz not null default now(),
  reason text not null check (reason in ('reentry', 'suppressed'))
);
create index journey_refusal_journey on journey_refusal (journey_id, id desc);
comment on table journey_refusal is 'who did not get in although a trigger fired, the newest 20 of each journey are shown; swept after 30 days';

create table journey_job (
  id uuid primary key,
  journey_id uuid not null references journey on delete cascade,
  action text not null check (action in ('enroll', 'migrate', 'undo', 'archive', 'resume', 'dry_run', 'remove')),
  options jsonb not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  problem text,
  total integer,
  done integer not null default 0,
  result jsonb,
  cursor_id bigint not null default 0,
  created_by text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz
);
create index journey_job_journey on journey_job (journey_id, created_at desc);
comment on table journey_job is 'one long operation at a time per journey; its cursor moves in the transaction that does the work. result: counts by outcome';
create unlogged table journey_job_staging (
  job_id uuid not null references journey_job on delete cascade,
  customer_id bigint not null,
  primary key (job_id, customer_id)
);

create table journey_migration (
  enrollment_id bigint primary key references enrollment on delete cascade,
  job_id uuid not null references journey_job on delete cascade,
  from_version integer not null,
  from_cohort bigint not null,
  visit integer not null
);
create index journey_migration_job on journey_migration (job_id);
comment on table journey_migration is 'who was moved to a newer version and from where: Undo returns whoever has the same visit';

create function tell_list_additions() returns trigger language plpgsql as $$
begin
  insert into outbox (topic, ids, payload)
  select 'list_added', array_agg(c.customer_id order by c.customer_id), jsonb_build_object('list', c.list_id)
    from changed c where exists (select from journey_trigger t where t.list_id = c.list_id) group by c.list_id;
  return null;
end $$;
create trigger list_members_enter after insert on list_member referencing new table as changed for each statement execute function tell_list_additions();
`;
