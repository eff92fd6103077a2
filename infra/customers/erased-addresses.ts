import type { Sql } from '../db/sql.ts';

/** Whom kept files are searched for. */
export interface ErasedAddresses {
  readonly count: number;
  /** @returns when the address with this keyed hash was erased, in epoch ms; 0 for one that was not */
  erasedAt(hash: Buffer): number;
}

interface Page {
  readonly hash: Buffer;
  readonly id: number | null;
  readonly at: Date;
}

const PAGE = 2_000;

// The mark says that a search of all files began after this erasure; erased once more she loses it.
const MARK = /* sql */ `
with marked as (
  update erased_address set searched = true where hash in (select hash from erased_address where hash > $1 order by hash limit $2) returning hash, customer_id as id, erased_at as at
)
select hash, id, at from marked order by hash`;

const SEARCHED = 'select hash, customer_id as id, erased_at as at from erased_address where searched and hash > $1 order by hash limit $2';

/**
 * Reads who was erased, 16 bytes of memory each: of keyed hashes the first 8 bytes tell one from another.
 * @param anew marks them as searched for; otherwise those are read who bear the mark
 * @param onPage called with the numbers of 2,000 people at a time
 */
export async function readErasedAddresses(sql: Sql, anew: boolean, onPage: (customerIds: number[]) => Promise<void>): Promise<ErasedAddresses> {
  const starts: BigUint64Array[] = [];
  const instants: Float64Array[] = [];
  for (let after: Buffer = Buffer.alloc(0), rows: Page[]; ; after = rows.at(-1)!.hash) {
    rows = await sql.rows<Page>(anew ? MARK : SEARCHED, [after, PAGE]);
    if (rows.length === 0) break;
    starts.push(BigUint64Array.from(rows, (row) => row.hash.readBigUInt64BE()));
    instants.push(Float64Array.from(rows, (row) => row.at.getTime()));
    await onPage(rows.flatMap(({ id }) => (id === null ? [] : [id])));
  }
  const count = starts.reduce((sum, page) => sum + page.length, 0);
  const byStart = new BigUint64Array(count);
  const at = new Float64Array(count);
  for (let page = 0, from = 0; page < starts.length; from += starts[page++]!.length) {
    byStart.set(starts[page]!, from);
    at.set(instants[page]!, from);
  }
  return { count, erasedAt: (hash) => at[placeOf(byStart, hash.readBigUInt64BE())] ?? 0 };
}

/** @returns -1 when it is not among them */
function placeOf(sorted: BigUint64Array, wanted: bigint): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle]! < wanted) from = middle + 1;
    else to = middle;
  }
  return sorted[from] === wanted ? from : -1;
}

/** The search is over for those who bear the mark. */
export async function forgetSearched(sql: Pick<Sql, 'run'>): Promise<void> {
  await sql.run('delete from erased_address where searched');
}
