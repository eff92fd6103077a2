import { Migration } from '@mikro-orm/migrations';

/** Organizations, system mail, API keys and limits all processes share. The tables of better-auth are frozen into 0002. */
export class Migration0001ControlFoundation extends Migration {
  override readonly name = '0001-control-foundation';

  override up(): void {
    this.addSql(/* sql */ `
create table tenant (
  id text primary key,
  no integer generated always as identity unique,
  name text not null,
  slug text not null unique,
  timezone text not null default 'UTC',
  postal_address text not null default '',
  state text not null default 'provisioning' check (state in ('provisioning', 'active', 'deleting')),
  database_name text not null unique,
  database_server text,
  schema_version text,
  version integer not null default 1,
  created_at timestamptz not null default now()
);
comment on table tenant is 'id is the organization of better-auth; no is the short number in tracking ids; database_server is null for the server of the control database; version counts the changes of its settings';

create table tracking_domain (
  org_id text not null references tenant on delete cascade,
  host text not null,
  token text not null,
  is_current boolean not null default true,
  proven_at timestamptz,
  verified_at timestamptz,
  checked_at timestamptz,
  checks jsonb not null default '[]',
  created_at timestamptz not null default now(),
  primary key (org_id, host)
);
create unique index tracking_domain_current on tracking_domain (org_id) where is_current;
create unique index tracking_domain_owner on tracking_domain (host) where verified_at is not null;
comment on table tracking_domain is 'hosts of links: the current one, and those that were verified before, whose links go on working. proven_at: DNS says it is the organization''s; verified_at: https leads here too. A host is verified for one organization at a time';

create table api_key (
  id uuid primary key,
  org_id text not null references tenant on delete cascade,
  name text not null,
  prefix text not null unique,
  hash bytea not null,
  scopes text[] not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);

create table system_mail (
  id bigint generated always as identity primary key,
  received_at timestamptz not null default now(),
  sender text not null,
  recipient text not null,
  subject text not null,
  size_bytes integer not null,
  source bytea not null
);
comment on table system_mail is 'what the mail catcher took without an organization: password resets, invitations';

create unlogged table rate_limit (
  key text primary key,
  points integer not null default 0,
  expire bigint
);
comment on table rate_limit is 'attempts per caller in her running window, kept by rate-limiter-flexible, whose columns these are: hashed keys, expire in epoch ms; rows go an hour after it';
`);
  }
}
