import type { Writable } from 'node:stream';
import { z } from 'zod';
import { evaluate } from '#domain/segment/evaluate.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { eraseCustomers } from '../../../infra/customers/erase.ts';
import { settled } from '../../../infra/db/contention.ts';
import { removeExportFiles } from '../../../infra/exports/files.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { readRuleContext } from '../../../search/context.ts';
import { readCustomer } from '../../../search/customer.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { readBatch, writeBatch } from './batch.ts';
import { writeAllOf, type DownloadFormat } from './download.ts';
import { readInput, type CustomerInput } from './input.ts';
import { listCustomers, type CustomerListQuery } from './list.ts';
import { readKinds, TIMELINE, TIMELINE_LIMIT, toTimelineEntry, type TimelineRecord } from './timeline.ts';
import { CUSTOMER, SUPPRESSION_OF, toCustomerView, toSuppressionDetail, type CustomerRecord, type SuppressionRow } from './views.ts';
import { addressTaken, changeCustomer, createCustomer, requireReferences, upsertCustomers } from './write.ts';

export type CustomerService = ReturnType<typeof createCustomerService>;

/** People and what is known of them; each write is one transaction with a new version and one outbox row. */
export function createCustomerService(container: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'config'>) {
  const { tenants, gateway, secrets, config } = container;
  const changed = <T>(orgId: string, result: T): T => {
    gateway.nudgeOutbox(orgId);
    return result;
  };

  async function view(tenant: Tenant, id: number) {
    const row = await tenant.sql.first<CustomerRecord>(`${CUSTOMER} where c.id = $1`, [id]);
    if (row === undefined) throw notFound('customer');
    const lists = await tenant.sql.rows<{ id: string; name: string }>('select l.id, l.name from list_member m join list l on l.id = m.list_id where m.customer_id = $1 order by lower(l.name)', [id]);
    const suppression = await tenant.sql.first<SuppressionRow>(SUPPRESSION_OF, [id]);
    return { ...toCustomerView(row, await readCatalogue(tenant), lists), suppression: suppression === undefined ? null : toSuppressionDetail(suppression) };
  }
  async function requireCustomer(tenant: Tenant, id: number): Promise<void> {
    if ((await tenant.sql.first('select 1 as found from customer where id = $1', [id])) === undefined) throw notFound('customer');
  }

  return {
    /** A page of customers, every acknowledged write included. @throws AppError `unavailable` when the index is needed and cannot be reached */
    list: (orgId: string, query: CustomerListQuery) => tenants.use(orgId, (tenant) => {
      gateway.nudgeOutbox(orgId);
      return listCustomers(tenant, query);
    }),

    get: (orgId: string, id: number) => tenants.use(orgId, (tenant) => view(tenant, id)),

    /** The segments she is in now, by name: each is evaluated for her as she stands in the database. */
    segmentsOf: (orgId: string, id: number) => tenants.use(orgId, async (tenant) => {
      const customer = await readCustomer(tenant, { id });
      if (customer === null) throw notFound('customer');
      const segments = await tenant.sql.rows<{ id: string; name: string; rule: Rule }>('select id::text, name, rule from segment order by lower(name), id');
      const context = await readRuleContext(tenant, { op: 'or', parts: segments.map((segment) => segment.rule) });
      return { data: segments.filter((segment) => evaluate(segment.rule, customer.document, context)).map(({ id, name }) => ({ id, name })) };
    }),

    /** Adds a customer. @throws AppError `conflict` when the address is there already */
    create: async (orgId: string, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const { email, ...values } = readInput(input, true);
      const id = await settled(tenant.sql, async (tx) => {
        await requireReferences(tx, values, input.listIds ?? []);
        return createCustomer(tx, secrets, { values: { ...values, email: email! }, listIds: input.listIds ?? [] });
      });
      if (id === null) throw new AppError('conflict', 'A customer with this address exists already.', [{ field: 'email', message: 'A customer with this address exists already.' }]);
      return view(tenant, id);
    })),

    /** Changes what is given; `custom` key by key, null takes a value away; `listIds` are then all her lists. @throws AppError `conflict` when `version` is stale */
    update: async (orgId: string, actor: string, id: number, version: number | undefined, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const values = readInput(input, false);
      await requireCustomer(tenant, id);
      await addressTaken(() => settled(tenant.sql, async (tx) => {
        await requireReferences(tx, values, input.listIds ?? []);
        await changeCustomer(tx, secrets, actor, id, version, values, input.listIds);
      }));
      return view(tenant, id);
    })),

    /** Adds or changes by address: the same call twice leaves one customer. Lists are added to, never taken away. */
    upsert: async (orgId: string, actor: string, address: string, input: CustomerInput) => changed(orgId, await tenants.use(orgId, async (tenant) => {
      const { email, ...values } = readInput({ ...input, email: address }, true);
      const [written] = await settled(tenant.sql, async (tx) => {
        await requireReferences(tx, values, input.listIds ?? []);
        return upsertCustomers(tx, secrets, actor, [{ values: { ...values, email: email! }, listIds: input.listIds ?? [] }]);
      });
      return view(tenant, written!.id);
    })),

    /** Adds or changes up to 1,000 by address in one transaction; items that cannot be taken are named and cost nobody else. */
    batch: async (orgId: string, actor: string, customers: readonly unknown[]) => {
      const items = readBatch(customers);
      return changed(orgId, await tenants.use(orgId, ({ sql }) => settled(sql, (tx) => writeBatch(tx, secrets, actor, items))));
    },

    /** Erases her for good (see `eraseCustomers`); the receipt in the audit names her number only. */
    erase: async (orgId: string, actor: string, id: number, neverMail: boolean): Promise<void> => {
      const erased = await tenants.use(orgId, ({ sql }) => settled(sql, (tx) => eraseCustomers(tx, secrets, { customerIds: [id], neverMail, actor })));
      if (erased.customers === 0) throw notFound('customer');
      gateway.nudgeOutbox(orgId);
      await removeExportFiles(config, orgId, erased.exportIds);
      gateway.nudgeScrub(orgId);
    },

    /** What happened with her, newest first; machines' opens and clicks are marked. */
    timeline: (orgId: string, id: number, query: ListQuery & { kinds?: string | undefined }) => tenants.use(orgId, async (tenant) => {
      await requireCustomer(tenant, id);
      const kinds = readKinds(query.kinds);
      const before = decodeCursor(query.cursor, z.tuple([z.string().regex(/^[\d :.+-]{19,40}$/), z.string()]));
      const limit = Math.min(query.limit, TIMELINE_LIMIT);
      const rows = await tenant.sql.rows<TimelineRecord>(TIMELINE, [id, before?.[0] ?? null, before?.[1] ?? null, limit + 1, kinds]);
      return toPage(rows, limit, (row) => [row.instant, row.ref], toTimelineEntry);
    }),

    /** Writes all that is known of her; `open` is called before the first byte. */
    download: (orgId: string, id: number, format: DownloadFormat, out: Writable, open: () => void) => tenants.use(orgId, ({ sql }) => writeAllOf(sql, id, format, out, open)),
  };
}
