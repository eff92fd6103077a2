import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { emailKey } from '#domain/customer/email-address.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { usesOf, nameTaken, refuseInUse } from '../segments/uses.ts';
import { LIST, toListView, type ListRecord } from './views.ts';

export type ListService = ReturnType<typeof createListService>;

export interface Members {
  readonly customerIds?: readonly number[] | undefined;
  readonly emails?: readonly string[] | undefined;
}

/** Static sets of customers. A membership that really changes makes a new version of the customer and an outbox row. */
export function createListService({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>) {
  const one = async (sql: Sql, id: string) => {
    const row = await sql.first<ListRecord>(`${LIST} where l.id = $1`, [id]);
    if (row === undefined) throw notFound('list');
    return row;
  };
  const change = (orgId: string, id: string, members: Members, statement: string, refuseUnknown: boolean) => tenants.use(orgId, async ({ sql }) => {
    if (members.customerIds === undefined && members.emails === undefined) throw refuse('customerIds', 'Name the customers: customerIds, emails or both.');
    const list = await sql.transaction(async (tx) => {
      await one(tx, id);
      const keys = (members.emails ?? []).map((email) => emailKey(email) ?? '');
      if (refuseUnknown) await checkCustomers(tx, members.customerIds ?? [], keys);
      await tx.run(statement, [id, members.customerIds ?? [], keys]);
      return one(tx, id);
    });
    gateway.nudgeOutbox(orgId);
    return toListView(list);
  });

  return {
    list: (orgId: string, query: ListQuery & { search?: string | undefined }) => tenants.use(orgId, async ({ sql }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const search = query.search?.trim().toLowerCase() ?? null;
      const rows = await sql.rows<ListRecord>(
        `${LIST} where ${FILTER} and ($2::text is null or (lower(l.name), l.id) > ($2, $3::uuid)) order by lower(l.name), l.id limit $4`,
        [search, after?.[0] ?? null, after?.[1] ?? null, query.limit + 1]);
      const count = query.count === true ? (await sql.first<{ n: number }>(`select count(*) as n from list l where ${FILTER}`, [search]))!.n : undefined;
      return { ...toPage(rows, query.limit, (row) => [row.key, row.id], toListView), ...(count === undefined ? {} : { count }) };
    }),
    get: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => toListView(await one(sql, id))),
    create: (orgId: string, input: { name: string; description: string }) => tenants.use(orgId, async ({ sql }) => {
      const id = randomUUID();
      await nameTaken(() => sql.run('insert into list (id, name, description) values ($1, $2, $3)', [id, input.name, input.description]), 'list');
      return toListView(await one(sql, id));
    }),
    update: (orgId: string, id: string, input: { version: number; name?: string | undefined; description?: string | undefined }) => tenants.use(orgId, async ({ sql }) => {
      const touched = await nameTaken(() => sql.run(
        'update list set name = coalesce($3, name), description = coalesce($4, description), version = version + 1, updated_at = now() where id = $1 and version = $2',
        [id, input.version, input.name ?? null, input.description ?? null]), 'list');
      const row = await one(sql, id);
      if (touched === 0) throw new AppError('conflict', 'Somebody changed this list meanwhile. Load it again, then repeat your change.');
      return toListView(row);
    }),
    /** Deletes the list and keeps its customers. @throws AppError `conflict` with the uses while it is used */
    remove: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      await sql.transaction(async (tx) => {
        await one(tx, id);
        refuseInUse('list', await usesOf(tx, 'list', id));
        await tx.run(
          `with gone as (delete from list_member where list_id = $1 returning customer_id),
             touched as (update customer c set version = version + 1, updated_at = now() from gone where c.id = gone.customer_id returning c.id)
           insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`, [id]);
        await tx.run('delete from list where id = $1', [id]);
      });
      gateway.nudgeOutbox(orgId);
    }),
    members: (orgId: string, id: string, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      await one(sql, id);
      const after = decodeCursor(query.cursor, z.tuple([z.number()]));
      const rows = await sql.rows<{ id: number; email: string; addedAt: Date }>(
        `select c.id, c.email, m.added_at as "addedAt" from list_member m join customer c on c.id = m.customer_id
          where m.list_id = $1 and c.id > $2 order by c.id limit $3`, [id, after?.[0] ?? 0, query.limit + 1]);
      const count = query.count === true ? { count: (await sql.first<{ n: number }>('select count(*) as n from list_member where list_id = $1', [id]))!.n } : {};
      return { ...toPage(rows, query.limit, (row) => [row.id], (row) => ({ customerId: row.id, email: row.email, addedAt: row.addedAt.toISOString() })), ...count };
    }),
    /** Adds all or none; those on the list already stay as they are. @throws AppError `invalid` naming each who does not exist */
    addMembers: (orgId: string, id: string, members: Members) => change(orgId, id, members, ADD, true),
    removeMembers: (orgId: string, id: string, members: Members) => change(orgId, id, members, REMOVE, false),
  };
}

async function checkCustomers(sql: Sql, ids: readonly number[], keys: readonly string[]): Promise<void> {
  const known = await sql.rows<{ id: number; key: string }>('select id, email_key as key from customer where id = any($1::bigint[]) or email_key = any($2::text[])', [ids, keys]);
  const [knownIds, knownKeys] = [new Set(known.map((row) => row.id)), new Set(known.map((row) => row.key))];
  const problems = [
    ...ids.flatMap((id, i) => (knownIds.has(id) ? [] : [{ field: `customerIds[${i}]`, message: 'This customer does not exist.' }])),
    ...keys.flatMap((key, i) => (knownKeys.has(key) ? [] : [{ field: `emails[${i}]`, message: 'No customer has this address.' }])),
  ].slice(0, 100);
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
}

const FILTER = '($1::text is null or position($1 in lower(l.name)) > 0)';

// Only a real addition or removal makes a new version of the customer.
const ADD = /* sql */ `
with asked as (select id from customer where id = any($2::bigint[]) or email_key = any($3::text[]) order by id for update),
  added as (insert into list_member (list_id, customer_id) select $1, id from asked on conflict do nothing returning customer_id),
  touched as (update customer c set version = version + 1, updated_at = now() from added where c.id = added.customer_id returning c.id)
insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`;

const REMOVE = /* sql */ `
with asked as (select id from customer where id = any($2::bigint[]) or email_key = any($3::text[]) order by id for update),
  gone as (delete from list_member m using asked where m.list_id = $1 and m.customer_id = asked.id returning m.customer_id),
  touched as (update customer c set version = version + 1, updated_at = now() from gone where c.id = gone.customer_id returning c.id)
insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`;
