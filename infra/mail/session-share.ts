import type { Sql } from '../db/sql.ts';

const REFRESH_MS = 1_000;
/** Who has none, or more than its share, looks more often. */
const HASTY_REFRESH_MS = 200;
const GONE_MS = 10_000;
/** How long a process has what is too little for all. */
const TURN_MS = 5_000;
/** How long the idle sessions of a connection over which nothing is sent stay open. */
export const REST_MS = 300;

export interface SessionShareOptions {
  readonly connectionNo: number;
  /** Tells the processes that send apart. */
  readonly processId: string;
  /** Sessions one process may have to one connection at most. */
  readonly most: number;
}

/**
 * How many of a connection's parallel sessions this process may open: they are divided among the processes that send over
 * it now, whatever the campaign. Who comes later takes only what the others do not hold, and they give up what is above
 * their share as its mails end; so together they never hold more. A process that is silent for 10 s has given up its
 * share; one that rests keeps it for a moment, or the others would take it between two ranges.
 */
export class SessionShare {
  readonly #o: SessionShareOptions;
  #sessions = 0;
  #readAt = 0;

  constructor(options: SessionShareOptions) {
    this.#o = options;
  }

  /** 0 until the first refresh, and while the others hold everything. */
  get sessions(): number {
    return this.#sessions;
  }

  /** Says that this process is there, counts the others and takes its share; cheap to call often. @param open sessions it has now */
  async refresh(sql: Sql, open: number): Promise<void> {
    const isSettled = this.#sessions > 0 && open <= this.#sessions;
    if (Date.now() - this.#readAt < (isSettled ? REFRESH_MS : HASTY_REFRESH_MS)) return;
    this.#readAt = Date.now();
    const { connectionNo, processId, most } = this.#o;
    this.#sessions = await sql.transaction(async (tx) => {
      // Two who come at the same moment must not both take what is free.
      const connection = await tx.first<{ parallel: number }>('select parallel from connection where no = $1 for no key update', [connectionNo]);
      if (connection === undefined) return 0;
      const others = (await tx.first<{ count: number; before: number; sessions: number; turn: number }>(OTHERS, [connectionNo, processId]))!;
      const processes = others.count + 1;
      // The first of the processes take what does not divide evenly; where there are fewer sessions than processes, by turns.
      const place = (others.before + (connection.parallel < processes ? others.turn : 0)) % processes;
      const share = Math.floor(connection.parallel / processes) + (place < connection.parallel % processes ? 1 : 0);
      const sessions = Math.max(0, Math.min(most, share, connection.parallel - others.sessions));
      await tx.run(
        `insert into session_share (connection_no, process_id, seen_at, sessions) values ($1, $2, clock_timestamp(), $3)
         on conflict (connection_no, process_id) do update set seen_at = excluded.seen_at, sessions = excluded.sessions`,
        [connectionNo, processId, Math.max(sessions, open)]);
      return sessions;
    });
  }

  /** Nothing is sent over the connection now: the others may have this share in a moment. @param open sessions that are idle */
  async rest(sql: Sql, open: number): Promise<void> {
    this.#readAt = 0;
    await sql.run(
      `update session_share set seen_at = clock_timestamp() - make_interval(secs => $4), sessions = $3 where connection_no = $1 and process_id = $2`,
      [this.#o.connectionNo, this.#o.processId, open, (GONE_MS - REST_MS) / 1_000]);
  }

  /** Gives its share to the others: this process ends. */
  async leave(sql: Sql): Promise<void> {
    await sql.run('delete from session_share where connection_no = $1 and process_id = $2', [this.#o.connectionNo, this.#o.processId]);
  }
}

const OTHERS = /* sql */ `
select count(*)::int as count, (count(*) filter (where process_id < $2))::int as before, coalesce(sum(sessions), 0)::int as sessions,
       floor(extract(epoch from clock_timestamp()) * 1000 / ${TURN_MS})::int as turn
  from session_share where connection_no = $1 and process_id <> $2 and seen_at > clock_timestamp() - interval '${GONE_MS} milliseconds'`;
