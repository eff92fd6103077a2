export const platform = /* sql */ `
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
