import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { checkRule, type Rule } from '#domain/segment/ast.ts';
import { describe } from '#domain/segment/describe.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { countRule, sampleRule } from '../../../search/population.ts';
import { decodeCursor, encodeCursor, type ListQuery } from '../../http/cursor.ts';
import { CUSTOMER, toCustomerView, type CustomerRecord } from '../customers/views.ts';
import { nameTaken, refuseInUse, usesOf } from './uses.ts';
import { SEGMENT, toSegmentView, type SegmentRecord } from './views.ts';

export type SegmentService = ReturnType<typeof createSegmentService>;

const FILTER = '($1::text is null or position($1 in lower(name)) > 0)';

/** Rule trees with names. Members are never stored: each count and sample asks the index, acknowledged writes included. */
export function createSegmentService({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>) {
  /** @throws AppError `invalid` with a path per problem: `rule.parts[0].value` */
  async function check(tenant: Tenant, rule: unknown): Promise<Rule> {
    const lists = new Set((await tenant.sql.rows<{ id: string }>('select id::text from list')).map((row) => row.id));
    const problems = checkRule(rule, { catalogue: await readCatalogue(tenant), zone: tenant.org.timezone, lists });
    if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
    return rule as Rule;
  }

  async function views(tenant: Tenant, rows: readonly SegmentRecord[]) {
    const catalogue = await readCatalogue(tenant);
    const lists = await tenant.sql.rows<{ id: string; name: string }>('select id::text, name from list');
    const listNames = Object.fromEntries(lists.map((list) => [list.id, list.name]));
    return rows.map((row) => toSegmentView(row, describe(row.rule, { catalogue, zone: tenant.org.timezone, listNames })));
  }
  async function one(tenant: Tenant, id: string): Promise<SegmentRecord> {
    const row = await tenant.sql.first<SegmentRecord>(`${SEGMENT} where id = $1`, [id]);
    if (row === undefined) throw notFound('segment');
    return row;
  }
  const shown = async (tenant: Tenant, id: string) => (await views(tenant, [await one(tenant, id)]))[0]!;

  return {
    list: (orgId: string, query: ListQuery & { search?: string | undefined }) => tenants.use(orgId, async (tenant) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const search = query.search?.trim().toLowerCase() ?? null;
      const rows = await tenant.sql.rows<SegmentRecord>(
        `${SEGMENT} where ${FILTER} and ($2::text is null or (lower(name), id) > ($2, $3::uuid)) order by lower(name), id limit $4`,
        [search, after?.[0] ?? null, after?.[1] ?? null, query.limit + 1]);
      const page = rows.slice(0, query.limit);
      const count = query.count === true ? (await tenant.sql.first<{ n: number }>(`select count(*) as n from segment where ${FILTER}`, [search]))!.n : undefined;
      const last = page.at(-1);
      return {
        data: await views(tenant, page),
        nextCursor: rows.length > query.limit && last !== undefined ? encodeCursor([last.key, last.id]) : null,
        ...(count === undefined ? {} : { count }),
      };
    }),
    get: (orgId: string, id: string) => tenants.use(orgId, (tenant) => shown(tenant, id)),
    create: (orgId: string, input: { name: string; description: string; rule: unknown }) => tenants.use(orgId, async (tenant) => {
      const rule = await check(tenant, input.rule);
      const id = randomUUID();
      await nameTaken(() => tenant.sql.run('insert into segment (id, name, description, rule) values ($1, $2, $3, $4)', [id, input.name, input.description, JSON.stringify(rule)]), 'segment');
      return shown(tenant, id);
    }),
    update: (orgId: string, id: string, input: { version: number; name?: string | undefined; description?: string | undefined; rule?: unknown }) => tenants.use(orgId, async (tenant) => {
      await one(tenant, id);
      const rule = input.rule === undefined ? null : JSON.stringify(await check(tenant, input.rule));
      const touched = await nameTaken(() => tenant.sql.run(
        `update segment set name = coalesce($3, name), description = coalesce($4, description), rule = coalesce($5::jsonb, rule), version = version + 1, updated_at = now()
          where id = $1 and version = $2`, [id, input.version, input.name ?? null, input.description ?? null, rule]), 'segment');
      if (touched === 0) throw new AppError('conflict', 'Somebody changed this segment meanwhile. Load it again, then repeat your change.');
      return shown(tenant, id);
    }),
    remove: (orgId: string, id: string) => tenants.use(orgId, (tenant) => tenant.sql.transaction(async (tx) => {
      refuseInUse('segment', await usesOf(tx, 'segment', id));
      if ((await tx.run('delete from segment where id = $1', [id])) === 0) throw notFound('segment');
    })),
    count: (orgId: string, rule: unknown) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      return countRule(tenant, await check(tenant, rule));
    }),
    countOf: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      return countRule(tenant, (await one(tenant, id)).rule);
    }),
    sample: (orgId: string, rule: unknown) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      const ids = await sampleRule(tenant, await check(tenant, rule));
      const catalogue = await readCatalogue(tenant);
      const rows = await tenant.sql.rows<CustomerRecord>(`${CUSTOMER} where c.id = any($1) order by c.id desc`, [ids]);
      return { data: rows.map((row) => toCustomerView(row, catalogue)) };
    }),
  };
}
