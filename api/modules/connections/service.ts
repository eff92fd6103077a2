import { isDeepStrictEqual } from 'node:util';
import { LockMode, raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Connection, type ConnectionSettings } from '../../../infra/db/organization/entities/connection.ts';
import { newId } from '../../../infra/ids.ts';
import { Governor, momentOf } from '../../../infra/mail/governor.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { loadConnection, secretPlace } from '../../../infra/mail/source.ts';
import { tryConnection } from '../../../infra/mail/test-mail.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { toFieldErrors } from '../../http/problem.ts';
import { JOURNEY_USES } from '../journeys/uses.ts';
import { holdAll, nameTaken, namesOf, refuseInUse, type Use } from '../segments/uses.ts';
import type { limits, warmUp } from './input.ts';
import { toConnectionView } from './views.ts';

export interface ConnectionEdit {
  readonly version?: number | undefined; readonly name?: string | undefined; readonly host?: string | undefined; readonly port?: number | null | undefined; readonly secure?: ConnectionSettings['secure'];
  readonly username?: string | undefined; readonly password?: string | undefined; readonly fromEmail?: string | null | undefined; readonly fromName?: string | null | undefined;
  readonly parallel?: number | undefined; readonly limits?: z.infer<typeof limits> | undefined; readonly warmUp?: z.infer<typeof warmUp> | null | undefined;
  readonly backupId?: string | null | undefined; readonly enabled?: boolean | undefined;
}

export type ConnectionService = ReturnType<typeof createConnectionService>;

/** Connections. Passwords go in sealed and never come out. */
export function createConnectionService({ tenants, secrets, config, clock, gateway }: Pick<Container, 'tenants' | 'secrets' | 'config' | 'clock' | 'gateway'>) {
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

  /** What changes of how much may leave and who takes over, as columns. */
  const rulesOf = ({ limits, warmUp }: Pick<ConnectionEdit, 'limits' | 'warmUp'>, zone: string) => ({
    ...(limits === undefined ? {} : { limits: given({ second: limits.second ?? undefined, minute: limits.minute ?? undefined, hour: limits.hour ?? undefined, day: limits.day ?? undefined, dayWindow: limits.dayWindow }) }),
    ...(warmUp === undefined ? {} : { warmup: warmUp === null ? null : { ...warmUp, startedOn: warmUp.startedOn ?? momentOf(clock.now(), zone).today } }),
  });

  /** The backup stays until the transaction ends. @throws AppError `invalid` when it is the connection itself or not there */
  async function holdBackup(tx: EntityManager, id: string, backupId: string | null | undefined): Promise<void> {
    if (backupId === undefined || backupId === null) return;
    if (backupId === id) throw refuse('backupId', 'A connection cannot stand in for itself. Choose another one.');
    if ((await holdAll(tx, 'connection', 'id', [backupId])).length === 0) throw refuse('backupId', 'This connection does not exist. Choose another.');
  }

  return {
    list: (orgId: string, query: ListQuery) =>
      tenants.use(orgId, async ({ em }) => {
        const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
        const rows = await em.find(Connection, at === null ? {} : { [raw('(lower(name), id) > (lower(?), ?)', at)]: [] }, { orderBy: [{ [raw('lower(name)')]: 'asc' }, { id: 'asc' }], limit: query.limit + 1 });
        const page = toPage(rows, query.limit, (row) => [row.name, row.id], toConnectionView);
        return query.count === true ? { ...page, count: await em.count(Connection) } : page;
      }),

    get: (orgId: string, id: string) => tenants.use(orgId, async ({ em }) => toConnectionView(await find(em, id))),

    create: (orgId: string, vendor: Connection['vendor'], { host, port, secure, username, password, limits, warmUp, ...edit }: ConnectionEdit & { readonly name: string }) =>
      tenants.use(orgId, async ({ em, org }) => {
        const id = newId();
        const connection = await nameTaken(() => em.transactional(async (tx) => {
          await holdBackup(tx, id, edit.backupId);
          return tx.create(Connection, {
            id, vendor, name: edit.name, settings: settingsOf(vendor, { host, port, secure, username }), secret: seal(orgId, id, password),
            fromEmail: null, fromName: null, warmup: null, backupId: null, healthReason: null, usedBy: 0, ...given(edit), ...rulesOf({ limits, warmUp }, org.timezone),
          });
        }), 'connection');
        return toConnectionView(connection);
      }),

    /** What is not named stays; an empty password takes it away. When it leads elsewhere the health is unknown until the next test. All of it holds within 5 s for mail that is being sent. */
    edit: (orgId: string, id: string, { version, host, port, secure, username, password, limits, warmUp, ...changes }: ConnectionEdit) =>
      tenants.use(orgId, async ({ em, sql, org }) => {
        // Locked, not only versioned: without a version the edit still starts from the newest settings.
        const edited = await nameTaken(() => em.transactional(async (tx) => {
          const connection = await find(tx, id, LockMode.PESSIMISTIC_WRITE);
          if (version !== undefined && version !== connection.version) throw new AppError('conflict', 'Somebody else saved this connection meanwhile. Load it again.');
          await holdBackup(tx, id, changes.backupId);
          const settings = settingsOf(connection.vendor, { ...connection.settings, ...given({ host, port, secure, username }) });
          const secret = password === undefined ? connection.secret : seal(orgId, id, password);
          const isMoved = password !== undefined || !isDeepStrictEqual(settings, connection.settings);
          return tx.assign(connection, { ...given(changes), ...rulesOf({ limits, warmUp }, org.timezone), settings, secret, ...(isMoved ? { health: 'unknown', healthReason: null } : {}), updatedAt: new Date() });
        }), 'connection');
        if (limits !== undefined || warmUp !== undefined) {
          for (const campaign of await sql.rows<{ campaignId: string; mailNo: number }>(SENDING, [edited.no])) gateway.tellLimits({ orgId, ...campaign });
        }
        return toConnectionView(edited);
      }),

    /** @throws AppError `conflict` with the uses while it is used: ended campaigns count, their reports name it; so do those it stood in for */
    remove: (orgId: string, id: string): Promise<void> =>
      tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
        // Whoever begins to use it waits for this lock, and finds it gone.
        if ((await tx.first('select 1 as found from connection where id = $1 for update', [id])) === undefined) throw notFound('connection');
        refuseInUse('connection', namesOf(await tx.rows<Pick<Use, 'name'> & { kind: 'campaign' | 'journey' | 'form' | 'connection' }>(USES, [id])), 'Disable it instead.');
        await tx.run('delete from connection where id = $1', [id]);
      })),

    /** Signs in and sends one simple mail; the connection's health is what came of it. */
    test: (orgId: string, id: string, recipient: string) =>
      tenants.use(orgId, async (tenant) => {
        const record = await find(tenant.em, id);
        const connection = await loadConnection(tenant, secrets, id);
        if (connection === undefined) throw notFound('connection');
        const from = record.fromEmail ?? `hello@${tenant.org.slug}.example`;
        const { retryAt } = await new Governor({ sql: tenant.sql, connectionNo: connection.no, mailNo: null, zone: tenant.org.timezone }).take(1);
        if (retryAt !== null) {
          const seconds = Math.max(1, Math.ceil((retryAt - clock.now()) / 1_000));
          return { ok: false, stage: 'message' as const, message: `The limit of this connection is used up. Try again in ${seconds} s, or raise the limit.`, reply: null };
        }
        const result = await tryConnection(providers.get(record.vendor), connection, { from, to: recipient, organization: tenant.org.name }, clock.now());
        if (result.ok || result.isBroken) await tenant.sql.run('update connection set health = $2, health_reason = $3 where id = $1', [id, result.ok ? 'healthy' : 'broken', result.ok ? null : result.message]);
        const { ok, stage, message, reply } = result;
        return { ok, stage, message, reply };
      }),
  };
}

const SENDING = /* sql */ `
select c.id::text as "campaignId", c.mail_no as "mailNo" from campaign c where c.state = 'running' and exists (select from slice s where s.mail_no = c.mail_no and s.connection_no = $1)`;

const USES = /* sql */ `
select kind, name from (
  select 'campaign' as kind, c.id, c.name from campaign c cross join (select no from connection where id = $1) used
   where c.delivery @> jsonb_build_object('connections', jsonb_build_array(jsonb_build_object('id', $1::uuid)))
      or exists (select from slice s where s.mail_no = c.mail_no and s.connection_no = used.no) or exists (select from mail_count m where m.mail_no = c.mail_no and m.connection_no = used.no)
  union all
  select 'journey', id::uuid, name from (${JOURNEY_USES} and u.used = $1::text) journeys
  union all
  select 'form', id, name from sign_up_form where connection_id = $1
  union all
  select 'connection', id, name from connection where backup_id = $1
) use order by kind, lower(name), id`;
