import type { Sql } from './sql.ts';

/** Part of a table that must be new for its statistics to be read anew at once. */
const WORTH_ANALYZING = 0.1;

/**
 * Reads a table's statistics anew when what was just committed is much beside what was there: else the first plans, which
 * prepared statements keep, are made for a table of nothing and scan it. Of a table that hardly grew they hold, and autovacuum
 * follows: with them read anew for each of 100 small campaigns Postgres had one of two cores, without half of one.
 * @param added rows
 */
export async function analyzeGrown(sql: Pick<Sql, 'first' | 'run'>, table: 'message' | 'enrollment', added: number): Promise<void> {
  const known = (await sql.first<{ rows: number }>('select reltuples::float8 as rows from pg_class where oid = $1::regclass', [table]))!.rows;
  if (added > known * WORTH_ANALYZING) await sql.run(`analyze ${table}`);
}
