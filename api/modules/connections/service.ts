import { LockMode, raw, type EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Connection, type ConnectionSettings } from '../../../infra/db/organization/entities/connection.ts';
import { newId } from '../../../infra/ids.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { loadConnection, secretPlace } from '../../../infra/mail/source.ts';
import { tryConnection } from '../../../infra/mail/test-mail.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { toFieldErrors } from '../../http/problem.ts';
import { nameTaken, namesOf, refuseInUse, type Use } from '../segments/uses.ts';
import { toConnectionView } from './views.ts';

export interface ConnectionEdit {
  readonly version?: number | undefined; readonly name?: string | undefined; readonly host?: string | undefined; readonly port?: number | null | undefined; readonly secure?: ConnectionSettings['secure'];
  readonly username?: string | undefined; readonly password?: string | undefined; readonly fromEmail?: string | null | undefined; readonly fromName?: string | null | undefined;
  readonly parallel?: number | undefined; readonly enabled?: boolean | undefined;
}

export type ConnectionService = ReturnType<typeof createConnectionService>;

/** Connections. Passwords go in sealed and never come out. */
export function createConnectionService({ tenants, secrets, config, clock }: Container) {
  const providers = createProviders(config, secrets);

  const find = (em: EntityManager, id: string, lock: LockMode = LockMode.NONE) => em.findOneOrFail(Connection, id, { lockMode: lock, failHandler: () => notFound('connection') });

  function settingsOf(vendor: Connection['vendor'], values: Readonly<Record<string, unknown>>): ConnectionSettings {
    const filled = vendor === 'catcher' ? {} : Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
    const parsed = providers.get(vendor).settings.safeParse(filled);
    if (parsed.success) return parsed.data;
    throw new AppError('invalid', 'This connection cannot be saved yet.', toFieldErrors(parsed.error.issues));
  }

  /** No password is null. */
  const seal = (orgId: string, id: string, password = '') => (password === '' ? null : secrets.seal(JSON.stringify({ password }), secretPlace(orgId, id)));

  return {
    list: (orgId: string, query: ListQuery) =>
      tenants.use(orgId, async ({ em }) => {
        const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
        const rows = await em.find(Connection, at === null ? {} : { [raw('(lower(name), id) > (lower(?), ?)', at)]: [] }, { orderBy: [{ [raw('lower(name)')]: 'asc' }, { id: 'asc' }], limit: query.limit + 1 });
        const page = toPage(rows, query.limit, (row) => [row.name, row.id], toConnectionView);
        return query.count === true ? { ...page, count: await em.count(Connection) } : page;
      }),

    get: (orgId: string, id: string) => tenants.use(orgId, async ({ em }) => toConnectionView(await find(em, id))),

    create: (orgId: string, vendor: Connection['vendor'], { host, port, secure, username, password, ...edit }: ConnectionEdit & { readonly name: string }) =>
      tenants.use(orgId, async ({ em }) => {
        const id = newId();
        const connection = em.create(Connection, {
          id, vendor, name: edit.name, settings: settingsOf(vendor, { host, port, secure, username }), secret: seal(orgId, id, password),
          fromEmail: null, fromName: null, healthReason: null, usedBy: 0, ...given(edit),
        });
        await nameTaken(() => em.flush(), 'connection');
        return toConnectionView(connection);
      }),

    /** What is not named stays; an empty password takes it away. The health is unknown until the next test. */
    edit: (orgId: string, id: string, { version, host, port, secure, username, password, ...changes }: ConnectionEdit) =>
      tenants.use(orgId, async ({ em }) => {
        // Locked, not only versioned: without a version the edit still starts from the newest settings.
        const edited = await nameTaken(() => em.transactional(async (tx) => {
          const connection = await find(tx, id, LockMode.PESSIMISTIC_WRITE);
          if (version !== undefined && version !== connection.version) throw new AppError('conflict', 'Somebody else saved this connection meanwhile. Load it again.');
          const settings = settingsOf(connection.vendor, { ...connection.settings, ...given({ host, port, secure, username }) });
          const secret = password === undefined ? connection.secret : seal(orgId, id, password);
          return tx.assign(connection, { ...given(changes), settings, secret, health: 'unknown', healthReason: null, updatedAt: new Date() });
        }), 'connection');
        return toConnectionView(edited);
      }),

    /** @throws AppError `conflict` with the uses while it is used: ended campaigns count, their reports name it */
    remove: (orgId: string, id: string): Promise<void> =>
      tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
        // Whoever begins to use it waits for this lock, and finds it gone.
        if ((await tx.first('select 1 as found from connection where id = $1 for update', [id])) === undefined) throw notFound('connection');
        refuseInUse('connection', namesOf(await tx.rows<Use>(USES, [id])), 'Disable it instead.');
        await tx.run('delete from connection where id = $1', [id]);
      })),

    /** Signs in and sends one simple mail; the connection's health is what came of it. */
    test: (orgId: string, id: string, recipient: string) =>
      tenants.use(orgId, async (tenant) => {
        const record = await find(tenant.em, id);
        const connection = await loadConnection(tenant, secrets, id);
        if (connection === undefined) throw notFound('connection');
        const from = record.fromEmail ?? `hello@${tenant.org.slug}.example`;
        const result = await tryConnection(providers.get(record.vendor), connection, { from, to: recipient, organization: tenant.org.name }, clock.now());
        await tenant.sql.run('update connection set health = $2, health_reason = $3 where id = $1', [id, result.ok ? 'healthy' : 'broken', result.ok ? null : result.message]);
        return result;
      }),
  };
}

const USES = /* sql */ `
select kind, name from (
  select 'campaign' as kind, id, name from campaign where delivery @> jsonb_build_object('connections', jsonb_build_array(jsonb_build_object('id', $1::uuid)))
  union all
  select 'form', id, name from sign_up_form where connection_id = $1
) use order by kind, lower(name), id`;
