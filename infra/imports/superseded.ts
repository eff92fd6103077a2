import type { Transaction } from '../db/sql.ts';
import type { readRecords } from './files.ts';
import type { Rejection } from './reject-file.ts';

const PAGE = 5_000;

interface Superseded {
  readonly line: number;
  readonly last: number;
}

/**
 * Takes every staged row whose address comes again further down out of the staging table: the last row wins.
 * Only addresses that a row marked `is_repeat` has are looked at.
 * @param records the file once more, so that rows are refused with the cells they have
 * @param refuse gets the rows in the order of the file, in pages
 * @returns their number
 */
export async function takeOutSuperseded(tx: Transaction, table: string, records: ReturnType<typeof readRecords>, refuse: (rows: readonly Rejection[]) => Promise<void>): Promise<number> {
  await tx.run(`create temp table superseded on commit drop as
    select no, line, last from (
      select no, line, first_value(no) over later as last_no, first_value(line) over later as last from ${table}
       where email_key in (select email_key from ${table} where is_repeat)
      window later as (partition by email_key order by no desc)) ranked
     where no < last_no`);
  const count = await tx.run(`delete from ${table} s using superseded d where d.no = s.no`);
  if (count === 0) return 0;
  await tx.run('create unique index on superseded (line)');
  let page: Superseded[] = [];
  let at = 0;
  const next = async (): Promise<Superseded | undefined> => {
    if (at === page.length) {
      page = await tx.rows<Superseded>(`select line, last from superseded where line > $1 order by line limit ${PAGE}`, [page.at(-1)?.line ?? 0]);
      at = 0;
    }
    return page[at++];
  };
  let due = await next();
  for await (const piece of records) {
    const refusals: Rejection[] = [];
    for (const { line, cells } of piece.records) {
      if (due?.line !== line) continue;
      refusals.push({ cells, line, reason: `The address comes again in line ${due.last}; the last row wins.` });
      due = await next();
    }
    await refuse(refusals);
    if (due === undefined) break;
  }
  return count;
}
