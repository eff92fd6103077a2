import { z } from 'zod';
import { checkRule, type Rule } from '#domain/segment/ast.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { searchCustomers, type CustomerSearch } from '../../../search/population.ts';
import { decodeCursor, encodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { readInput, type CustomerInput } from './input.ts';
import { addressTaken, HOLD_SUPPRESSIONS, insert, join, tell, write } from './rows.ts';
import { TIMELINE, TIMELINE_LIMIT, toTimelineEntry, type TimelineRecord } from './timeline.ts';
import { CUSTOMER, toCustomerView, type CustomerRecord } from './views.ts';

export interface CustomerListQuery extends ListQuery {
  readonly search?: string | undefined;
  readonly listId?: string | undefined;
  readonly segmentId?: string | undefined;
  readonly status?: CustomerSearch['status'] | undefined;
  readonly sort?: CustomerSearch['order'] | undefined;
}

export type CustomerService = ReturnType<typeof createCustomerService>;

/** People and what is known of them; each write is one transaction with a new version and one outbox row. */
export function createCustomerService({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>) {
  const changed = <T>(orgId: string, result: T): T => {
    gateway.nudgeOutbox(orgId);
    return result;
  };

  async function view(tenant: Tenant, id: number) {
    const row = await tenant.sql.first<CustomerRecord>(`${CUSTOMER} where c.id = $1`, [id]);
    if (row === undefined) throw notFound('customer');
    const lists = await tenant.sql.rows<{ id: string; name: string }>('select l.id, l.name from list_member m join list l on l.id = m.list_id where m.customer_id = $1 order by lower(l.name)', [id]);
    return toCustomerView(row, await readCatalogue(tenant), lists);
  }

  return {
    /** A page of customers; with a text or segment asked of the index, every acknowledged write included. */
    list: (orgId: string, query: CustomerListQuery) => tenants.use(orgId, async (tenant) => {
      const order = query.sort ?? 'newest';
      let rule: Rule | undefined;
      if (query.segmentId !== undefined) {
        const segment = await tenant.sql.first<{ rule: Rule }>('select rule from segment where id = $1', [query.segmentId]);
        if (segment === undefined) throw refuse('segmentId', 'This segment does not exist.');
        const problems = checkRule(segment.rule, { catalogue: await readCatalogue(tenant), zone: tenant.org.timezone });
        if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
        rule = segment.rule;
      }
      const text = query.search?.trim() === '' ? undefined : query.search?.trim();
      const searches = text !== undefined || rule !== undefined;
      const after = decodeCursor<z.ZodType<(string | number)[]>>(query.cursor, order !== 'email' ? z.tuple([z.int()]) : searches ? z.tuple([z.string(), z.int()]) : z.tuple([z.string()]));
      if (searches) gateway.nudgeOutbox(orgId);
      const page = searches
        ? await searchCustomers(tenant, {
          order, limit: query.limit, count: query.count === true,
          ...(text === undefined ? {} : { text }), ...(rule === undefined ? {} : { rule }),
          ...(query.listId === undefined ? {} : { listId: query.listId }), ...(query.status === undefined ? {} : { status: query.status }),
          ...(after === null ? {} : { after }),
        })
        : await browse(tenant, query, order, after);
      const catalogue = await readCatalogue(tenant);
      const rows = await tenant.sql.rows<CustomerRecord>(`${CUSTOMER} where c.id = any($1)`, [page.ids]);
      const byId = new Map(rows.map((row) => [row.id, row]));
      const data = page.ids.flatMap((id) => (byId.has(id) ? [toCustomerView(byId.get(id)!, catalogue)] : []));
      return { data, nextCursor: page.after === null ? null : encodeCursor(page.after), ...(page.count === null ? {} : { count: page.count }) };
    }),

    get: (orgId: string, id: number) => tenants.use(orgId, (tenant) => view(tenant, id)),

    /** Adds a customer. @throws AppError `conflict` when the address is there already */
    create: async (orgId: string, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const values = readInput(input, true);
      const id = await tenant.sql.transaction((tx) => insert(tx, values, input.listIds));
      if (id === null) throw new AppError('conflict', 'A customer with this address exists already.', [{ field: 'email', message: 'A customer with this address exists already.' }]);
      return view(tenant, id);
    })),

    /** Changes what is given; `custom` key by key, null takes a value away. @throws AppError `conflict` when `version` is stale */
    update: async (orgId: string, id: number, version: number | undefined, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const values = readInput(input, false);
      await addressTaken(() => tenant.sql.transaction(async (tx) => {
        if (values.email !== undefined) await tx.run(HOLD_SUPPRESSIONS);
        const held = await tx.first<{ version: number }>('select version from customer where id = $1 for update', [id]);
        if (held === undefined) throw notFound('customer');
        if (version !== undefined && held.version !== version) throw new AppError('conflict', 'Somebody changed this customer meanwhile. Load her again, then repeat your change.');
        await write(tx, id, values);
        if (input.listIds !== undefined) await tx.run('delete from list_member where customer_id = $1 and not list_id = any($2::uuid[])', [id, input.listIds]);
        await join(tx, id, input.listIds);
        await tell(tx, id);
      }));
      return view(tenant, id);
    })),

    /** Adds or changes by address: the same call twice leaves one customer. Lists are added to, never taken away. */
    upsert: async (orgId: string, address: string, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const values = readInput({ ...input, email: address }, true);
      const id = await tenant.sql.transaction(async (tx) => {
        const made = await insert(tx, values, input.listIds);
        if (made !== null) return made;
        const held = await tx.first<{ id: number }>('select id from customer where email_key = $1 for update', [values.email!.key]);
        const { email: _kept, ...others } = values;
        if (held === undefined) throw new AppError('conflict', 'This customer was erased at the same moment. Try again.');
        await write(tx, held.id, others);
        await join(tx, held.id, input.listIds);
        await tell(tx, held.id);
        return held.id;
      });
      return view(tenant, id);
    })),

    /**
     * Erases her: the row, her memberships and caught mails are gone, counts stay, and the index keeps a tombstone
     * without personal data. A suppression of her address stays; the receipt in the audit names her number only.
     */
    erase: async (orgId: string, actor: string, id: number): Promise<void> => changed(orgId, await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      // Messages before the customer: the order in which sending locks them.
      await tx.run('update message set reply = null where customer_id = $1 and reply is not null', [id]);
      const gone = await tx.first<{ email: string; key: string }>('delete from customer where id = $1 returning email, email_key as key', [id]);
      if (gone === undefined) throw notFound('customer');
      await tx.run('update event set detail = null where customer_id = $1 and detail is not null', [id]);
      await tx.run('delete from caught_mail where recipient = any($1)', [[gone.email, gone.key]]);
      await tx.run('delete from index_failure where customer_id = $1', [id]);
      await tx.run(`insert into audit (actor, action, subject) values ($1, 'customer.erased', $2)`, [actor, `customer ${id}`]);
      await tell(tx, id);
    }))),

    /** What happened with her, newest first. Opens and clicks of machines are left out. */
    timeline: (orgId: string, id: number, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      if ((await sql.first('select 1 as found from customer where id = $1', [id])) === undefined) throw notFound('customer');
      const before = decodeCursor(query.cursor, z.tuple([z.string().regex(/^[\d :.+-]{19,40}$/), z.string()]));
      const limit = Math.min(query.limit, TIMELINE_LIMIT);
      const rows = await sql.rows<TimelineRecord>(TIMELINE, [id, before?.[0] ?? null, before?.[1] ?? null, limit + 1]);
      return toPage(rows, limit, (row) => [row.instant, row.ref], toTimelineEntry);
    }),
  };
}

async function browse(tenant: Tenant, query: CustomerListQuery, order: CustomerSearch['order'], after: (string | number)[] | null) {
  const where = ['true'];
  const values: unknown[] = [];
  const value = (v: unknown) => `$${values.push(v)}`;
  if (query.listId !== undefined) where.push(`exists (select 1 from list_member m where m.list_id = ${value(query.listId)} and m.customer_id = c.id)`);
  if (query.status !== undefined) where.push({ mailable: 'c.mailable', suppressed: 'c.is_suppressed', unsubscribed: 'c.is_unsubscribed', bounced: 'c.is_bounced' }[query.status]);
  const count = query.count === true ? (await tenant.sql.first<{ n: number }>(`select count(*) as n from customer c where ${where.join(' and ')}`, values))!.n : null;
  if (after !== null) {
    where.push(order === 'email' ? `c.email_key > ${value(String(after[0]))}` : `c.id ${order === 'newest' ? '<' : '>'} ${value(Number(after.at(-1)))}`);
  }
  const by = { newest: 'c.id desc', oldest: 'c.id', email: 'c.email_key' }[order];
  const rows = await tenant.sql.rows<{ id: number; key: string }>(`select c.id, c.email_key as key from customer c where ${where.join(' and ')} order by ${by} limit ${value(query.limit + 1)}`, values);
  const last = rows[query.limit - 1];
  return { ids: rows.slice(0, query.limit).map((row) => row.id), after: rows.length > query.limit && last !== undefined ? (order === 'email' ? [last.key] : [last.id]) : null, count };
}
