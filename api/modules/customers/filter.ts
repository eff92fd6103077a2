import { z } from 'zod';
import { MAX_PART_LENGTH, type Rule } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readRuleContext } from '../../../search/context.ts';
import type { CustomerFilter } from '../../../search/population.ts';

export const statuses = ['mailable', 'suppressed', 'unsubscribed', 'bounced'] as const;

/** Filters that fit into an address. */
export const plainFilter = {
  search: z.string().max(MAX_PART_LENGTH).optional(), listId: z.uuid().optional(), segmentId: z.uuid().optional(), status: z.enum(statuses).optional(),
};

/** Which customers are meant: everybody all given parts fit; an empty object means everybody. `rule` is a tree as segments have them, for filters by field. */
export const FilterInput = z.strictObject({
  ...plainFilter,
  // Checked by the domain, which names the path of each problem.
  rule: z.unknown().meta({ $ref: '#/components/schemas/Rule' }).optional(),
}).meta({ id: 'CustomerFilter' });

export type FilterInput = z.infer<typeof FilterInput>;

/**
 * A filter as the index is asked: a segment is a condition of the rule, so that its members now are meant.
 * @param path of the filter in the request, for its problems
 * @throws AppError `invalid` when the list or segment does not exist or the rule cannot be asked
 */
export async function readFilter(tenant: Tenant, input: FilterInput, path = ''): Promise<CustomerFilter> {
  const at = (field: string) => (path === '' ? field : `${path}.${field}`);
  if (input.listId !== undefined && (await tenant.sql.first('select 1 as found from list where id = $1', [input.listId])) === undefined) throw refuse(at('listId'), 'This list does not exist.');
  const parts: Rule['parts'][number][] = [];
  if (input.segmentId !== undefined) {
    if ((await tenant.sql.first('select 1 as found from segment where id = $1', [input.segmentId])) === undefined) throw refuse(at('segmentId'), 'This segment does not exist.');
    parts.push({ segment: input.segmentId.toLowerCase(), in: true });
  }
  if (input.rule !== undefined) {
    const problems = checkRule(input.rule, await readRuleContext(tenant, input.rule), at('rule'));
    if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
    parts.push(input.rule as Rule);
  }
  const text = input.search?.trim();
  return {
    ...(text === undefined || text === '' ? {} : { text }),
    ...(input.listId === undefined ? {} : { listId: input.listId.toLowerCase() }),
    ...(parts.length === 0 ? {} : { rule: { op: 'and', parts } }),
    ...(input.status === undefined ? {} : { status: input.status }),
  };
}

/** Whether a filter means everybody. */
export function isEverybody(filter: CustomerFilter): boolean {
  return filter.text === undefined && filter.listId === undefined && filter.rule === undefined && filter.status === undefined;
}
