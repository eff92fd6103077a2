import type { JourneyEvent } from '#domain/journey/nodes/node.ts';
import type { Sql } from '../db/sql.ts';

interface EventRow {
  readonly id: number; readonly customerId: number; readonly type: string; readonly mailNo: number | null; readonly at: number; readonly machine: boolean;
  readonly detail: { readonly name?: unknown; readonly properties?: unknown } | null;
}

const EVENT = /* sql */ `select id, customer_id as "customerId", type, mail_no as "mailNo", (extract(epoch from occurred_at) * 1000)::bigint as at, machine, detail from event`;

/** Events as journeys see them, by id. */
export async function readJourneyEvents(sql: Pick<Sql, 'rows'>, ids: readonly number[]): Promise<Map<number, JourneyEvent>> {
  if (ids.length === 0) return new Map();
  const rows = await sql.rows<EventRow>(`${EVENT} where id = any($1)`, [ids]);
  return new Map(rows.map((row) => [row.id, toJourneyEvent(row)]));
}

/** What customers did since an instant (epoch ms), by customer, oldest first. @param types of mail events, or `custom` */
export async function readEventsSince(sql: Pick<Sql, 'rows'>, customerIds: readonly number[], since: number, types: readonly string[]): Promise<Map<number, JourneyEvent[]>> {
  const rows = await sql.rows<EventRow>(
    `${EVENT} where customer_id = any($1) and occurred_at >= to_timestamp($2::float8 / 1000) and type = any($3) order by occurred_at, id`, [customerIds, since, types]);
  const byCustomer = new Map<number, JourneyEvent[]>();
  for (const row of rows) byCustomer.set(row.customerId, [...(byCustomer.get(row.customerId) ?? []), toJourneyEvent(row)]);
  return byCustomer;
}

function toJourneyEvent({ id, type, mailNo, at, machine, detail }: EventRow): JourneyEvent {
  const isCustom = type === 'custom';
  const properties = isCustom && typeof detail?.properties === 'object' && detail.properties !== null ? (detail.properties as Record<string, unknown>) : {};
  return { id, type, name: isCustom && typeof detail?.name === 'string' ? detail.name : null, mailNo, at, machine, properties };
}
