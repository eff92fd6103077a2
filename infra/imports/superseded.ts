import { customKey, type ImportColumn } from '#domain/customer/import-columns.ts';
import type { Transaction } from '../db/sql.ts';
import type { Rejection } from './reject-file.ts';

const PAGE = 5_000;

type Staged = Readonly<Record<string, string | null>> & { readonly custom?: Readonly<Record<string, string | null>> };

/**
 * Takes every staged row whose address comes again further down out of the staging table: the last row wins.
 * Only addresses that a row marked `is_repeat` has are looked at.
 * @param refuse gets the rows in the order of the file, in pages; cells that were not staged are empty
 * @returns their number
 */
export async function takeOutSuperseded(tx: Transaction, table: string, columns: readonly ImportColumn[], refuse: (rows: readonly Rejection[]) => Promise<void>): Promise<number> {
  await tx.run(`create temp table superseded on commit drop as
    select no, last_line from (
      select no, first_value(no) over later as last_no, first_value(line) over later as last_line from ${table}
       where email_key in (select email_key from ${table} where is_repeat)
      window later as (partition by email_key order by no desc)) ranked
     where no < last_no`);
  await tx.run('create unique index on superseded (no)');
  let count = 0;
  for (let after = 0; ;) {
    const page = await tx.rows<{ no: number; line: number; last: number; staged: Staged }>(
      `select d.no, s.line, d.last_line as last, to_jsonb(s) as staged from superseded d join ${table} s on s.no = d.no where d.no > $1 order by d.no limit ${PAGE}`, [after]);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.no;
    count += page.length;
    await refuse(page.map(({ line, last: winner, staged }) => ({
      line, cells: columns.map((column) => cellOf(column, staged)), reason: `The address comes again in line ${winner}; the last row wins.`,
    })));
  }
  if (count > 0) await tx.run(`delete from ${table} s using superseded d where d.no = s.no`);
  return count;
}

function cellOf(column: ImportColumn, staged: Staged): string {
  if (column.target === 'ignore') return '';
  const key = customKey(column);
  const value = key === null ? staged[column.target] : staged.custom?.[key];
  return value === null || value === undefined ? '' : String(value);
}
