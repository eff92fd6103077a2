import { BURST_MS, burstOf, type Arrival, type Recanted } from '#domain/campaign/engagement.ts';
import type { Transaction } from '../infra/db/sql.ts';
import type { TouchedMessage } from './events.ts';

type Nearby = Arrival & { readonly mailNo: number; readonly ordinal: number };

/**
 * Finds the clicks that a scanner made (`burstOf`): it is told by the last of them, when the first may have counted as a
 * person's. Marks their events, those that arrived now in `messages` too.
 * @param messages held by this transaction, so that nobody else counts for them meanwhile
 * @returns by message what counted already and must be taken back
 */
export async function recantBursts(tx: Transaction, messages: readonly TouchedMessage[]): Promise<Map<string, Recanted>> {
  const clicked = messages.filter((message) => message.arrived.some((each) => each.type === 'clicked'));
  const recanted = new Map<string, Recanted>();
  if (clicked.length === 0) return recanted;
  const linksOf = await countLinks(tx, clicked);
  const suspects = clicked.filter((message) => linksOf(message) > 1 || message.arrived.some((each) => each.machine === 'hidden_link'));
  if (suspects.length === 0) return recanted;
  const nearby = await clicksNear(tx, suspects);
  const reasons = new Map<number, string>();
  for (const message of suspects) {
    const clicks = [...message.arrived.filter((each) => each.type === 'clicked'), ...(nearby.get(`${message.mailNo}|${message.ordinal}`) ?? [])];
    for (const [id, reason] of burstOf(clicks, linksOf(message))) reasons.set(id, reason);
  }
  if (reasons.size === 0) return recanted;
  await tx.run('update event e set machine = true, machine_reason = u.reason from unnest($1::bigint[], $2::text[]) u(id, reason) where e.id = u.id', [[...reasons.keys()], [...reasons.values()]]);
  for (const message of suspects) message.arrived.splice(0, message.arrived.length, ...message.arrived.map((each) => ({ ...each, machine: reasons.get(each.id) ?? each.machine })));

  // What still waits in the outbox has counted nowhere: it is read anew, as a machine's, when its turn comes.
  const earlier = [...nearby.values()].flat().filter((each) => reasons.has(each.id));
  const waiting = new Set((await tx.rows<{ id: number }>(`select u.id from unnest($1::bigint[]) u(id) where exists (select from outbox o where o.topic = 'event' and o.ids @> array[u.id])`, [earlier.map((each) => each.id)])).map((row) => row.id));
  for (const message of suspects) {
    const key = `${message.mailNo}|${message.ordinal}`;
    const counted = (nearby.get(key) ?? []).filter((each) => reasons.has(each.id) && !waiting.has(each.id)).map((each) => ({ ...each, machine: reasons.get(each.id)! }));
    if (counted.length > 0) recanted.set(key, await whatIsLeft(tx, message, counted));
  }
  return recanted;
}

/** Different links of each message: those of its variant. */
async function countLinks(tx: Transaction, messages: readonly TouchedMessage[]): Promise<(message: TouchedMessage) => number> {
  const rows = await tx.rows<{ mailNo: number; variant: number | null; count: number }>(
    'select mail_no as "mailNo", variant, count(*)::int as count from link where mail_no = any($1) group by 1, 2', [[...new Set(messages.map((each) => each.mailNo))]]);
  return ({ mailNo, variant }) => rows.filter((row) => row.mailNo === mailNo && (row.variant === null || row.variant === variant)).reduce((sum, row) => sum + row.count, 0);
}

const CLICK = /* sql */ `
e.id, e.type, e.mail_no as "mailNo", e.ordinal, e.link_no as link, (extract(epoch from e.occurred_at) * 1000)::bigint as at, case when e.machine then coalesce(e.machine_reason, 'reported') end as machine,
  coalesce(e.country, '') as country, coalesce(e.city, '') as city, coalesce(e.client, '') as client, coalesce(e.device, '') as device, null as bounce, false as "isFirst"`;

/** Clicks on the same messages shortly before and after those that arrived now, without these. By customer, as the index has them. */
async function clicksNear(tx: Transaction, messages: readonly TouchedMessage[]): Promise<Map<string, Nearby[]>> {
  const spans = messages.map((message) => {
    const times = message.arrived.filter((each) => each.type === 'clicked').map((each) => each.at);
    return { message, from: Math.min(...times) - BURST_MS, to: Math.max(...times) + BURST_MS };
  });
  const rows = await tx.rows<Nearby>(`
    select ${CLICK} from unnest($1::bigint[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[]) u(customer_id, mail_no, ordinal, first, last)
      join event e on e.customer_id = u.customer_id and e.occurred_at between u.first and u.last and e.mail_no = u.mail_no and e.ordinal = u.ordinal
     where e.type = 'clicked' and e.id <> all($6::bigint[])`, [
    spans.map(({ message }) => message.customerId), spans.map(({ message }) => message.mailNo), spans.map(({ message }) => message.ordinal),
    spans.map(({ from }) => new Date(from).toISOString()), spans.map(({ to }) => new Date(to + 1).toISOString()), messages.flatMap((message) => message.arrived.map((each) => each.id)),
  ]);
  const found = new Map<string, Nearby[]>();
  for (const row of rows) {
    const key = `${row.mailNo}|${row.ordinal}`;
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return found;
}

/** What people did on this message apart from what arrives now and what is taken back. */
async function whatIsLeft(tx: Transaction, message: TouchedMessage, clicks: readonly Arrival[]): Promise<Recanted> {
  const rows = await tx.rows<Nearby>(`select ${CLICK} from event e where e.customer_id = $1 and e.mail_no = $2 and e.ordinal = $3 and e.type in ('opened', 'clicked') and not e.machine and e.id <> all($4::bigint[])
     and not exists (select from outbox o where o.topic = 'event' and o.ids @> array[e.id])`, [message.customerId, message.mailNo, message.ordinal, message.arrived.map((each) => each.id)]);
  const earliest = (of: readonly Arrival[]) => of.reduce<number | null>((least, each) => (least === null ? each.at : Math.min(least, each.at)), null);
  const atOf = (at: number | null) => clicks.find((click) => click.at === at) ?? null;
  const first = { open: atOf(message.openedAt), click: atOf(message.clickedAt) };
  return {
    clicks, first,
    left: {
      openedAt: first.open === null ? message.openedAt : earliest(rows),
      clickedAt: first.click === null ? message.clickedAt : earliest(rows.filter((each) => each.type === 'clicked')),
    },
  };
}
