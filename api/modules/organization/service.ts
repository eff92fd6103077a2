import type { Role } from '#domain/access.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import { recordTenant } from '../../../infra/tenancy/provisioning.ts';
import type { AuditService } from '../audit/service.ts';

export interface OrganizationRecord {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly timezone: string;
  readonly postalAddress: string;
  readonly state: 'provisioning' | 'active' | 'deleting';
}

const COLUMNS = 'id, name, slug, timezone, postal_address as "postalAddress", state';

export type OrganizationService = ReturnType<typeof createOrganizationService>;

export function createOrganizationService({ control, config, gateway, tenants }: Container, audit: AuditService) {
  async function get(org: string) {
    const record = await control.first<OrganizationRecord>(`select ${COLUMNS} from tenant where id = $1`, [org]);
    if (record === undefined) throw notFound('organization');
    return record;
  }
  return {
    get: async (org: string) => toOrganizationView(await get(org)),
    async update(org: string, actor: string, change: { name?: string | undefined; timezone?: string | undefined; postalAddress?: string | undefined }) {
      const before = await get(org);
      const after = { name: change.name ?? before.name, timezone: change.timezone ?? before.timezone, postalAddress: change.postalAddress ?? before.postalAddress };
      await control.transaction(async (tx) => {
        await tx.run('update tenant set name = $2, timezone = $3, postal_address = $4 where id = $1', [org, after.name, after.timezone, after.postalAddress]);
        await tx.run('update organization set name = $2 where id = $1', [org, after.name]);
      });
      tenants.forget(org);
      await audit.record(org, actor, 'organization.updated', after.name, { before: { name: before.name, timezone: before.timezone, postalAddress: before.postalAddress }, after });
      return toOrganizationView(await get(org));
    },
    /** A further organization with its creator as owner; its database is made in the background. @throws AppError `forbidden` by FERMATA_ORG_CREATION */
    async create(userId: string, wanted: { name: string; timezone: string }) {
      if (config.FERMATA_ORG_CREATION === 'closed') throw new AppError('forbidden', 'New organizations are switched off on this installation.');
      const owns = await control.first(`select from member where "userId" = $1 and role = 'owner' limit 1`, [userId]);
      if (config.FERMATA_ORG_CREATION === 'owners' && owns === undefined) throw new AppError('forbidden', 'Only owners may create further organizations on this installation.');
      const id = await control.transaction((tx) => recordOrganization(tx, config.DATABASE_URL, { ...wanted, ownerId: userId }));
      await gateway.provision({ orgId: id });
      return toOrganizationView(await get(id));
    },
    /** The organizations of a user, with her role in each. */
    of: (userId: string) => control.rows<{ id: string; name: string; role: Role }>(
      `select t.id, t.name, m.role from member m join tenant t on t.id = m."organizationId" where m."userId" = $1 order by lower(t.name), t.id`, [userId]),
  };
}

/** Name, record and owner in the caller's transaction; provisioning follows after its commit. @returns the new id */
export async function recordOrganization(tx: Sql, controlUrl: string, wanted: { readonly name: string; readonly timezone: string; readonly ownerId: string }): Promise<string> {
  const id = newId();
  const slug = await freeSlug(tx, wanted.name);
  await tx.run('insert into organization (id, name, slug, "createdAt") values ($1, $2, $3, now())', [id, wanted.name, slug]);
  await tx.run(`insert into member (id, "organizationId", "userId", role, "createdAt") values ($1, $2, $3, 'owner', now())`, [newId(), id, wanted.ownerId]);
  await recordTenant(tx, controlUrl, { id, name: wanted.name, slug, timezone: wanted.timezone });
  return id;
}

/** `Café Nord` → `cafe-nord`, with a number when taken. */
async function freeSlug(tx: Sql, name: string): Promise<string> {
  const base = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 50) || 'organization';
  const taken = new Set((await tx.rows<{ slug: string }>('select slug from organization where slug = $1 or slug like $2', [base, `${base}-%`])).map((row) => row.slug));
  let slug = base;
  for (let n = 2; taken.has(slug); n++) slug = `${base}-${n}`;
  return slug;
}

export function toOrganizationView(record: OrganizationRecord) {
  return { id: record.id, name: record.name, slug: record.slug, timezone: record.timezone, postalAddress: record.postalAddress, state: record.state };
}
