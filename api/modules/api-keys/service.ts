import { createHash, randomBytes } from 'node:crypto';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { newId } from '../../../infra/ids.ts';
import type { Actor } from '../../http/route.ts';
import type { AuditService } from '../audit/service.ts';
import type { Identities } from '../auth/identity.ts';

const resources = ['customers', 'lists', 'segments', 'campaigns', 'journeys', 'templates', 'connections', 'suppression', 'webhooks'] as const;

/** Everything a key may be allowed; users, settings and keys never are. `x:write` includes `x:read`. */
export const scopes: readonly string[] = [...resources.flatMap((name) => [`${name}:read`, `${name}:write`]), 'campaigns:launch', 'journeys:enroll', 'events:write', 'messages:send', 'reports:read'];

export type ApiKeyService = ReturnType<typeof createApiKeyService>;
interface KeyRow { readonly id: string; readonly name: string; readonly prefix: string; readonly scopes: string[]; readonly createdAt: Date; readonly expiresAt: Date | null; readonly lastUsedAt: Date | null }

const COLUMNS = 'id, name, prefix, scopes, created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt"';

/** Keys `fk_<prefix>_<43 characters>`: 256 random bits, so a plain SHA-256 keeps them safe at rest (ASVS 6.5.2). */
export function createApiKeyService({ control }: Container, audit: AuditService, identities: Identities) {
  return {
    async list(org: string) {
      const rows = await control.rows<KeyRow>(`select ${COLUMNS} from api_key where org_id = $1 and revoked_at is null order by created_at desc, id`, [org]);
      return { data: rows.map(toKeyView), nextCursor: null, count: rows.length };
    },
    /** The key itself is in this answer and nowhere else. */
    async create(org: string, actor: Actor, wanted: { name: string; scopes: readonly string[]; expiresAt?: string | null | undefined }) {
      const prefix = randomBytes(6).toString('base64url').replace(/[-_]/g, '0');
      const key = `fk_${prefix}_${randomBytes(32).toString('base64url')}`;
      const row = await control.first<KeyRow>(
        `insert into api_key (id, org_id, name, prefix, hash, scopes, created_by, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${COLUMNS}`,
        [newId(), org, wanted.name, prefix, createHash('sha256').update(key).digest(), wanted.scopes, actor.name, wanted.expiresAt ?? null],
      );
      await audit.record(org, actor.name, 'api_key.created', wanted.name, { scopes: wanted.scopes });
      return { ...toKeyView(row!), key };
    },
    async revoke(org: string, actor: Actor, id: string): Promise<void> {
      const row = await control.first<{ name: string }>('update api_key set revoked_at = now() where id = $1 and org_id = $2 and revoked_at is null returning name', [id, org]);
      if (row === undefined) throw notFound('API key');
      identities.forget();
      await audit.record(org, actor.name, 'api_key.revoked', row.name);
    },
  };
}

function toKeyView(row: KeyRow) {
  return {
    id: row.id, name: row.name, prefix: `fk_${row.prefix}`, scopes: row.scopes,
    createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt?.toISOString() ?? null, lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
