import type { estypes } from '@elastic/elasticsearch';
import { AppError } from '#domain/shared/errors.ts';
import { COUNT_PATIENCE_MS, PROMPT, waitUntilSearchable, type Freshness } from './freshness.ts';
import type { SearchScope } from './scope.ts';

export type Query = estypes.QueryDslQueryContainer;

/** Everyone but the erased: part of every question. */
export const alive: Query = { bool: { must_not: [{ term: { deleted: true } }] } };
export const both = (...filter: Query[]): Query => ({ bool: { filter } });
export const without = (query: Query, ...must_not: Query[]): Query => ({ bool: { filter: [query], must_not } });
export const anyOf = (should: Query[]): Query => ({ bool: { should, minimum_should_match: 1 } });

export const idOnly: Pick<estypes.SearchRequest, '_source' | 'docvalue_fields'> = { _source: false, docvalue_fields: ['id'] };

/** Point in time of a stream; each page renews it. */
const KEEP_ALIVE = '5m';
const PAGE_SIZE = 10_000;

/**
 * Waits at most so long until what was acknowledged before is searchable.
 * @returns the index that has it
 * @throws AppError `unavailable` with the lag, or when the index cannot be reached
 */
export function untilFresh(scope: SearchScope, freshness: Freshness, patienceMs = COUNT_PATIENCE_MS): Promise<string> {
  return translating(() => waitUntilSearchable(scope, { ...freshness, patienceMs }));
}

/** @throws AppError `unavailable` when the index cannot be reached, `invalid` for a question beyond its limits */
export function ask(scope: SearchScope, index: string, request: estypes.SearchRequest): Promise<estypes.SearchResponse> {
  return translating(() => scope.search.client.search({ index, ...request }, PROMPT));
}

/**
 * Ids of everyone a query matches, as the index stands at one moment; one stream a shard, two pages ahead of the reader.
 * @yields pages of up to 10,000 ids in no order that means anything
 */
export async function* streamIds(scope: SearchScope, index: string, query: Query): AsyncIterable<number[]> {
  const { client } = scope.search;
  const settings = await client.indices.getSettings({ index, name: 'index.number_of_shards', flat_settings: true });
  const shards = Number((Object.values(settings)[0]?.settings as Record<string, string> | undefined)?.['index.number_of_shards'] ?? 1);
  const pit = (await client.openPointInTime({ index, keep_alive: KEEP_ALIVE })).id;
  const page = async (slice: number, after: estypes.SortResults | undefined) => {
    const answer = await client.search({
      pit: { id: pit, keep_alive: KEEP_ALIVE },
      size: PAGE_SIZE, query, sort: ['_shard_doc'], track_total_hits: false, ...idOnly,
      ...(shards === 1 ? {} : { slice: { id: String(slice), max: shards } }),
      ...(after === undefined ? {} : { search_after: after }),
    });
    return { slice, ids: idsOf(answer), after: answer.hits.hits.at(-1)?.sort };
  };
  const running = new Map<number, ReturnType<typeof page>>();
  const begin = (slice: number, after?: estypes.SortResults) => {
    const next = page(slice, after);
    next.catch(() => undefined);  // awaited below, unless the reader leaves before
    running.set(slice, next);
  };
  try {
    for (let slice = 0; slice < shards; slice++) begin(slice);
    while (running.size > 0) {
      const { slice, ids, after } = await Promise.race(running.values());
      running.delete(slice);
      if (ids.length === PAGE_SIZE && after !== undefined) begin(slice, after);
      if (ids.length > 0) yield ids;
    }
  } finally {
    await Promise.allSettled(running.values());
    // A point in time pins segments; one that is gone already needs no closing.
    await client.closePointInTime({ id: pit }).catch(() => undefined);
  }
}

export function idOf(hit: estypes.SearchHit): number {
  return Number((hit.fields as { id: [number | string] }).id[0]);
}

export function idsOf(answer: estypes.SearchResponse): number[] {
  return answer.hits.hits.map(idOf);
}

export function totalOf(answer: estypes.SearchResponse): number {
  const total = answer.hits.total;
  return typeof total === 'number' ? total : total?.value ?? 0;
}

/** Counts of a `filters` aggregation named `lines`, by line. */
export function linesOf(answer: estypes.SearchResponse): (line: string) => number {
  const { buckets } = answer.aggregations?.['lines'] as unknown as { buckets: Record<string, { doc_count: number }> };
  return (line) => buckets[line]?.doc_count ?? 0;
}

const unreachable = new Set(['ConnectionError', 'TimeoutError', 'NoLivingConnectionsError']);

/** An index that cannot be reached is `unavailable`, a rule beyond its limits `invalid`: no failure of ours. */
export async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { name, meta } = error as { name?: string; meta?: { body?: unknown; statusCode?: number } };
    if ((name !== undefined && unreachable.has(name)) || meta?.statusCode === 503 || meta?.statusCode === 429) {
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
