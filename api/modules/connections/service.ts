import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { loadConnection, secretPlace } from '../../../infra/mail/source.ts';
import { tryConnection } from '../../../infra/mail/test-mail.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { toFieldErrors } from '../../http/problem.ts';
import { toConnectionView, type ConnectionRecord } from './views.ts';

export interface ConnectionEdit {
  readonly version?: number | undefined; readonly name?: string | undefined; readonly host?: string | undefined; readonly port?: number | null | undefined; readonly secure?: string | undefined;
  readonly username?: string | undefined; readonly password?: string | undefined; readonly fromEmail?: string | null | undefined; readonly fromName?: string | null | undefined;
  readonly parallel?: number | undefined; readonly enabled?: boolean | undefined;
}

const CONNECTION = `select n.id, n.name, n.vendor, n.settings, n.secret is not null as "passwordSet", n.from_email as "fromEmail", n.from_name as "fromName", n.parallel, n.enabled, n.health,
  n.health_reason as "healthReason", n.version, n.created_at as "createdAt", n.updated_at as "updatedAt",
  (select count(*)::int from campaign c where c.connection_id = n.id and c.archived_at is null) as "usedBy" from connection n`;

export type ConnectionService = ReturnType<typeof createConnectionService>;

/** Connections. Passwords go in sealed and never come out. */
export function createConnectionService({ tenants, secrets, config, clock }: Container) {
  const providers = createProviders(config, secrets);

  async function find(tenant: Tenant, id: string): Promise<ConnectionRecord> {
    const record = await tenant.sql.first<ConnectionRecord>(`${CONNECTION} where n.id = $1`, [id]);
    if (record === undefined) throw notFound('connection');
    return record;
  }

  function settingsOf(vendor: string, values: Record<string, unknown>): Record<string, unknown> {
    const given = vendor === 'catcher' ? {} : Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
    const parsed = providers.get(vendor).settings.safeParse(given);
    if (parsed.success) return parsed.data;
    throw new AppError('invalid', 'This connection cannot be saved yet.', toFieldErrors(parsed.error.issues));
  }

  const nameTaken = (error: unknown): unknown => ((error as { code?: string }).code === '23505' ? refuse('name', 'There is a connection of this name already.') : error);

  return {
    list: (orgId: string, query: ListQuery) =>
      tenants.use(orgId, async ({ sql }) => {
        const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
        const rows = await sql.rows<ConnectionRecord>(`${CONNECTION} where $1::text is null or (lower(n.name), n.id) > ($1, $2::uuid) order by lower(n.name), n.id limit $3`, [at?.[0] ?? null, at?.[1] ?? null, query.limit + 1]);
        const page = toPage(rows, query.limit, (row) => [row.name.toLowerCase(), row.id], toConnectionView);
        return query.count === true ? { ...page, count: (await sql.first<{ count: number }>('select count(*)::int as count from connection'))?.count ?? 0 } : page;
      }),

    get: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => toConnectionView(await find(tenant, id))),

    create: (orgId: string, vendor: string, edit: ConnectionEdit & { readonly name: string }) =>
      tenants.use(orgId, async (tenant) => {
        const id = randomUUID();
        const settings = settingsOf(vendor, { host: edit.host, port: edit.port, secure: edit.secure, username: edit.username });
        const secret = edit.password === undefined || edit.password === '' ? null : secrets.seal(JSON.stringify({ password: edit.password }), secretPlace(orgId, id));
        await tenant.sql.run(
          'insert into connection (id, name, vendor, settings, secret, from_email, from_name, parallel, enabled) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
          [id, edit.name, vendor, JSON.stringify(settings), secret, edit.fromEmail ?? null, edit.fromName ?? null, edit.parallel ?? 20, edit.enabled ?? true],
        ).catch((error: unknown) => { throw nameTaken(error); });
        return toConnectionView(await find(tenant, id));
      }),

    edit: (orgId: string, id: string, edit: ConnectionEdit) =>
      tenants.use(orgId, async (tenant) => {
        const now = await find(tenant, id);
        const settings = settingsOf(now.vendor, { ...now.settings, ...Object.fromEntries(Object.entries({ host: edit.host, port: edit.port, secure: edit.secure, username: edit.username }).filter(([, value]) => value !== undefined)) });
        const secret = edit.password === undefined ? null : edit.password === '' ? '' : secrets.seal(JSON.stringify({ password: edit.password }), secretPlace(orgId, id));
        const touched = await tenant.sql.run(
          `update connection set name = coalesce($3, name), settings = $4, secret = case when $5::text is null then secret else nullif($5, '') end,
                  from_email = case when $6 then $7 else from_email end, from_name = case when $8 then $9 else from_name end, parallel = coalesce($10, parallel), enabled = coalesce($11, enabled),
                  health = 'unknown', health_reason = null, version = version + 1, updated_at = now() where id = $1 and ($2::int is null or version = $2)`,
          [id, edit.version ?? null, edit.name ?? null, JSON.stringify(settings), secret, edit.fromEmail !== undefined, edit.fromEmail ?? null, edit.fromName !== undefined, edit.fromName ?? null, edit.parallel ?? null, edit.enabled ?? null],
        ).catch((error: unknown) => { throw nameTaken(error); });
        if (touched === 0) throw new AppError('conflict', 'Somebody else saved this connection meanwhile. Load it again.');
        return toConnectionView(await find(tenant, id));
      }),

    remove: (orgId: string, id: string): Promise<void> =>
      tenants.use(orgId, async (tenant) => {
        await find(tenant, id);
        const removed = await tenant.sql.run('delete from connection n where id = $1 and not exists (select 1 from campaign c where c.connection_id = n.id)', [id]);
        if (removed === 0) throw new AppError('conflict', 'Campaigns use this connection. Disable it instead.');
      }),

    /** Signs in and sends one simple mail; the connection's health is what came of it. */
    test: (orgId: string, id: string, recipient: string) =>
      tenants.use(orgId, async (tenant) => {
        const record = await find(tenant, id);
        const connection = await loadConnection(tenant, secrets, id);
        if (connection === undefined) throw notFound('connection');
        const from = record.fromEmail ?? `hello@${tenant.org.slug}.example`;
        const result = await tryConnection(providers.get(record.vendor), connection, { from, to: recipient, organization: tenant.org.name }, clock.now());
        await tenant.sql.run('update connection set health = $2, health_reason = $3 where id = $1', [id, result.ok ? 'healthy' : 'broken', result.ok ? null : result.message]);
        return result;
      }),
  };
}
