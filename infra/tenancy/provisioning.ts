import pg from 'pg';
import { AppError } from '#domain/shared/errors.ts';
import { createCustomerIndex } from '../../search/mapping.ts';
import type { Container } from '../container.ts';
import { openControlOrm, organizationSchemaVersion } from '../db/orm.ts';
import type { Sql } from '../db/sql.ts';

/** The steps that make an organization usable. Each may be repeated at any time and changes nothing when its work is done. */
export interface Provisioning {
  createDatabase(orgId: string): Promise<void>;
  migrate(orgId: string): Promise<void>;
  createIndex(orgId: string): Promise<void>;
  /** The default connection to the mail catcher. */
  seed(orgId: string): Promise<void>;
  /** Opens the door: from here on `tenants.use` lets work in. */
  activate(orgId: string): Promise<void>;
}

type Needs = Pick<Container, 'config' | 'control' | 'tenants'>;

export function createProvisioning({ config, control, tenants }: Needs): Provisioning {
  return {
    async createDatabase(orgId) {
      const record = await control.first<{ name: string; server: string | null }>('select database_name as name, database_server as server from tenant where id = $1', [orgId]);
      if (record === undefined) throw new AppError('not_found', 'This organization does not exist.');
      await ensureDatabase(record.server ?? config.DATABASE_URL, record.name);
    },
    migrate: (orgId) => tenants.useInactive(orgId, async (_tenant, orm) => void (await orm.migrator.up())),
    createIndex: (orgId) => tenants.useInactive(orgId, (tenant) => createCustomerIndex(tenant)),
    seed: (orgId) => tenants.useInactive(orgId, async ({ sql, org }) => void (await sql.run(SEED, [org.name, `hello@${org.slug}.example`]))),
    async activate(orgId) {
      await control.run(
        "update tenant set schema_version = $2, state = case when state = 'provisioning' then 'active' else state end where id = $1",
        [orgId, organizationSchemaVersion],
      );
      tenants.forget(orgId);
    },
  };
}

/** All steps in order: what the workflow does, for scripts and tests without one. */
export async function provisionOrganization(steps: Provisioning, orgId: string): Promise<void> {
  await steps.createDatabase(orgId);
  await steps.migrate(orgId);
  await steps.createIndex(orgId);
  await steps.seed(orgId);
  await steps.activate(orgId);
}

// Only into an empty table: a catcher somebody deleted stays deleted when the step is repeated.
const SEED = /* sql */ `
insert into connection (id, name, vendor, from_name, from_email, health, created_at, updated_at)
select gen_random_uuid(), 'Mail catcher', 'catcher', $1, $2, 'healthy', now(), now()
where not exists (select from connection)
on conflict do nothing`;

/** Writes the record of a new organization; its database gets the control database's name and the organization's id. */
export async function recordTenant(sql: Sql, controlUrl: string, organization: { readonly id: string; readonly name: string; readonly slug: string; readonly timezone: string }): Promise<void> {
  const control = decodeURIComponent(new URL(controlUrl).pathname.slice(1));
  // 63 bytes at most: 24 of the control database's name, 32 of the id.
  const database = `${control.slice(0, 24)}_org_${organization.id.replaceAll('-', '').slice(0, 32)}`;
  await sql.run(
    'insert into tenant (id, name, slug, timezone, database_name) values ($1, $2, $3, $4, $5)',
    [organization.id, organization.name, organization.slug, organization.timezone, database],
  );
}

/** Brings the control database up: created when absent, every migration applied; safe from several processes at once. */
export async function migrateControl(controlUrl: string): Promise<void> {
  await ensureDatabase(controlUrl, decodeURIComponent(new URL(controlUrl).pathname.slice(1)));
  await oneAtATime(controlUrl, async () => {
    const orm = await openControlOrm({ url: controlUrl, poolMax: 2 });
    try {
      await orm.migrator.up();
    } finally {
      await orm.close(true);
    }
  });
}

/** `server` is any address on the server; its database may be absent. */
async function ensureDatabase(server: string, name: string): Promise<void> {
  const url = new URL(server);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.toString() });
  await client.connect();
  try {
    const found = await client.query('select from pg_database where datname = $1', [name]);
    if (found.rowCount !== 0) return;
    await client.query(`create database ${client.escapeIdentifier(name)}`);
  } catch (error) {
    // duplicate_database, or the unique index of pg_database: another process was faster.
    const code = (error as { code?: unknown }).code;
    if (code !== '42P04' && code !== '23505') throw error;
  } finally {
    await client.end();
  }
}

/** An arbitrary number that stands for "the control migrations". */
const MIGRATION_LOCK = 7_316_004;

async function oneAtATime(url: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await work();
  } finally {
    await client.end();
  }
}
