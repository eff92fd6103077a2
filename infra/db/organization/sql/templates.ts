export const templates = /* sql */ `
create table template (
  id uuid primary key,
  name text not null,
  description text not null default '',
  subject text not null default '',
  preheader text not null default '',
  html text not null default '',
  text text not null default '',
  version integer not null default 1,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index template_name on template (lower(name));
comment on table template is 'saved starts of mails: what is made from one is a copy';

create table image (
  id uuid primary key,
  no integer generated always as identity unique,
  name text not null,
  type text not null check (type in ('image/png', 'image/jpeg', 'image/gif', 'image/webp')),
  size_bytes integer not null,
  width integer not null,
  height integer not null,
  created_by text not null,
  created_at timestamptz not null default now()
);
comment on table image is 'pictures for mails; the file lies in the state folder by id. no: its number in the public address, which is a sealed id like those of links';
`;
