import { MikroORM } from '@mikro-orm/postgresql';
import { Migrator, type Migration } from '@mikro-orm/migrations';
import { Migration0001ControlFoundation } from './control/migrations/0001-foundation.ts';
import { Migration0002ControlAuth } from './control/migrations/0002-auth.ts';
import { organizationEntities } from './organization/entities/index.ts';
import { Migration0001Foundation } from './organization/migrations/0001-foundation.ts';

type MigrationClass = new (...args: ConstructorParameters<typeof Migration>) => Migration;

export const controlMigrations: readonly MigrationClass[] = [Migration0001ControlFoundation, Migration0002ControlAuth];
export const organizationMigrations: readonly MigrationClass[] = [Migration0001Foundation];

/** The newest migration of an organization's schema; a database that is behind it is refused. */
export const organizationSchemaVersion = '0001-foundation';

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most; idle ones are closed after 10 s, so a resting organization holds none. */
  readonly poolMax: number;
}

/** The ORM of one organization's database. `getNativeClient()` of its connection is the pool the SQL paths share. */
export async function openOrganizationOrm(options: DatabaseOptions): Promise<MikroORM> {
  return MikroORM.init({
    clientUrl: options.url,
    entities: [...organizationEntities],
    extensions: [Migrator],
    migrations: { migrationsList: [...organizationMigrations], snapshot: false, transactional: true, silent: true },
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 10_000 },
    allowGlobalContext: false,
    ensureDatabase: false,
  });
}

/** The ORM of the control database; only its migrations are used, better-auth and SQL do the rest. */
export async function openControlOrm(options: DatabaseOptions): Promise<MikroORM> {
  return MikroORM.init({
    clientUrl: options.url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: { migrationsList: [...controlMigrations], snapshot: false, transactional: true, silent: true },
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 10_000 },
    allowGlobalContext: false,
    ensureDatabase: false,
  });
}
