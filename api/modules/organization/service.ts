import type { Role } from '#domain/access.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
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
  readonly version: number;
}

export interface SettingsEdit {
  readonly version?: number | undefined;
  readonly name?: string | undefined;
  readonly timezone?: string | undefined;
  readonly postalAddress?: string | undefined;
}

const ORGANIZATION = 'select id, name, slug, timezone, postal_address as "postalAddress", state, version from tenant where id = $1';

export type OrganizationService = ReturnType<typeof createOrganizationService>;

export function createOrganizationService({ control, config, gateway, logger, tenants }: Container, audit: AuditService) {
  async function get(org: string) {
    const record = await control.first<OrganizationRecord>(ORGANIZATION, [org]);
    if (record === undefined) throw notFound('organization');
    return record;
  }
  return {
    get: async (org: string) => toOrganizationView(await get(org)),
    /**
     * Changes the settings that are named. Another time zone has the search index built again, where plain dates are instants.
     * @throws AppError `conflict` when `version` is not the newest
     */
    async update(org: string, actor: string, { version, ...change }: SettingsEdit) {
      const { before, after } = await control.transaction(async (tx) => {
        const before = await tx.first<OrganizationRecord>(`${ORGANIZATION} for update`, [org]);
        if (before === undefined) throw notFound('organization');
        if (version !== undefined && version !== before.version) throw new AppError('conflict', 'Somebody else saved these settings meanwhile. Load them again, then repeat your change.');
        const after = { ...before, ...given(change), version: before.version + 1 };
        await tx.run('update tenant set name = $2, timezone = $3, postal_address = $4, version = $5 where id = $1', [org, after.name, after.timezone, after.postalAddress, after.version]);
        await tx.run('update organization set name = $2 where id = $1', [org, after.name]);
        return { before, after };
      });
      tenants.forget(org);
      await audit.record(org, actor, 'organization.updated', after.name, { before: settingsOf(before), after: settingsOf(after) });
      if (after.timezone !== before.timezone) {
        await gateway.startReindex({ orgId: org, reason: 'timezone' }).catch((error: unknown) => {
          logger.warn({ err: error, orgId: org }, 'the time zone is saved; the search index has not heard of it');
        });
      }
      return toOrganizationView(after);
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

const settingsOf = ({ name, timezone, postalAddress }: OrganizationRecord) => ({ name, timezone, postalAddress });

export function toOrganizationView(record: OrganizationRecord) {
  return { id: record.id, name: record.name, slug: record.slug, timezone: record.timezone, postalAddress: record.postalAddress, state: record.state, version: record.version };
}
