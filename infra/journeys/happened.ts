import type { JourneyEvent } from '#domain/journey/nodes/node.ts';
import type { Sql } from '../db/sql.ts';
import { readJourneyEvents } from './journey-events.ts';

/** An event of a customer with what journeys ask of its arrival. */
export interface Happened extends JourneyEvent {
  readonly customerId: number;
  /** When it was accepted, epoch ms by the database's clock. */
  readonly receivedAt: number;
  /** Of bounces: `hard`, `soft` or `block`. */
  readonly bounceClass: string | null;
}

/** What people of whom we know did, in the order it was stored. What machines did for them is left out. */
export async function readHappened(sql: Pick<Sql, 'rows'>, eventIds: readonly number[]): Promise<Happened[]> {
  const rows = await sql.rows<Pick<Happened, 'id' | 'customerId' | 'receivedAt' | 'bounceClass'>>(
    `select id, customer_id as "customerId", (extract(epoch from received_at) * 1000)::double precision as "receivedAt", case type when 'bounced' then coalesce(detail->>'class', 'soft') end as "bounceClass"
       from event where id = any($1) and customer_id is not null and not machine order by id`, [eventIds]);
  const events = await readJourneyEvents(sql, rows.map((row) => row.id));
  return rows.flatMap((row) => {
    const event = events.get(row.id);
    return event === undefined ? [] : [{ ...event, ...row }];
  });
}
