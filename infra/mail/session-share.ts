import { randomUUID } from 'node:crypto';
import type { Sql } from '../db/sql.ts';

/** This process among those that send. */
const processId = randomUUID();
const REFRESH_MS = 2_000;

/**
 * How many of a connection's parallel sessions this process may open: they are divided among the processes that send over
 * it now, whatever the campaign. A process that is silent for 10 s has given up its share; between two ranges it keeps it,
 * or the others would take it for the blink of an eye and hold it for 2 s.
 */
export class SessionShare {
  readonly #connectionNo: number;
  #sessions = 1;
  #readAt = 0;

  constructor(connectionNo: number) {
    this.#connectionNo = connectionNo;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /** Says that this process is there and counts the others; cheap to call often. @param most sessions the provider takes from one process */
  async refresh(sql: Sql, most: number): Promise<void> {
    if (Date.now() - this.#readAt < REFRESH_MS) return;
    this.#readAt = Date.now();
    const row = await sql.first<{ parallel: number; processes: number; rank: number }>(SHARE, [this.#connectionNo, processId]);
    if (row === undefined) return;
    // The first of the processes take what does not divide evenly; none has less than one.
    const share = Math.floor(row.parallel / row.processes) + (row.rank <= row.parallel % row.processes ? 1 : 0);
    this.#sessions = Math.max(1, Math.min(most, share));
  }
}

const SHARE = /* sql */ `
with seen as (
  insert into session_share (connection_no, process_id, seen_at) values ($1, $2, now())
  on conflict (connection_no, process_id) do update set seen_at = excluded.seen_at returning process_id),
live as (
  select process_id from session_share where connection_no = $1 and seen_at > now() - interval '10 seconds' union select process_id from seen)
select n.parallel, (select count(*)::int from live) as processes, (select count(*)::int from live where process_id <= $2) as rank from connection n where n.no = $1`;
