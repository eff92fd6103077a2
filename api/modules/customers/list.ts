import { z } from 'zod';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { searchCustomers, type CustomerFilter, type CustomerPage } from '../../../search/population.ts';
import { decodeCursor, encodeCursor, type ListQuery } from '../../http/cursor.ts';
import { isEverybody, readFilter, type FilterInput } from './filter.ts';
import { CUSTOMER, toCustomerView, type CustomerRecord } from './views.ts';

export const orders = ['newest', 'oldest', 'email'] as const;

export interface CustomerListQuery extends ListQuery, FilterInput {
  readonly sort?: CustomerPage['order'] | undefined;
}

type Key = readonly (string | number)[];
interface IdPage {
  readonly ids: number[];
  readonly after: Key | null;
}

/**
 * A page of customers, 200 ms at four million whatever is asked. Everybody, and a list by age, come from the database by
 * its indexes and need no search; every other filter asks the index, every acknowledged write included.
 */
export async function listCustomers(tenant: Tenant, query: CustomerListQuery) {
  const order = query.sort ?? 'newest';
  const filter = await readFilter(tenant, query);
  const browse = browseStatement(filter, order);
  const key = order !== 'email' ? z.tuple([z.int()]) : browse !== null ? z.tuple([z.string()]) : z.tuple([z.string(), z.int()]);
  const after = decodeCursor<z.ZodType<(string | number)[]>>(query.cursor, key);
  const { page, count } = browse === null
    ? await search(tenant, filter, { order, limit: query.limit, count: query.count === true, ...(after === null ? {} : { after }) })
    : { page: await readPage(tenant, browse, filter, order, query.limit, after), count: query.count === true ? await countBrowsed(tenant, filter) : null };
  const catalogue = await readCatalogue(tenant);
  const rows = await tenant.sql.rows<CustomerRecord>(`${CUSTOMER} where c.id = any($1)`, [page.ids]);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const data = page.ids.flatMap((id) => (byId.has(id) ? [toCustomerView(byId.get(id)!, catalogue)] : []));
  return { data, nextCursor: page.after === null ? null : encodeCursor([...page.after]), ...(count === null ? {} : { count }) };
}

async function search(tenant: Tenant, filter: CustomerFilter, asked: CustomerPage) {
  const { count, ...page } = await searchCustomers(tenant, filter, asked);
  return { page, count };
}

/** Statements that an index answers at once, however large the tables. $1 limit, $2 after, $3 list. */
function browseStatement(filter: CustomerFilter, order: CustomerPage['order']): string | null {
  if (isEverybody(filter)) {
    if (order === 'email') return `select id, email_key as key from customer where $2::text is null or email_key > $2::text order by email_key limit $1`;
    return `select id, id as key from customer where $2::bigint is null or id ${order === 'newest' ? '<' : '>'} $2::bigint order by id ${order === 'newest' ? 'desc' : ''} limit $1`;
  }
  const isList = filter.listId !== undefined && isEverybody({ ...filter, listId: undefined });
  if (!isList || order === 'email') return null;
  return `select customer_id as id, customer_id as key from list_member where list_id = $3 and ($2::bigint is null or customer_id ${order === 'newest' ? '<' : '>'} $2::bigint)
    order by customer_id ${order === 'newest' ? 'desc' : ''} limit $1`;
}

async function readPage(tenant: Tenant, statement: string, filter: CustomerFilter, order: CustomerPage['order'], limit: number, after: Key | null): Promise<IdPage> {
  const values = [limit + 1, after?.[0] ?? null, ...(filter.listId === undefined ? [] : [filter.listId])];
  const rows = await tenant.sql.rows<{ id: number; key: string | number }>(statement, values);
  const last = rows[limit - 1];
  return { ids: rows.slice(0, limit).map((row) => row.id), after: rows.length > limit && last !== undefined ? [last.key] : null };
}

/** Lists and the whole keep their size: a sum of a few rows, right with the last write, whatever the index is doing. */
async function countBrowsed({ sql }: Tenant, { listId }: CustomerFilter): Promise<number> {
  const counted = listId === undefined
    ? await sql.first<{ n: number }>('select coalesce(sum(customers), 0)::int as n from customer_count')
    : await sql.first<{ n: number }>('select coalesce(sum(added - removed), 0)::int as n from list_count where list_id = $1', [listId]);
  return counted!.n;
}
