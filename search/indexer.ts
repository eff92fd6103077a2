import { setTimeout as sleep } from 'node:timers/promises';
import { toDocument, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import { readCatalogue } from './catalogue.ts';
import { emailGrams } from './compile.ts';
import type { SearchScope } from './scope.ts';

/** Documents of one bulk request, and how many requests run side by side: 50,000 light documents/s (4 M customers, 2 cores). */
const BULK_SIZE = 5_000;
const LANES = 3;
const BUSY_ATTEMPTS = 8;

/** Ids are never given twice, so an erased customer's tombstone outranks every version she had. */
const TOMBSTONE_VERSION = Number.MAX_SAFE_INTEGER;

export interface IndexFailure {
  readonly customerId: number;
  readonly version: number;
  readonly reason: string;
}

/**
 * Writes the current rows of these customers to the index as full documents, tombstones for those
 * who are gone. Versions are the rows', so repetition and reordering change nothing.
 * @param ids in any order, repeated or not
 * @param onProgress called after each bulk request
 * @returns items the index refused for good; the caller keeps them in the dead-letter table
 * @throws when the index cannot be reached or stays too busy: ask again later
 */
export async function indexCustomers(scope: SearchScope, ids: readonly number[], onProgress?: () => void): Promise<IndexFailure[]> {
  // Arrays of bigint come from the driver as strings; an id that is not found as a number would become a tombstone.
  const distinct = [...new Set(ids.map(Number))];
  const catalogue = await readCatalogue(scope);
  const failures: IndexFailure[] = [];
  let next = 0;
  const lane = async () => {
    while (next < distinct.length) {
      const chunk = distinct.slice(next, next + BULK_SIZE);
      next += BULK_SIZE;
      failures.push(...(await indexChunk(scope, chunk, catalogue)));
      onProgress?.();
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, Math.ceil(distinct.length / BULK_SIZE)) }, lane));
  return failures;
}

interface Item {
  readonly id: number;
  readonly version: number;
  readonly body: string;
}

async function indexChunk(scope: SearchScope, ids: readonly number[], catalogue: readonly CustomField[]): Promise<IndexFailure[]> {
  let items = await readItems(scope, ids, catalogue);
  const failures: IndexFailure[] = [];
  for (let attempt = 0; items.length > 0; attempt++) {
    const answer = await scope.search.client.bulk({
      index: scope.search.customers,
      operations: items.flatMap((item) => [`{"index":{"_id":"${item.id}","version":${item.version},"version_type":"external_gte"}}`, item.body]),
      filter_path: 'errors,items.*.status,items.*.error',
    });
    if (!answer.errors) break;
    const busy: Item[] = [];
    answer.items.forEach((outcome, i) => {
      const { status, error } = outcome.index!;
      if (status < 300 || status === 409) return;  // 409: a newer version is there already
      const item = items[i]!;
      if (status === 429 || status === 503) busy.push(item);
      else failures.push({ customerId: item.id, version: item.version, reason: `${error?.type ?? status}: ${error?.reason ?? ''}`.slice(0, 1_000) });
    });
    if (busy.length > 0 && attempt >= BUSY_ATTEMPTS) throw new Error(`the index refused ${busy.length} documents as too many, ${attempt + 1} times`);
    if (busy.length > 0) await sleep(Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2));
    items = busy;
  }
  return failures;
}

interface StoredCustomer extends CustomerRow {
  readonly version: number;
}

const ROWS = /* sql */ `
select c.id, c.email, c.first_name as "firstName", c.last_name as "lastName", c.phone, c.city, c.country, c.score, c.timezone, c.custom,
  c.is_unsubscribed as "isUnsubscribed", c.is_bounced as "isBounced", c.is_suppressed as "isSuppressed", c.mailable, c.version,
  (extract(epoch from c.created_at) * 1000)::bigint as "createdAt", (extract(epoch from c.updated_at) * 1000)::bigint as "updatedAt",
  coalesce((select array_agg(m.list_id::text) from list_member m where m.customer_id = c.id), '{}') as lists
from customer c where c.id = any($1)`;

async function readItems(scope: SearchScope, ids: readonly number[], catalogue: readonly CustomField[]): Promise<Item[]> {
  const rows = await scope.sql.rows<StoredCustomer>(ROWS, [ids]);
  const present = new Set<number>();
  const items: Item[] = rows.map((row) => {
    present.add(row.id);
    const document = toDocument(row, catalogue, scope.org.timezone);
    return { id: row.id, version: row.version, body: JSON.stringify({ ...document, email_grams: emailGrams(document.email) }) };
  });
  for (const id of ids) {
    if (!present.has(id)) items.push({ id, version: TOMBSTONE_VERSION, body: JSON.stringify({ id, deleted: true }) });
  }
  return items;
}
