import { z } from 'zod';
import { parseDate } from '#domain/segment/windows.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { SUPPRESSION, toSuppressionView, type Reason, type Source, type SuppressionRecord } from './views.ts';

export interface SuppressionFilter {
  readonly search?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly source?: Source | undefined;
  /** First and last day in the organization's zone, both included. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export type SuppressionQuery = ListQuery & SuppressionFilter;

const CURSOR = z.tuple([z.string().regex(/^[\d :.+-]{19,40}$/), z.string()]);

/**
 * A page of suppressions, newest first. What is not asked for is not in the statement, so that each is planned by its own
 * values: a rare part of an address by its trigrams, a common one by walking the newest entries (1 M entries: 2 and 5 ms).
 */
export async function listSuppressions({ sql, org }: Tenant, query: SuppressionQuery) {
  const { conditions, values } = conditionsOf(query, org.timezone);
  const count = query.count === true ? (await sql.first<{ n: number }>(`select count(*) as n from suppression s where ${conditions.join(' and ')}`, values))!.n : undefined;
  const after = decodeCursor(query.cursor, CURSOR);
  if (after !== null) conditions.push(`(s.created_at, s.email_key) < ($${values.push(after[0])}::timestamptz, $${values.push(after[1])})`);
  const rows = await sql.rows<SuppressionRecord>(
    `${SUPPRESSION} where ${conditions.join(' and ')} order by s.created_at desc, s.email_key desc limit $${values.push(query.limit + 1)}`, values);
  return { ...toPage(rows, query.limit, (row) => [row.instant, row.key], toSuppressionView), ...(count === undefined ? {} : { count }) };
}

/** Keys of addresses that match, in no order. */
export async function keysMatching({ sql, org }: Tenant, filter: SuppressionFilter, limit: number): Promise<string[]> {
  const { conditions, values } = conditionsOf(filter, org.timezone);
  return (await sql.rows<{ key: string }>(`select s.email_key as key from suppression s where ${conditions.join(' and ')} limit $${values.push(limit)}`, values)).map((row) => row.key);
}

function conditionsOf(filter: SuppressionFilter, zone: string): { conditions: string[]; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = ['true'];
  const where = (condition: (parameter: string) => string, value: unknown) => conditions.push(condition(`$${values.push(value)}`));
  const search = filter.search?.trim().toLowerCase() ?? '';
  if (search !== '') where((it) => `s.email_key like ${it}`, `%${search.replace(/[\\%_]/g, '\\$&')}%`);
  if (filter.reason !== undefined) where((it) => `s.reason = ${it}`, filter.reason);
  if (filter.source !== undefined) where((it) => `s.source = ${it}`, filter.source);
  if (filter.from !== undefined) where((it) => `s.created_at >= ${it}`, day(filter.from, 'from', zone).from);
  if (filter.to !== undefined) where((it) => `s.created_at < ${it}`, day(filter.to, 'to', zone).to);
  return { conditions, values };
}

function day(text: string, field: string, zone: string): { from: string; to: string } {
  const span = /^\d{4}-\d{2}-\d{2}$/.test(text) ? parseDate(text, zone) : null;
  if (span === null) throw refuse(field, `Expected a day like 2026-01-31, got “${text}”.`);
  return { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString() };
}
