import pg, { type Pool, type PoolClient } from 'pg';

// bigint identities stay below 2^53 and are read as numbers, in arrays too (pg leaves both as text).
const INT8_ARRAY = 1016;
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(INT8_ARRAY as never, (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map((part) => (part === 'NULL' ? null : Number(part)))) as never);

/** A named statement: the name is also its prepared name on every connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export function statement(name: string, text: string): Statement {
  return { name, text };
}

/** Plain SQL on an organization's (or the control) pool, beside MikroORM: for hot paths and sets. */
export interface Sql {
  /** Rows of the result; bigint columns come as numbers (ids stay below 2^53). */
  rows<R extends object>(query: Statement | string, values?: readonly unknown[]): Promise<R[]>;
  /** The first row, or undefined. */
  first<R extends object>(query: Statement | string, values?: readonly unknown[]): Promise<R | undefined>;
  /** Number of rows the statement touched. */
  run(query: Statement | string, values?: readonly unknown[]): Promise<number>;
  /** All or nothing. `tx.client` is the raw connection, for COPY and cursors. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface Transaction extends Sql {
  readonly client: PoolClient;
}

export function createSql(pool: Pool): Sql {
  return {
    ...queries(pool),
    async transaction(work) {
      const client = await pool.connect();
      let failed: Error | undefined;
      try {
        await client.query('begin');
        const nested: Transaction = { ...queries(client), client, transaction: async (inner) => inner(nested) };
        const result = await work(nested);
        await client.query('commit');
        return result;
      } catch (error) {
        // A connection whose rollback fails is in an unknown state and must not return to the pool.
        await client.query('rollback').catch((e: unknown) => (failed = e as Error));
        throw error;
      } finally {
        client.release(failed);
      }
    },
  };
}

function queries(target: Pool | PoolClient): Omit<Sql, 'transaction'> {
  const ask = (query: Statement | string, values: readonly unknown[] = []) =>
    // MikroORM's pools read times as text; ours are Dates on every pool.
    target.query({ ...(typeof query === 'string' ? { text: query } : { name: query.name, text: query.text }), values: [...values], types: pg.types });
  return {
    rows: async <R extends object>(query: Statement | string, values?: readonly unknown[]) => (await ask(query, values)).rows as R[],
    first: async <R extends object>(query: Statement | string, values?: readonly unknown[]) => (await ask(query, values)).rows[0] as R | undefined,
    run: async (query, values) => (await ask(query, values)).rowCount ?? 0,
  };
}
