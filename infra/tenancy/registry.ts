import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { AppError, notFound } from '#domain/shared/errors.ts';
import { openOrganizationOrm, organizationSchemaVersion } from '../db/orm.ts';
import { createSql, type Sql } from '../db/sql.ts';

/** What the control database knows of an organization. */
export interface TenantRecord {
  readonly id: string;
  /** Short number of the organization in tracking ids. */
  readonly no: number;
  readonly name: string;
  readonly slug: string;
  readonly timezone: string;
  readonly postalAddress: string;
  /** Its verified tracking domain; null: the installation's own address. */
  readonly trackingHost: string | null;
  readonly state: 'provisioning' | 'active' | 'deleting';
  readonly databaseName: string;
  readonly databaseServer: string | null;
  readonly schemaVersion: string | null;
}

/** Everything of one organization, for the duration of one piece of work. */
export interface Tenant {
  readonly org: TenantRecord;
  /** A fork of its own; identity maps are never shared between requests. */
  readonly em: EntityManager;
  readonly sql: Sql;
  readonly pool: Pool;
  /** The search client; `search/` builds the names of this organization's indexes from its id, nobody else does. */
  readonly search: { readonly client: ElasticsearchClient };
}

export interface Tenants {
  /**
   * The only door to an organization's database and index.
   * @throws AppError `not_found` for an unknown organization, `unavailable` while it is being set up or its schema is behind
   */
  use<T>(orgId: string, work: (tenant: Tenant) => Promise<T>): Promise<T>;
  /** The same door by the short number in tracking ids. */
  useNo<T>(orgNo: number, work: (tenant: Tenant) => Promise<T>): Promise<T>;
  /** For provisioning and migrations, which work on organizations that are not active yet. */
  useInactive<T>(orgId: string, work: (tenant: Tenant, orm: MikroORM) => Promise<T>): Promise<T>;
  /** Reads the record again at the next use: after a rename, a migration, a deletion. */
  forget(orgId: string): void;
  list(): Promise<TenantRecord[]>;
  close(): Promise<void>;
}

export interface TenantsOptions {
  readonly control: Sql;
  readonly controlUrl: string;
  readonly elasticsearch: ElasticsearchClient;
  /** Connections of one process to one organization; processes × live organizations × this stays below the server's limit. */
  readonly poolMax?: number;
  /** Organizations with an open ORM; 200 of 30 entities take 55 MB. */
  readonly cacheSize?: number;
}

const RECORD = `select id, no, name, slug, timezone, postal_address as "postalAddress", state,
  database_name as "databaseName", database_server as "databaseServer", schema_version as "schemaVersion",
  (select host from tracking_domain d where d.org_id = tenant.id and d.is_current and d.verified_at is not null) as "trackingHost" from tenant`;

/** Records may be this old: a renamed organization shows its new name after at most 5 s in other processes. */
const RECORD_TTL_MS = 5_000;

export function createTenants(options: TenantsOptions): Tenants {
  const records = new LRUCache<string, TenantRecord>({ max: 5_000, ttl: RECORD_TTL_MS });
  const idByNo = new Map<number, string>();
  const orms = new LRUCache<string, Promise<MikroORM>>({
    max: options.cacheSize ?? 200,
    dispose: (orm) => void orm.then((opened) => opened.close()).catch(() => undefined),
  });

  async function record(orgId: string): Promise<TenantRecord> {
    const known = records.get(orgId);
    if (known !== undefined) return known;
    const found = await options.control.first<TenantRecord>(`${RECORD} where id = $1`, [orgId]);
    if (found === undefined) throw notFound('organization');
    records.set(orgId, found);
    idByNo.set(found.no, found.id);
    return found;
  }

  async function orm(org: TenantRecord): Promise<MikroORM> {
    const open = orms.get(org.id) ?? openOrganizationOrm({ url: databaseUrl(org, options.controlUrl), poolMax: options.poolMax ?? 4 });
    orms.set(org.id, open);
    try {
      return await open;
    } catch (error) {
      orms.delete(org.id);
      throw error;
    }
  }

  async function open<T>(org: TenantRecord, work: (tenant: Tenant, orm: MikroORM) => Promise<T>): Promise<T> {
    const opened = await orm(org);
    const pool = (await opened.em.getConnection().getNativeClient()) as Pool;
    const search = { client: options.elasticsearch };
    return work({ org, em: opened.em.fork(), sql: createSql(pool), pool, search }, opened);
  }

  async function use<T>(orgId: string, work: (tenant: Tenant) => Promise<T>): Promise<T> {
    const org = await record(orgId);
    if (org.state !== 'active' || org.schemaVersion !== organizationSchemaVersion) {
      records.delete(orgId);
      throw new AppError('unavailable', 'This organization is being set up. Try again in a few seconds.');
    }
    return open(org, work);
  }

  return {
    use,
    async useNo(orgNo, work) {
      const known = idByNo.get(orgNo) ?? (await options.control.first<{ id: string }>('select id from tenant where no = $1', [orgNo]))?.id;
      if (known === undefined) throw notFound('organization');
      return use(known, work);
    },
    useInactive: async (orgId, work) => open(await record(orgId), work),
    forget: (orgId) => void records.delete(orgId),
    list: () => options.control.rows<TenantRecord>(`${RECORD} order by no`),
    async close() {
      const opened = [...orms.values()];
      await Promise.allSettled(opened.map(async (each) => (await each).close(true)));
    },
  };
}

/** Address of an organization's database: on the control server unless the record names another. */
export function databaseUrl(org: Pick<TenantRecord, 'databaseName' | 'databaseServer'>, controlUrl: string): string {
  const url = new URL(org.databaseServer ?? controlUrl);
  url.pathname = `/${org.databaseName}`;
  return url.toString();
}
