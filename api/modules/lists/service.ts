import { LockMode, raw, UniqueConstraintViolationException } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { emailKey } from '#domain/customer/email-address.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { noteListRemovals } from '../../../infra/customers/changes.ts';
import { settled } from '../../../infra/db/contention.ts';
import { given } from '../../../infra/db/given.ts';
import { List } from '../../../infra/db/organization/entities/list.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { refuseInUse, usesByIds, usesOf } from '../segments/uses.ts';
import { toListView } from './views.ts';

export type ListService = ReturnType<typeof createListService>;

export interface Members {
  readonly customerIds?: readonly number[] | undefined;
  readonly emails?: readonly string[] | undefined;
}

export interface ListEdit {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly isPublic?: boolean | undefined;
  readonly publicName?: string | undefined;
  readonly publicDescription?: string | undefined;
}

/** Static sets of customers. A membership that really changes makes a new version of the customer and an outbox row. */
export function createListService({ tenants, gateway, logger }: Pick<Container, 'tenants' | 'gateway' | 'logger'>) {
  const find = (em: EntityManager, id: string, lock: LockMode = LockMode.NONE) => em.findOneOrFail(List, id, { lockMode: lock, failHandler: () => notFound('list') });
  const shown = async ({ em, sql }: Pick<Tenant, 'em' | 'sql'>, id: string) => {
    const list = await em.fork().findOneOrFail(List, id, { failHandler: () => notFound('list') });
    return toListView(list, (await usesByIds(sql, 'list', [list.id])).get(list.id) ?? []);
  };
  const nameTaken = (error: unknown): never => {
    if (!(error instanceof UniqueConstraintViolationException)) throw error;
    const message = 'There is a list of this name already. Choose another name.';
    throw new AppError('conflict', message, [{ field: 'name', message }], { cause: error });
  };

  /** @param work gets the ids of the customers meant, locked in order */
  const change = (orgId: string, id: string, members: Members, work: (tx: Sql, list: { id: string; name: string }, customerIds: readonly number[]) => Promise<void>, refuseUnknown: boolean) =>
    tenants.use(orgId, async (tenant) => {
      if (members.customerIds === undefined && members.emails === undefined) throw refuse('customerIds', 'Name the customers: customerIds, emails or both.');
      const keys = (members.emails ?? []).map((email) => emailKey(email) ?? '');
      await settled(tenant.sql, async (tx) => {
        // Shared: members come and go side by side, but the list cannot be deleted meanwhile.
        const list = await tx.first<{ id: string; name: string }>('select id::text, name from list where id = $1 for key share', [id]);
        if (list === undefined) throw notFound('list');
        const asked = await tx.rows<{ id: number; key: string }>(
          'select id, email_key as key from customer where id = any($1::bigint[]) or email_key = any($2::text[]) order by id for update', [members.customerIds ?? [], keys]);
        if (refuseUnknown) refuseStrangers(asked, members.customerIds ?? [], keys, members.emails ?? []);
        await work(tx, list, asked.map((row) => row.id));
      });
      gateway.nudgeOutbox(orgId);
      return shown(tenant, id);
    });

  return {
    list: (orgId: string, query: ListQuery & { search?: string | undefined }) => tenants.use(orgId, async ({ em, sql }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const search = query.search?.trim().toLowerCase() ?? '';
      const matches = search === '' ? {} : { [raw('position(? in lower(name)) > 0', [search])]: [] };
      const lists = await em.find(List, { ...matches, ...(after === null ? {} : { [raw('(lower(name), id) > (lower(?), ?)', after)]: [] }) }, {
        orderBy: [{ [raw('lower(name)')]: 'asc' }, { id: 'asc' }], limit: query.limit + 1,
      });
      const uses = await usesByIds(sql, 'list', lists.map((list) => list.id));
      const page = toPage(lists, query.limit, (list) => [list.name, list.id], (list) => toListView(list, uses.get(list.id) ?? []));
      return query.count === true ? { ...page, count: await em.count(List, matches) } : page;
    }),
    get: (orgId: string, id: string) => tenants.use(orgId, (tenant) => shown(tenant, id)),
    create: (orgId: string, { name, ...input }: ListEdit & { readonly name: string }) => tenants.use(orgId, async ({ em }) => {
      const list = em.create(List, { id: newId(), name, ...given(input), members: 0, added30: 0 });
      await em.flush().catch(nameTaken);
      return toListView(list, []);
    }),
    update: (orgId: string, id: string, { version, ...input }: ListEdit & { readonly version: number }) => tenants.use(orgId, async (tenant) => {
      await tenant.em.transactional(async (em) => {
        const list = await find(em, id, LockMode.PESSIMISTIC_WRITE);
        if (list.version !== version) throw new AppError('conflict', 'Somebody changed this list meanwhile. Load it again, then repeat your change.');
        em.assign(list, given(input));
      }).catch(nameTaken);
      return shown(tenant, id);
    }),
    /**
     * Deletes the list and keeps its customers. It is gone from every screen at once; its members are taken off in the background.
     * @throws AppError `conflict` with the uses while it is used
     */
    remove: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      await sql.transaction(async (tx) => {
        if ((await tx.first('select 1 as found from list where id = $1 for update', [id])) === undefined) throw notFound('list');
        refuseInUse('list', await usesOf(tx, 'list', id));
        // Its own id as the name: the one it had is free again.
        await tx.run('update list_record set removing = true, name = id::text, updated_at = now() where id = $1', [id]);
      });
      // The row says what is to be done: without this start the sweep begins it within a minute.
      await gateway.removeList({ orgId, listId: id }).catch((error: unknown) => logger.warn({ err: error, orgId }, 'the removal of a list waits for the sweep'));
    }),
    members: (orgId: string, id: string, query: ListQuery) => tenants.use(orgId, async ({ em, sql }) => {
      const list = await find(em, id);
      const after = decodeCursor(query.cursor, z.tuple([z.number()]));
      const rows = await sql.rows<{ id: number; email: string; addedAt: Date }>(
        `select c.id, c.email, m.added_at as "addedAt" from list_member m join customer c on c.id = m.customer_id
          where m.list_id = $1 and m.customer_id > $2 order by m.customer_id limit $3`, [id, after?.[0] ?? 0, query.limit + 1]);
      const page = toPage(rows, query.limit, (row) => [row.id], (row) => ({ customerId: row.id, email: row.email, addedAt: row.addedAt.toISOString() }));
      return query.count === true ? { ...page, count: list.members } : page;
    }),
    /** Adds all or none; those on the list already stay as they are. @throws AppError `invalid` naming each who does not exist */
    addMembers: (orgId: string, id: string, members: Members) => change(orgId, id, members, async (tx, list, ids) => void (await tx.run(ADD, [list.id, ids])), true),
    /** Takes off whoever is on it, with a note in her timeline. */
    removeMembers: (orgId: string, actor: string, id: string, members: Members) => change(orgId, id, members, async (tx, list, ids) => {
      const gone = await tx.rows<{ id: number }>(REMOVE, [list.id, ids]);
      await noteListRemovals(tx, actor, list, gone.map((row) => row.id));
    }, false),
  };
}

function refuseStrangers(known: readonly { readonly id: number; readonly key: string }[], ids: readonly number[], keys: readonly string[], emails: readonly string[]): void {
  const [knownIds, knownKeys] = [new Set(known.map((row) => row.id)), new Set(known.map((row) => row.key))];
  const problems = [
    ...ids.flatMap((id, i) => (knownIds.has(id) ? [] : [{ field: `customerIds[${i}]`, message: 'This customer does not exist.' }])),
    ...keys.flatMap((key, i) => (knownKeys.has(key) ? [] : [{ field: `emails[${i}]`, message: `No customer has the address ${emails[i]!.trim().slice(0, 254)}.` }])),
  ].slice(0, 100);
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
}

// Only a real addition or removal makes a new version of the customer.
const ADD = /* sql */ `
with added as (insert into list_member (list_id, customer_id) select $1, id from unnest($2::bigint[]) u(id) order by id on conflict do nothing returning customer_id),
  touched as (update customer c set version = version + 1, updated_at = now() from added where c.id = added.customer_id returning c.id)
insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`;

const REMOVE = /* sql */ `
with gone as (delete from list_member where list_id = $1 and customer_id = any($2::bigint[]) returning customer_id),
  touched as (update customer c set version = version + 1, updated_at = now() from gone where c.id = gone.customer_id returning c.id),
  told as (insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0)
select id from touched`;
