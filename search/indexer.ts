import { setTimeout as sleep } from 'node:timers/promises';
import { documentJson } from '#domain/customer/document.ts';
import { fold } from '#domain/customer/fields.ts';
import { emailGrams } from './compile.ts';
import { readCustomerRows, type StoredCustomer } from './rows.ts';
import type { SearchScope } from './scope.ts';
import { writtenIndexes, type IndexVersion } from './versions.ts';

/** Documents of one bulk request, and how many requests run side by side: 50,000 light documents/s (4 M customers, 2 cores). */
const BULK_SIZE = 3_500;
const LANES = 3;
const BUSY_ATTEMPTS = 8;

/** Ids are never given twice, so an erased customer's tombstone outranks every version she had. */
const TOMBSTONE_VERSION = Number.MAX_SAFE_INTEGER;

export interface IndexFailure {
  readonly customerId: number;
  readonly version: number;
  readonly reason: string;
}

export interface IndexOptions {
  /** Called after each bulk request. */
  readonly onProgress?: () => void;
  /** Only this version instead of all that are written: a rebuild. One that is retired meanwhile gets nothing. */
  readonly only?: Pick<IndexVersion, 'version'>;
}

/**
 * Writes the current rows of these customers to the index as full documents, tombstones for those
 * who are gone. Versions are the rows', so repetition and reordering change nothing.
 * @param ids in any order, repeated or not
 * @returns items an index refused for good; the caller keeps them in the dead-letter table
 * @throws when the index cannot be reached or stays too busy: ask again later
 */
export async function indexCustomers(scope: SearchScope, ids: readonly number[], options: IndexOptions = {}): Promise<IndexFailure[]> {
  // Arrays of bigint come from the driver as strings; an id that is not found as a number would become a tombstone.
  const distinct = [...new Set(ids.map(Number))];
  const failures: IndexFailure[] = [];
  let next = 0;
  const lane = async () => {
    while (next < distinct.length) {
      const chunk = distinct.slice(next, next + BULK_SIZE);
      next += BULK_SIZE;
      const rows = await readCustomerRows(scope, chunk);
      // After the rows: a version whose building begins between the two reads takes these changes from the rows it reads itself,
      // and a catalogue older than a row would leave out a field that was added with it.
      const targets = (await writtenIndexes(scope)).filter(({ version }) => options.only === undefined || version === options.only.version);
      for (const target of targets) failures.push(...(await write(scope, target, toItems(chunk, rows, target))));
      options.onProgress?.();
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

function toItems(ids: readonly number[], rows: readonly StoredCustomer[], { catalogue, zone }: IndexVersion): Item[] {
  const items: Item[] = rows.map((row) => ({
    id: row.id, version: row.version,
    body: `${documentJson(row, catalogue, zone).slice(0, -1)},"version":${row.version},"email_grams":${JSON.stringify(emailGrams(fold(row.email)))}}`,
  }));
  if (rows.length < ids.length) {
    const present = new Set(rows.map((row) => row.id));
    for (const id of ids) if (!present.has(id)) items.push({ id, version: TOMBSTONE_VERSION, body: `{"id":${id},"deleted":true}` });
  }
  return items;
}

async function write(scope: SearchScope, target: IndexVersion, all: readonly Item[]): Promise<IndexFailure[]> {
  let items = all;
  const failures: IndexFailure[] = [];
  for (let attempt = 0; items.length > 0; attempt++) {
    const answer = await scope.search.client.bulk({
      index: target.index,
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
      else if (status === 404) throw new Error(`the index ${target.index} is gone: ${error?.reason ?? ''}`);  // retired meanwhile; the next attempt reads which ones there are
      else failures.push({ customerId: item.id, version: item.version, reason: `${error?.type ?? status}: ${error?.reason ?? ''}`.slice(0, 1_000) });
    });
    if (busy.length > 0 && attempt >= BUSY_ATTEMPTS) throw new Error(`the index refused ${busy.length} documents as too many, ${attempt + 1} times`);
    if (busy.length > 0) await sleep(Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2));
    items = busy;
  }
  return failures;
}
