import { z } from 'zod';
import { FilterInput } from './filter.ts';

export const bulkActions = ['add_to_list', 'remove_from_list', 'suppress', 'erase'] as const;
export type BulkAction = (typeof bulkActions)[number];

/** Customers chosen one by one. */
export const idsInput = z.array(z.int().min(1).max(Number.MAX_SAFE_INTEGER)).min(1).max(10_000);

/** Whose turn it is: those chosen one by one, or everybody a filter means at the moment the action begins. */
export const SelectionInput = z.union([
  z.strictObject({ ids: idsInput }),
  z.strictObject({ filter: FilterInput }),
]).meta({ id: 'CustomerSelection' });

export const BulkView = z.object({
  id: z.string(), action: z.enum(bulkActions), list: z.object({ id: z.string(), name: z.string() }).nullable(),
  state: z.enum(['queued', 'collecting', 'running', 'completed', 'failed', 'cancelled']), problem: z.string().nullable(),
  /** Known when they are collected. */
  customersTotal: z.int().nullable(), customersDone: z.int(),
  /** Those it made a difference to: added, removed, suppressed, erased. */
  changed: z.int(),
  /** Addresses of a file that are no customer's. */
  notFound: z.int(),
  createdBy: z.string(), createdAt: z.string(), startedAt: z.string().nullable(), endedAt: z.string().nullable(), temporalUrl: z.string(),
}).meta({ id: 'BulkJob' });

export interface BulkRecord {
  readonly id: string; readonly action: BulkAction; readonly listId: string | null; readonly listName: string | null;
  readonly state: z.infer<typeof BulkView>['state']; readonly problem: string | null;
  readonly customersTotal: number | null; readonly customersDone: number; readonly changed: number; readonly notFound: number;
  readonly createdBy: string; readonly createdAt: Date; readonly startedAt: Date | null; readonly endedAt: Date | null;
}

export const BULK = /* sql */ `
select id::text, action, options->'list'->>'id' as "listId", options->'list'->>'name' as "listName", state, problem, customers_total as "customersTotal", customers_done as "customersDone",
  changed_count as changed, not_found_count as "notFound", created_by as "createdBy", created_at as "createdAt", started_at as "startedAt", ended_at as "endedAt"
from bulk_job`;

export function toBulkView(row: BulkRecord, temporalUrl: string): z.input<typeof BulkView> {
  return {
    id: row.id, action: row.action, list: row.listId === null ? null : { id: row.listId, name: row.listName ?? '' }, state: row.state, problem: row.problem,
    customersTotal: row.customersTotal, customersDone: row.customersDone, changed: row.changed, notFound: row.notFound,
    createdBy: row.createdBy, createdAt: row.createdAt.toISOString(), startedAt: row.startedAt?.toISOString() ?? null, endedAt: row.endedAt?.toISOString() ?? null, temporalUrl,
  };
}
