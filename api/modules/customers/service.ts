import { z } from 'zod';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { readText, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH, type CustomField } from '#domain/customer/fields.ts';
import { isTimeZone } from '#domain/segment/windows.ts';
import { checkRule, type Rule } from '#domain/segment/ast.ts';
import { AppError, notFound, refuse, type FieldError } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { searchCustomers, type CustomerSearch } from '../../../search/population.ts';
import { decodeCursor, encodeCursor, type ListQuery } from '../../http/cursor.ts';
import { CUSTOMER, toCustomerView, type CustomerRecord } from './views.ts';

export interface CustomerInput {
  readonly email?: string | undefined;
  readonly firstName?: string | null | undefined; readonly lastName?: string | null | undefined; readonly phone?: string | null | undefined;
  readonly city?: string | null | undefined; readonly country?: string | null | undefined;
  readonly score?: number | null | undefined; readonly timezone?: string | null | undefined;
  readonly custom?: Readonly<Record<string, string | number | boolean | null>> | undefined;
  readonly listIds?: readonly string[] | undefined;
}

export interface CustomerListQuery extends ListQuery {
  readonly search?: string | undefined;
  readonly listId?: string | undefined;
  readonly segmentId?: string | undefined;
  readonly status?: CustomerSearch['status'] | undefined;
  readonly sort?: CustomerSearch['order'] | undefined;
}

const columnOf = { firstName: 'first_name', lastName: 'last_name', phone: 'phone', city: 'city', country: 'country', score: 'score', timezone: 'timezone' } as const;

export type CustomerService = ReturnType<typeof createCustomerService>;

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
      const after = decodeCursor(query.cursor, z.array(z.union([z.string(), z.number()])).min(1).max(2));
      if (text !== undefined || rule !== undefined) gateway.nudgeOutbox(orgId);
      const page = text !== undefined || rule !== undefined
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
      await tenant.sql.transaction(async (tx) => {
        const held = await tx.first<{ version: number }>('select version from customer where id = $1 for update', [id]);
        if (held === undefined) throw notFound('customer');
        if (version !== undefined && held.version !== version) throw new AppError('conflict', 'Somebody changed this customer meanwhile. Load her again, then repeat your change.');
        if (values.email !== undefined && (await tx.first('select 1 as found from customer where email_key = $1 and id <> $2', [values.email.key, id])) !== undefined) {
          throw new AppError('conflict', 'Another customer has this address.', [{ field: 'email', message: 'Another customer has this address.' }]);
        }
        await write(tx, id, values, input.listIds);
      });
      return view(tenant, id);
    })),

    /** Adds or changes by address: the same call twice leaves one customer. */
    upsert: async (orgId: string, address: string, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const values = readInput({ ...input, email: address }, true);
      const id = await tenant.sql.transaction(async (tx) => {
        const made = await insert(tx, values, input.listIds);
        if (made !== null) return made;
        const held = await tx.first<{ id: number }>('select id from customer where email_key = $1 for update', [values.email!.key]);
        const { email: _kept, ...others } = values;
        await write(tx, held!.id, others, input.listIds);
        return held!.id;
      });
      return view(tenant, id);
    })),

    /** Erases her: the row and what hangs on it are gone, the index keeps a tombstone without personal data. */
    erase: async (orgId: string, id: number) => changed(orgId, await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      if ((await tx.run('delete from customer where id = $1', [id])) === 0) throw notFound('customer');
      await tx.run(`update event set detail = null where customer_id = $1`, [id]);
      await tx.run(`insert into outbox (topic, ids) values ('customer', array[$1::bigint])`, [id]);
    }))),

    timeline: (orgId: string, id: number, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      if ((await sql.first('select 1 as found from customer where id = $1', [id])) === undefined) throw notFound('customer');
      const before = decodeCursor(query.cursor, z.tuple([z.string()]));
      const rows = await sql.rows<{ at: Date; kind: string; title: string; detail: string | null; campaignId: string | null }>(TIMELINE, [id, before?.[0] ?? null, query.limit + 1]);
      const shown = rows.slice(0, query.limit);
      return {
        data: shown.map((row) => ({ at: row.at.toISOString(), kind: row.kind, title: row.title, detail: row.detail, ...(row.campaignId === null ? {} : { campaignId: row.campaignId }) })),
        nextCursor: rows.length > query.limit ? encodeCursor([shown.at(-1)!.at.toISOString()]) : null,
      };
    }),
  };
}

const TIMELINE = /* sql */ `
select * from (
  select m.ended_at as at, 'sent' as kind, 'Mail sent' as title, c.name as detail, c.id::text as "campaignId"
    from message m left join campaign c on c.mail_no = m.mail_no where m.customer_id = $1 and m.state = 2
  union all
  select e.occurred_at, e.type, initcap(e.type), c.name, c.id::text from event e left join campaign c on c.mail_no = e.mail_no where e.customer_id = $1 and e.type <> 'sent'
  union all
  select m.added_at, 'list_added', 'Added to a list', l.name, null from list_member m join list l on l.id = m.list_id where m.customer_id = $1
  union all
  select created_at, 'created', 'Customer created', null, null from customer where id = $1
) entry where at is not null and ($2::timestamptz is null or at < $2) order by at desc limit $3`;

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

interface ReadInput {
  email?: { shown: string; key: string };
  readonly columns: Record<string, string | number | null>;
  /** Values by key; null takes one away. */
  readonly custom: Record<string, string | null>;
}

function readInput(input: CustomerInput, needsEmail: boolean): ReadInput {
  const problems: FieldError[] = [];
  const columns: Record<string, string | number | null> = {};
  const custom: Record<string, string | null> = {};
  const result: ReadInput = { columns, custom };
  if (input.email !== undefined || needsEmail) {
    const email = parseEmailAddress(input.email ?? '');
    if ('problem' in email) problems.push({ field: 'email', message: email.problem });
    else result.email = email;
  }
  for (const [name, column] of Object.entries(columnOf) as [keyof typeof columnOf, string][]) {
    const given = input[name];
    if (given === undefined) continue;
    if (typeof given !== 'string') {
      columns[column] = given;
      continue;
    }
    const read = readText(name, given, TEXT_MAX_LENGTH);
    if ('problem' in read) problems.push({ field: name, message: read.problem });
    else if (name === 'timezone' && read.value !== null && !isTimeZone(read.value)) problems.push({ field: name, message: 'Expected a time zone like Europe/London.' });
    else columns[column] = read.value;
  }
  for (const [key, given] of Object.entries(input.custom ?? {})) {
    const read = readText(key, given === null ? '' : String(given), VALUE_MAX_LENGTH);
    if ('problem' in read) problems.push({ field: `custom.${key}`, message: read.problem });
    else custom[key] = read.value;
  }
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  return result;
}

async function checkKnown(tx: Transaction, values: ReadInput, listIds: readonly string[] | undefined): Promise<void> {
  const keys = Object.keys(values.custom);
  if (keys.length > 0) {
    const known = new Set((await tx.rows<Pick<CustomField, 'key'>>('select key from custom_field where key = any($1)', [keys])).map((field) => field.key));
    const problems = keys.filter((key) => !known.has(key)).map((key) => ({ field: `custom.${key}`, message: `There is no custom field ${key}. Add it under Fields first.` }));
    if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  }
  if (listIds !== undefined && listIds.length > 0) {
    const known = await tx.rows<{ id: string }>('select id from list where id = any($1)', [listIds]);
    const missing = listIds.findIndex((id) => !known.some((list) => list.id === id));
    if (missing !== -1) throw refuse(`listIds[${missing}]`, 'This list does not exist.');
  }
}

/** @returns the id, or null when the address is taken */
async function insert(tx: Transaction, values: ReadInput, listIds: readonly string[] | undefined): Promise<number | null> {
  await tx.run('lock table suppression in share mode');
  await checkKnown(tx, values, listIds);
  const names = Object.keys(values.columns);
  const custom = Object.fromEntries(Object.entries(values.custom).filter(([, value]) => value !== null));
  const made = await tx.first<{ id: number }>(
    `insert into customer (email, email_key, custom, is_suppressed, is_unsubscribed, is_bounced${names.map((name) => `, ${name}`).join('')})
     select $1, $2::text, $3::jsonb, p.email_key is not null, coalesce(p.reason = 'unsubscribed', false), coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)${names.map((name, i) => `, $${i + 4}::${name === 'score' ? 'double precision' : 'text'}`).join('')}
       from (values (1)) one left join suppression p on p.email_key = $2::text
     on conflict (email_key) do nothing returning id`,
    [values.email!.shown, values.email!.key, JSON.stringify(custom), ...names.map((name) => values.columns[name])]);
  if (made === undefined) return null;
  if (listIds !== undefined && listIds.length > 0) await tx.run('insert into list_member (list_id, customer_id) select unnest($1::uuid[]), $2 on conflict do nothing', [listIds, made.id]);
  await tx.run(`insert into outbox (topic, ids) values ('customer', array[$1::bigint])`, [made.id]);
  return made.id;
}

async function write(tx: Transaction, id: number, values: ReadInput, listIds: readonly string[] | undefined): Promise<void> {
  await checkKnown(tx, values, listIds);
  const names = Object.keys(values.columns);
  const parameters: unknown[] = [id, JSON.stringify(values.custom), ...names.map((name) => values.columns[name])];
  const sets = names.map((name, i) => `${name} = $${i + 3}`);
  if (values.email !== undefined) {
    sets.push(`email = $${parameters.push(values.email.shown)}`, `email_key = $${parameters.push(values.email.key)}`);
    const key = parameters.length;
    // Suppression belongs to the address.
    sets.push(`is_suppressed = exists (select 1 from suppression p where p.email_key = $${key})`);
  }
  await tx.run(`update customer set custom = jsonb_strip_nulls(custom || $2::jsonb), version = version + 1, updated_at = now()${sets.map((set) => `, ${set}`).join('')} where id = $1`, parameters);
  if (listIds !== undefined) {
    await tx.run('delete from list_member where customer_id = $1 and not list_id = any($2::uuid[])', [id, listIds]);
    await tx.run('insert into list_member (list_id, customer_id) select unnest($1::uuid[]), $2 on conflict do nothing', [listIds, id]);
  }
  await tx.run(`insert into outbox (topic, ids) values ('customer', array[$1::bigint])`, [id]);
}
