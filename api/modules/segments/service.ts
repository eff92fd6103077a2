import { raw, type EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { emailKey } from '#domain/customer/email-address.ts';
import { conditionsOf, findField, mentionsOf, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { describe } from '#domain/segment/describe.ts';
import { explain } from '#domain/segment/explain.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Segment } from '../../../infra/db/organization/entities/segment.ts';
import { newId } from '../../../infra/ids.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { readRuleContext } from '../../../search/context.ts';
import { readCustomer } from '../../../search/customer.ts';
import { readJourneySources } from '../../../search/journeys.ts';
import { sampleRule } from '../../../search/population.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import type { CustomerService } from '../customers/service.ts';
import { CUSTOMER, toCustomerView, type CustomerRecord } from '../customers/views.ts';
import { countWithReasons, refuseProblems } from './reasons.ts';
import { holdAll, nameTaken, refuseInUse, usesByIds, usesOf } from './uses.ts';
import { toPartView, toSegmentRow, toSegmentView } from './views.ts';

export interface SegmentListQuery extends ListQuery {
  readonly search?: string | undefined;
  readonly sort?: 'name' | 'changed' | undefined;
}

export interface ExplainInput {
  readonly rule?: unknown;
  readonly segmentId?: string | undefined;
  readonly email?: string | undefined;
  readonly customerId?: number | undefined;
}

export type SegmentService = ReturnType<typeof createSegmentService>;

/** Rule trees with names. Members are never stored: each count and sample asks the index, acknowledged writes included. */
export function createSegmentService({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, customers: Pick<CustomerService, 'list'>) {
  async function one(em: EntityManager, id: string): Promise<Segment> {
    return em.findOneOrFail(Segment, id, { failHandler: () => notFound('segment') });
  }

  async function view(tenant: Tenant, segment: Segment) {
    const rule = segment.rule as Rule;
    const uses = await usesByIds(tenant.sql, 'segment', [segment.id]);
    return toSegmentView(segment, describe(rule, await readRuleContext(tenant, rule)), uses.get(segment.id) ?? []);
  }

  async function copyName(em: EntityManager, name: string): Promise<string> {
    for (let n = 1; ; n++) {
      const ending = n === 1 ? '' : ` ${n}`;
      const copy = `Copy of ${name}`.slice(0, NAME_MAX - ending.length) + ending;
      if ((await em.count(Segment, { [raw('lower(name)')]: copy.toLowerCase() })) === 0) return copy;
    }
  }

  return {
    list: (orgId: string, query: SegmentListQuery) => tenants.use(orgId, async (tenant) => {
      const { key, cursor, keyOf } = orders[query.sort ?? 'name'];
      const after = decodeCursor(query.cursor, cursor);
      const search = query.search?.trim().toLowerCase() ?? '';
      const found = search === '' ? {} : { [raw('position(? in lower(name)) + position(? in lower(description)) > 0', [search, search])]: [] };
      const rows = await tenant.em.find(Segment, { ...found, ...(after === null ? {} : { [raw(key.after, after)]: [] }) }, { orderBy: key.order, limit: query.limit + 1 });
      const context = await readRuleContext(tenant, { op: 'and', parts: rows.map((row) => row.rule) });
      const uses = await usesByIds(tenant.sql, 'segment', rows.map((row) => row.id));
      const page = toPage(rows, query.limit, keyOf, (row) => toSegmentRow(row, describe(row.rule as Rule, context), uses.get(row.id) ?? []));
      return query.count === true ? { ...page, count: await tenant.em.count(Segment, found) } : page;
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => view(tenant, await one(tenant.em, id))),

    create: (orgId: string, input: { name: string; description: string; rule: unknown }) => tenants.use(orgId, async (tenant) => {
      const { rule, context } = await readRule(tenant, input.rule);
      const segment = await nameTaken(() => inTurn(tenant.em, async (tx) => {
        await recheck(tx, context, rule);
        return tx.create(Segment, { id: newId(), name: input.name, description: input.description, rule });
      }), 'segment');
      return view(tenant, segment);
    }),

    /** @throws AppError `conflict` when somebody else saved in between; `invalid` when the segment would ask for itself, with the way round */
    update: (orgId: string, id: string, input: { version: number; name?: string | undefined; description?: string | undefined; rule?: unknown }) => tenants.use(orgId, async (tenant) => {
      await one(tenant.em.fork(), id);
      const asked = input.rule === undefined ? null : await readRule(tenant, input.rule, id.toLowerCase());
      const segment = await nameTaken(() => inTurn(tenant.em, async (tx) => {
        const held = await one(tx, id);
        if (held.version !== input.version) throw new AppError('conflict', 'Somebody changed this segment meanwhile. Load it again, then repeat your change.');
        if (asked !== null) await recheck(tx, asked.context, asked.rule, held.id);
        return tx.assign(held, { ...given({ name: input.name, description: input.description, rule: asked?.rule }), updatedAt: new Date() });
      }), 'segment');
      return view(tenant, segment);
    }),

    /** A copy under a name of its own. */
    duplicate: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => {
      // What the rule names cannot be deleted as long as the original is there, which in this turn it stays.
      const copy = await nameTaken(() => inTurn(tenant.em, async (tx) => {
        const { name, description, rule } = await one(tx, id);
        return tx.create(Segment, { id: newId(), name: await copyName(tx, name), description, rule });
      }), 'segment');
      return view(tenant, copy);
    }),

    /** @throws AppError `conflict` with the uses while it is used */
    remove: (orgId: string, id: string) => tenants.use(orgId, (tenant) => tenant.sql.transaction(async (tx) => {
      await tx.run(IN_TURN);
      // Campaigns that begin to use it do not take the turn: they hold the row.
      if ((await tx.first('select 1 as found from segment where id = $1 for update', [id])) === undefined) throw notFound('segment');
      refuseInUse('segment', await usesOf(tx, 'segment', id));
      await tx.run('delete from segment where id = $1', [id]);
    })),

    count: (orgId: string, rule: unknown) => tenants.use(orgId, (tenant) => {
      gateway.nudgeOutbox(orgId);
      return countWithReasons(tenant, rule);
    }),
    countOf: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      return countWithReasons(tenant, (await one(tenant.em, id)).rule);
    }),
    /** A page of the customers who are in the segment now. */
    members: async (orgId: string, id: string, query: ListQuery & { sort?: 'newest' | 'oldest' | 'email' | undefined }) => {
      await tenants.use(orgId, (tenant) => one(tenant.em, id));
      return customers.list(orgId, { ...query, segmentId: id });
    },
    sample: (orgId: string, rule: unknown) => tenants.use(orgId, async (tenant) => {
      gateway.nudgeOutbox(orgId);
      const ids = await sampleRule(tenant, rule);
      const catalogue = await readCatalogue(tenant);
      const rows = await tenant.sql.rows<CustomerRecord>(`${CUSTOMER} where c.id = any($1) order by c.id desc`, [ids]);
      return { data: rows.map((row) => toCustomerView(row, catalogue)) };
    }),

    /**
     * Which conditions hold for one customer and which fail, from Postgres: it answers while the index is away, and tells
     * of what was written a moment ago.
     * @throws AppError `invalid` when the rule cannot be asked or nobody has the address or id
     */
    explain: (orgId: string, input: ExplainInput) => tenants.use(orgId, async (tenant) => {
      if ((input.rule === undefined) === (input.segmentId === undefined)) throw refuse('rule', 'Give a rule or a segmentId: one of them.');
      if ((input.email === undefined) === (input.customerId === undefined)) throw refuse('email', 'Give an email or a customerId: one of them.');
      const stored = input.segmentId === undefined ? null : await tenant.em.findOne(Segment, input.segmentId);
      if (input.segmentId !== undefined && stored === null) throw refuse('segmentId', 'This segment does not exist.');
      const { rule, context } = stored === null ? await readRule(tenant, input.rule) : { rule: stored.rule as Rule, context: await readRuleContext(tenant, stored.rule) };
      const found = await readCustomer(tenant, input.customerId === undefined ? { emailKey: emailKey(input.email ?? '') ?? '' } : { id: input.customerId });
      if (found === null) throw input.customerId === undefined ? refuse('email', 'No customer has this address.') : refuse('customerId', 'This customer does not exist.');
      const tree = explain(rule, found.document, context, found.shown);
      return { customer: { id: found.document.id, email: found.email, mailable: found.document.mailable }, matches: tree.holds, tree: toPartView(tree) };
    }),

    /** Names of custom events that have arrived, for those who build rules. */
    choices: (orgId: string) => tenants.use(orgId, async ({ sql }) => ({
      customEvents: (await sql.rows<{ name: string }>('select name from custom_event order by lower(name), name limit 1000')).map((row) => row.name),
      journeys: (await readJourneySources(sql, null)).map(({ id, name, steps }) => ({ id, name, steps: [...steps] })),
    })),
  };
}

const NAME_MAX = 200;

/** Orders of the list with their keysets. Times are compared as JavaScript keeps them, to the millisecond. */
const orders = {
  name: {
    cursor: z.tuple([z.string(), z.uuid()]),
    key: { after: '(lower(name), id) > (lower(?), ?::uuid)', order: [{ [raw('lower(name)')]: 'asc' as const }, { id: 'asc' as const }] },
    keyOf: (segment: Segment) => [segment.name, segment.id],
  },
  changed: {
    cursor: z.tuple([z.iso.datetime(), z.uuid()]),
    key: { after: `(date_trunc('milliseconds', updated_at), id) < (?::timestamptz, ?::uuid)`, order: [{ [raw(`date_trunc('milliseconds', updated_at)`)]: 'desc' as const }, { id: 'desc' as const }] },
    keyOf: (segment: Segment) => [segment.updatedAt.toISOString(), segment.id],
  },
};

// Two saves that each close one half of a circle, or a delete and a save that begins to use it, see one another only in turn. Readers do not wait.
const IN_TURN = 'lock table segment in share row exclusive mode';

function inTurn<T>(em: EntityManager, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return em.transactional(async (tx) => {
    await tx.execute(IN_TURN);
    return work(tx);
  });
}

/** @throws AppError `invalid` with a path per problem: `rule.parts[0].value` */
async function readRule(tenant: Tenant, rule: unknown, self?: string): Promise<{ rule: Rule; context: RuleContext }> {
  const context = await readRuleContext(tenant, rule);
  refuseProblems(checkRule(rule, context, 'rule', self));
  return { rule: rule as Rule, context };
}

/**
 * The same check against the lists, fields and segments as they are while it is one's turn: lists and fields the rule names
 * cannot be deleted until the transaction ends. The connection that holds the turn asks, so that nobody waits for a second one.
 */
async function recheck(tx: EntityManager, context: RuleContext, rule: Rule, self?: string): Promise<void> {
  const named = mentionsOf(rule).lists;
  const listIds = new Set(await holdAll(tx, 'list', 'id', named));
  const lists = Object.fromEntries(Object.entries(context.lists).filter(([id]) => listIds.has(id) || !named.includes(id)));
  const asked = fieldNosOf(rule, context);
  const fieldNos = new Set(await holdAll(tx, 'custom_field', 'field_no', asked, 'not removing'));
  const catalogue = context.catalogue.filter(({ no }) => fieldNos.has(String(no)) || !asked.includes(no));
  refuseProblems(checkRule(rule, { ...context, lists, catalogue, segments: await readSegments(tx, rule) }, 'rule', self));
}

async function readSegments(tx: EntityManager, rule: Rule): Promise<RuleContext['segments']> {
  const segments: Record<string, { name: string; rule: Rule }> = {};
  for (let level: readonly Rule[] = [rule]; level.length > 0;) {
    const ids = new Set(level.flatMap((each) => mentionsOf(each).segments).filter((id) => !(id in segments)));
    const rows = ids.size === 0 ? [] : await tx.find(Segment, { id: { $in: [...ids] } });
    for (const row of rows) segments[row.id] = { name: row.name, rule: row.rule as Rule };
    level = rows.map((row) => row.rule as Rule);
  }
  return segments;
}

function fieldNosOf(rule: Rule, { catalogue }: RuleContext): number[] {
  const nos = new Set<number>();
  for (const condition of conditionsOf(rule)) {
    const at = 'field' in condition ? findField(condition.field, catalogue)?.at : undefined;
    if (at?.kind === 'custom') nos.add(at.no);
  }
  return [...nos];
}
