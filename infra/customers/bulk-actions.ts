import { AppError } from '#domain/shared/errors.ts';
import type { Transaction } from '../db/sql.ts';
import { noteListRemovals } from './changes.ts';
import { WRITE_SUPPRESSIONS } from './suppression-lock.ts';

/** What a bulk action does to one batch of customers, inside a transaction. Each makes new versions and one outbox row of those it changes. */

interface ListRow {
  readonly id: string;
  readonly name: string;
}

/** @returns how many were not on it yet @throws AppError `invalid` when the list is gone */
export async function addToList(tx: Transaction, listId: string, customerIds: readonly number[]): Promise<number> {
  const list = await holdList(tx, listId);
  await hold(tx, customerIds);
  return (await tx.rows(ADD, [list.id, customerIds])).length;
}

/** @returns how many were on it @throws AppError `invalid` when the list is gone */
export async function removeFromList(tx: Transaction, actor: string, listId: string, customerIds: readonly number[]): Promise<number> {
  const list = await holdList(tx, listId);
  await hold(tx, customerIds);
  const gone = await tx.rows<{ id: number }>(REMOVE, [list.id, customerIds]);
  await noteListRemovals(tx, actor, list, gone.map((row) => row.id));
  return gone.length;
}

/** Suppresses with the reason `manual`; who is suppressed already keeps her first reason, and this one joins its history. @returns how many were not suppressed */
export async function suppressCustomers(tx: Transaction, customerIds: readonly number[], source: 'manual' | 'api', note: string | null): Promise<number> {
  await tx.run(WRITE_SUPPRESSIONS);
  return (await tx.rows(SUPPRESS, [customerIds, source, note])).length;
}

/** The list cannot be deleted before the transaction ends. */
async function holdList(tx: Transaction, listId: string): Promise<ListRow> {
  const list = await tx.first<ListRow>('select id::text, name from list where id = $1 for key share', [listId]);
  if (list === undefined) throw new AppError('invalid', 'The list was deleted meanwhile. What was done before stays.');
  return list;
}

async function hold(tx: Transaction, customerIds: readonly number[]): Promise<void> {
  await tx.rows('select 1 from customer where id = any($1) order by id for update', [customerIds]);
}

const ADD = /* sql */ `
with added as (
  insert into list_member (list_id, customer_id) select $1::uuid, id from customer where id = any($2) order by id on conflict do nothing returning customer_id as id
), touched as (
  update customer c set version = version + 1, updated_at = now() from added where c.id = added.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from added having count(*) > 0
)
select id from added`;

const REMOVE = /* sql */ `
with gone as (
  delete from list_member where list_id = $1 and customer_id = any($2) returning customer_id as id
), touched as (
  update customer c set version = version + 1, updated_at = now() from gone where c.id = gone.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from gone having count(*) > 0
)
select id from gone`;

const SUPPRESS = /* sql */ `
with held as (
  select id, email, email_key from customer where id = any($1) order by id for update
), marked as (
  update customer c set is_suppressed = true, version = version + 1, updated_at = now() from held where c.id = held.id and not c.is_suppressed returning c.id
), listed as (
  insert into suppression (email_key, email, reason, source, note) select email_key, email, 'manual', $2::text, $3::text from held order by email_key
  on conflict (email_key) do update set history = suppression.history || jsonb_build_object('reason', excluded.reason, 'source', excluded.source, 'note', excluded.note, 'at', now())
    where (suppression.reason, suppression.note) is distinct from (excluded.reason, excluded.note)
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from marked having count(*) > 0
)
select id from marked`;
