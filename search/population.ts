import type { estypes } from '@elastic/elasticsearch';
import { checkRule, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import { readCatalogue } from './catalogue.ts';
import { compile } from './compile.ts';
import { COUNT_PATIENCE_MS, waitUntilSearchable, type FreshnessOptions } from './freshness.ts';
import type { SearchScope } from './scope.ts';

type Query = estypes.QueryDslQueryContainer;

/** A list or segment that a campaign includes or excludes. */
export interface AudienceTarget {
  readonly kind: 'list' | 'segment';
  readonly id: string;
  readonly mode: 'include' | 'exclude';
}

/** Each person in the first line that fits; `included` counts her once per target, `duplicates` takes the surplus off. */
export interface AudienceEstimate {
  readonly included: number;
  readonly duplicates: number;
  readonly excluded: number;
  readonly suppressed: number;
  readonly unsubscribed: number;
  readonly bounced: number;
  readonly final: number;
}

const alive: Query = { bool: { must_not: [{ term: { deleted: true } }] } };
const both = (...filter: Query[]): Query => ({ bool: { filter } });
const without = (query: Query, ...must_not: Query[]): Query => ({ bool: { filter: [query], must_not } });

/** Point in time of an audience; each page renews it. */
const KEEP_ALIVE = '5m';
const PAGE_SIZE = 10_000;
const MAX_WORDS = 10;

/**
 * How many people a rule matches, every acknowledged write included.
 * @throws AppError `invalid` with field paths when the rule cannot be asked, `unavailable` when the index is behind by more than 10 s
 */
export async function countRule(scope: SearchScope, rule: unknown): Promise<{ mailable: number; total: number }> {
  const query = await ruleQuery(scope, rule);
  await untilFresh(scope);
  const answer = await ask(scope, { size: 0, query: both(alive, query), track_total_hits: true, aggs: { mailable: { filter: { term: { mailable: true } } } } });
  return { total: totalOf(answer), mailable: (answer.aggregations?.['mailable'] as { doc_count: number }).doc_count };
}

/** Ids of up to `limit` people a rule matches, newest first. Errors as `countRule`. */
export async function sampleRule(scope: SearchScope, rule: unknown, limit = 10): Promise<number[]> {
  const query = await ruleQuery(scope, rule);
  await untilFresh(scope);
  return idsOf(await ask(scope, { size: limit, query: both(alive, query), sort: [{ id: 'desc' }], track_total_hits: false, ...idOnly }));
}

export interface CustomerSearch {
  /** Parts of addresses or names; each word must be in one of them. */
  readonly text?: string;
  readonly listId?: string;
  readonly rule?: Rule;
  readonly status?: 'mailable' | 'suppressed' | 'unsubscribed' | 'bounced';
  readonly order: 'newest' | 'oldest' | 'email';
  readonly after?: readonly (string | number)[];
  readonly limit: number;
  readonly count: boolean;
}

/** One page of the customer list: ids in order, the sort values to go on from, the count when asked. */
export async function searchCustomers(scope: SearchScope, search: CustomerSearch): Promise<{ ids: number[]; after: (string | number)[] | null; count: number | null }> {
  const context: RuleContext = { catalogue: await readCatalogue(scope), zone: scope.org.timezone };
  const filter: Query[] = [alive];
  if (search.text !== undefined) {
    for (const word of search.text.split(/\s+/).filter((each) => each !== '').slice(0, MAX_WORDS)) {
      filter.push(compile({ op: 'or', parts: ['email', 'first_name', 'last_name'].map((field) => ({ field, operator: 'contains', value: word })) }, context));
    }
  }
  if (search.listId !== undefined) filter.push({ term: { lists: search.listId } });
  if (search.rule !== undefined) filter.push(compile(search.rule, context));
  if (search.status !== undefined) filter.push(statusQuery[search.status]);
  await untilFresh(scope);
  const answer = await ask(scope, {
    size: search.limit + 1,
    query: both(...filter),
    sort: search.order === 'email' ? [{ email: 'asc' }, { id: 'asc' }] : [{ id: search.order === 'newest' ? 'desc' : 'asc' }],
    ...(search.after === undefined ? {} : { search_after: [...search.after] }),
    track_total_hits: search.count,
    ...idOnly,
  });
  const ids = idsOf(answer);
  const more = ids.length > search.limit;
  const last = answer.hits.hits[search.limit - 1];
  return { ids: ids.slice(0, search.limit), after: more ? (last?.sort as (string | number)[]) : null, count: search.count ? totalOf(answer) : null };
}

const statusQuery: Record<NonNullable<CustomerSearch['status']>, Query> = {
  mailable: { term: { mailable: true } },
  suppressed: { term: { suppression_status: 'suppressed' } },
  unsubscribed: { term: { is_unsubscribed: true } },
  bounced: { term: { is_bounced: true } },
};

/**
 * Ids of everyone who is included, not excluded and mailable, each once, as the index stands at one
 * moment after all writes acknowledged before the call. Waits for the index as long as it takes.
 * @yields pages of up to 10,000 ids in no order that means anything
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked
 */
export async function* streamCustomerIds(scope: SearchScope, targets: readonly AudienceTarget[], options: Pick<FreshnessOptions, 'onWait'> = {}): AsyncIterable<number[]> {
  const { included, excluded } = await targetQueries(scope, targets);
  if (included.length === 0) return;
  await waitUntilSearchable(scope, options);
  yield* streamIds(scope, without(both(alive, { term: { mailable: true } }, anyOf(included)), ...excluded));
}

async function* streamIds(scope: SearchScope, query: Query): AsyncIterable<number[]> {
  const { client, customers } = scope.search;
  let pit = (await client.openPointInTime({ index: customers, keep_alive: KEEP_ALIVE })).id;
  try {
    for (let after: estypes.SortResults | undefined; ; ) {
      const answer = await client.search({
        pit: { id: pit, keep_alive: KEEP_ALIVE },
        size: PAGE_SIZE, query, sort: ['_shard_doc'], track_total_hits: false, ...idOnly,
        ...(after === undefined ? {} : { search_after: after }),
      });
      pit = answer.pit_id ?? pit;
      const ids = idsOf(answer);
      if (ids.length > 0) yield ids;
      after = answer.hits.hits.at(-1)?.sort;
      if (ids.length < PAGE_SIZE || after === undefined) return;
    }
  } finally {
    // A point in time pins segments; one that is gone already needs no closing.
    await client.closePointInTime({ id: pit }).catch(() => undefined);
  }
}

/**
 * The waterfall from all included to the final recipients; exact.
 * @throws AppError as `countRule`; `invalid` when a target is gone
 */
export async function estimateAudience(scope: SearchScope, targets: readonly AudienceTarget[]): Promise<AudienceEstimate> {
  const { included, excluded } = await targetQueries(scope, targets);
  if (included.length === 0) return { included: 0, duplicates: 0, excluded: 0, suppressed: 0, unsubscribed: 0, bounced: 0, final: 0 };
  await untilFresh(scope);
  const everyone = both(alive, anyOf(included));
  const kept = without(everyone, ...excluded);
  const unsubscribed: Query = { term: { is_unsubscribed: true } };
  const bounced: Query = { term: { is_bounced: true } };
  const lines: Record<string, Query> = {
    distinct: everyone,
    kept,
    unsubscribed: both(kept, unsubscribed),
    bounced: without(both(kept, bounced), unsubscribed),
    final: both(kept, { term: { mailable: true } }),
  };
  included.forEach((query, i) => (lines[`target${i}`] = both(alive, query)));
  const answer = await ask(scope, { size: 0, track_total_hits: false, query: alive, aggs: { lines: { filters: { filters: lines } } } });
  const counts = (answer.aggregations?.['lines'] as unknown as { buckets: Record<string, { doc_count: number }> }).buckets;
  const of = (line: string) => counts[line]?.doc_count ?? 0;
  const sum = included.reduce((total, _, i) => total + of(`target${i}`), 0);
  return {
    included: sum,
    duplicates: sum - of('distinct'),
    excluded: of('distinct') - of('kept'),
    suppressed: of('kept') - of('final') - of('unsubscribed') - of('bounced'),
    unsubscribed: of('unsubscribed'),
    bounced: of('bounced'),
    final: of('final'),
  };
}

async function targetQueries(scope: SearchScope, targets: readonly AudienceTarget[]): Promise<{ included: Query[]; excluded: Query[] }> {
  const included: Query[] = [];
  const excluded: Query[] = [];
  for (const [i, target] of targets.entries()) {
    const query = await targetQuery(scope, target, `targets[${i}]`);
    (target.mode === 'include' ? included : excluded).push(query);
  }
  return { included, excluded };
}

async function targetQuery(scope: SearchScope, target: AudienceTarget, path: string): Promise<Query> {
  if (target.kind === 'list') {
    const list = await scope.sql.first('select 1 as found from list where id = $1', [target.id]);
    if (list === undefined) throw refuse(path, 'This list does not exist any more. Remove the target or choose another list.');
    return { term: { lists: target.id } };
  }
  const segment = await scope.sql.first<{ name: string; rule: unknown }>('select name, rule from segment where id = $1', [target.id]);
  if (segment === undefined) throw refuse(path, 'This segment does not exist any more. Remove the target or choose another segment.');
  try {
    return await ruleQuery(scope, segment.rule);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
    throw refuse(path, `The segment “${segment.name}” cannot be used: ${error.fields[0]?.message ?? error.message}`);
  }
}

async function ruleQuery(scope: SearchScope, rule: unknown): Promise<Query> {
  const context: RuleContext = { catalogue: await readCatalogue(scope), zone: scope.org.timezone };
  const problems = checkRule(rule, context);
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  return compile(rule as Rule, context);
}

function anyOf(queries: Query[]): Query {
  return { bool: { should: queries, minimum_should_match: 1 } };
}

const idOnly: Pick<estypes.SearchRequest, '_source' | 'docvalue_fields'> = { _source: false, docvalue_fields: ['id'] };

function idsOf(answer: estypes.SearchResponse): number[] {
  return answer.hits.hits.map((hit) => Number((hit.fields as { id: [number | string] }).id[0]));
}

function totalOf(answer: estypes.SearchResponse): number {
  const total = answer.hits.total;
  return typeof total === 'number' ? total : total?.value ?? 0;
}

/** Waits at most 10 s. @throws AppError `unavailable` with the lag, or when the index cannot be reached */
function untilFresh(scope: SearchScope): Promise<void> {
  return translating(() => waitUntilSearchable(scope, { patienceMs: COUNT_PATIENCE_MS }));
}

function ask(scope: SearchScope, request: estypes.SearchRequest): Promise<estypes.SearchResponse> {
  return translating(() => scope.search.client.search({ index: scope.search.customers, ...request }));
}

const unreachable = new Set(['ConnectionError', 'TimeoutError', 'NoLivingConnectionsError']);

/** An index that cannot be reached is `unavailable`, a rule beyond its limits `invalid`: no failure of ours. */
async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { name, meta } = error as { name?: string; meta?: { body?: unknown } };
    if (name !== undefined && unreachable.has(name)) {
      throw new AppError('unavailable', 'The search index cannot be reached at the moment. Try again in a minute.', [], { cause: error });
    }
    // The server answers with type `too_many_nested_clauses` or `too_many_clauses`, or says so in an `illegal_argument` reason.
    if (/too_many_(nested_)?clauses|maximum nested depth|maxClauseCount/.test(JSON.stringify(meta?.body ?? ''))) {
      const message = 'This rule is too large or too deeply nested for the search server. Use fewer conditions or groups.';
      throw new AppError('invalid', message, [{ field: 'rule', message }], { cause: error });
    }
    throw error;
  }
}
