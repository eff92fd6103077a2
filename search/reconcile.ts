import type { estypes } from '@elastic/elasticsearch';
import { alive, both } from './ask.ts';
import { indexCustomers, type IndexFailure } from './indexer.ts';
import { DOCUMENT_VERSION } from './rows.ts';
import type { SearchScope } from './scope.ts';
import type { IndexVersion } from './versions.ts';

/** Ranges of ids the tables and the index are compared by. */
const BUCKETS = 1_024;
/** Ids looked at one by one at a time when their bucket differs. */
const STEP = 10_000;

/** A range of ids whose count or sum of versions differs; both ends included. */
export interface Bucket {
  readonly from: number;
  readonly to: number;
}

interface Sum {
  readonly count: number;
  readonly versions: number;
}

/**
 * Compares customers and documents by count and sum of versions in 1,024 ranges of ids. What changes meanwhile may show
 * as a difference: `repairBuckets` looks at each one.
 */
export async function compareBuckets(scope: SearchScope, target: IndexVersion): Promise<Bucket[]> {
  const highest = await highestId(scope, target);
  const width = Math.max(1, Math.ceil((highest + 1) / BUCKETS));
  const rows = new Map((await scope.sql.rows<Sum & { bucket: number }>(
    `select c.id / $1::bigint as bucket, count(*) as count, sum(${DOCUMENT_VERSION})::bigint as versions from customer c left join customer_activity a on a.customer_id = c.id group by 1`, [width],
  )).map((row) => [row.bucket, row]));
  const answer = await scope.search.client.search({
    index: target.index, size: 0, track_total_hits: false, query: alive, request_cache: false,
    aggs: { buckets: { histogram: { field: 'id', interval: width, min_doc_count: 1 }, aggs: { versions: { sum: { field: 'version' } } } } },
  });
  const documents = new Map((answer.aggregations?.['buckets'] as unknown as { buckets: { key: number; doc_count: number; versions: { value: number } }[] }).buckets
    .map(({ key, doc_count, versions }) => [Math.round(key / width), { count: doc_count, versions: versions.value }]));
  const differing: Bucket[] = [];
  for (let bucket = 0; bucket * width <= highest; bucket++) {
    const [row, document] = [rows.get(bucket), documents.get(bucket)];
    if ((row?.count ?? 0) !== (document?.count ?? 0) || (row?.versions ?? 0) !== (document?.versions ?? 0)) differing.push({ from: bucket * width, to: (bucket + 1) * width - 1 });
  }
  return differing;
}

async function highestId(scope: SearchScope, target: IndexVersion): Promise<number> {
  const row = await scope.sql.first<{ id: number | null }>('select max(id) as id from customer');
  const answer = await scope.search.client.search({ index: target.index, size: 0, track_total_hits: false, query: alive, aggs: { highest: { max: { field: 'id' } } } });
  return Math.max(row?.id ?? 0, (answer.aggregations?.['highest'] as { value: number | null }).value ?? 0);
}

/** What mending came to. */
export interface Repair {
  /** Customers whose document was missing, old, or of nobody; those whose change was on its way are among them. */
  readonly repaired: number;
  /** Of these, those whose document is still behind what their row was then, for no known reason. */
  readonly left: number;
  /** Those the index refuses for good. */
  readonly failures: readonly IndexFailure[];
}

/**
 * Looks at every customer of these ranges and writes those whose document is missing, old, or of nobody.
 * A document that is newer than its row (the tables are an older backup) makes the row's next version the newer one.
 */
export async function repairBuckets(scope: SearchScope, target: IndexVersion, buckets: readonly Bucket[], onProgress: () => void = () => undefined): Promise<Repair> {
  let repaired = 0;
  let left = 0;
  const failures: IndexFailure[] = [];
  for (const bucket of buckets) {
    for (let from = bucket.from; from <= bucket.to; from += STEP) {
      const to = Math.min(bucket.to, from + STEP - 1);
      const rows = await versionsOfRows(scope, from, to);
      const documents = await versionsOfDocuments(scope, target, from, to);
      const ahead = [...documents].filter(([id, version]) => (rows.get(id) ?? Infinity) < version);
      if (ahead.length > 0) {
        await scope.sql.run(`update customer c set version = c.version + greatest(0, u.version + 1 - (${DOCUMENT_VERSION})) from unnest($1::bigint[], $2::bigint[]) u(id, version)
          left join customer_activity a on a.customer_id = u.id where c.id = u.id`, [ahead.map(([id]) => id), ahead.map(([, version]) => version)]);
      }
      const differing = [...new Set([...rows.keys(), ...documents.keys()])].filter((id) => rows.get(id) !== documents.get(id));
      onProgress();
      if (differing.length === 0) continue;
      const refused = await indexCustomers(scope, differing, { only: target, onProgress });
      failures.push(...refused);
      await scope.search.client.indices.refresh({ index: target.index });
      const after = await versionsOfDocuments(scope, target, from, to);
      repaired += differing.length;
      left += differing.filter((id) => (rows.has(id) ? (after.get(id) ?? 0) < rows.get(id)! : after.has(id)) && !refused.some((failure) => failure.customerId === id)).length;
    }
  }
  return { repaired, left, failures };
}

async function versionsOfRows(scope: SearchScope, from: number, to: number): Promise<Map<number, number>> {
  const rows = await scope.sql.rows<{ id: number; version: number }>(
    `select c.id, ${DOCUMENT_VERSION} as version from customer c left join customer_activity a on a.customer_id = c.id where c.id between $1 and $2`, [from, to]);
  return new Map(rows.map((row) => [row.id, row.version]));
}

async function versionsOfDocuments(scope: SearchScope, target: IndexVersion, from: number, to: number): Promise<Map<number, number>> {
  const answer = await scope.search.client.search<unknown>({
    index: target.index, size: STEP, query: both(alive, { range: { id: { gte: from, lte: to } } }), _source: false, docvalue_fields: ['id', 'version'], track_total_hits: false,
  });
  return new Map(answer.hits.hits.map((hit: estypes.SearchHit<unknown>) => {
    const fields = hit.fields as { id: [number]; version?: [number] };
    return [Number(fields.id[0]), Number(fields.version?.[0] ?? 0)];
  }));
}
