export const forms = /* sql */ `
create table sign_up_form (
  id uuid primary key,
  no integer generated always as identity unique,
  name text not null,
  title text not null,
  intro text not null default '',
  consent_text text not null default '',
  button_label text not null default 'Sign up',
  fields jsonb not null default '[]',
  thanks_text text not null default '',
  redirect_url text,
  double_opt_in boolean not null default true,
  connection_id uuid references connection,
  confirm_subject text not null,
  confirm_text text not null,
  enabled boolean not null default true,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index sign_up_form_name on sign_up_form (lower(name));
comment on column sign_up_form.no is 'its number in the sealed id of its address';
comment on column sign_up_form.fields is 'what is asked beside the address: [{field: "first_name" | "custom.<key>", label, required}]';

create table sign_up_form_list (
  form_id uuid not null references sign_up_form on delete cascade,
  list_id uuid not null references list_record,
  primary key (form_id, list_id)
);
create index sign_up_form_list_list on sign_up_form_list (list_id);

create table sign_up (
  no bigint generated always as identity primary key,
  form_id uuid references sign_up_form on delete set null,
  form_name text not null,
  email text,
  email_key text,
  answers jsonb not null default '{}',
  list_ids uuid[] not null,
  consent_text text not null default '',
  double_opt_in boolean not null,
  state text not null check (state in ('pending', 'confirmed', 'expired')),
  mail_state text not null check (mail_state in ('none', 'queued', 'sending', 'sent', 'failed', 'skipped', 'in_doubt')),
  mail_attempt smallint not null default 0,
  mail_reply text,
  customer_id bigint references customer on delete cascade,
  created_at timestamptz not null default now(),
  confirmed_at timestamptz,
  expires_at timestamptz
);
create index sign_up_form_recent on sign_up (form_id, no desc);
create index sign_up_address on sign_up (email_key, created_at);
create index sign_up_customer on sign_up (customer_id);
create index sign_up_pending on sign_up (expires_at) where state = 'pending';
comment on table sign_up is 'the kept proof of consent: who gave which answers to which words, when, and when she confirmed. ~400 bytes a row. What is not confirmed loses its data when it expires; no IP addresses are kept. mail_state: the mail with the link, whose intent is committed before it leaves';
`;
