import type { Sql, Transaction } from './sql.ts';

/** The database ended a transaction so that another could go on: nothing of it is left, and asking again is right. */
const ENDED_FOR_ANOTHER: ReadonlySet<unknown> = new Set(['40P01', '40001']);
const ATTEMPTS = 3;

/**
 * A transaction that is begun anew when the database ended it for the sake of another (deadlock, serialization failure).
 * @param work may run up to three times; it must do nothing outside the transaction
 */
export async function settled<T>(sql: Sql, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await sql.transaction(work);
    } catch (error) {
      if (attempt === ATTEMPTS || !ENDED_FOR_ANOTHER.has((error as { code?: unknown }).code)) throw error;
    }
  }
}
