import { createTallies, tallyArrivals, type Arrival, type MessageChange, type Standing } from '#domain/campaign/engagement.ts';
import { WRITE_SUPPRESSIONS } from '../infra/customers/suppression-lock.ts';
import { settled } from '../infra/db/contention.ts';
import type { Transaction } from '../infra/db/sql.ts';
import { silentJourneyEngine, type JourneyEngine } from '../infra/journeys/nudge.ts';
import { noNudges, reactToEvents, type Nudges } from '../infra/journeys/react.ts';
import { suppress, tellSent } from '../infra/mail/ledger.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { keepActivity, recantClicks } from './customer-activity.ts';
import { writeTallies } from './engagement-counts.ts';
import { recantBursts } from './scanner-bursts.ts';

interface EventRow extends Arrival {
  readonly kind: string;
  readonly customerId: number | null;
  readonly mailNo: number | null;
  readonly ordinal: number | null;
  readonly source: string;
}

/** A message and what arrived about it. */
export interface TouchedMessage extends Standing {
  readonly customerId: number;
  readonly arrived: Arrival[];
}

/** A sending tick that waits for a lock of ours must not be the one that a deadlock ends: we give way long before it is looked for. */
const GIVE_WAY = `set local lock_timeout = '300ms'`;
const LOCKED = '55P03';

/**
 * Applies arrived events and deletes their outbox rows in one transaction: what each customer did, engagement on the
 * ledger, every counter of the reports, suppression, customers to index, what journeys make of them. This is the only place
 * that counts them. Rows another attempt applied are gone and count nothing twice.
 */
export async function applyEvents(tenant: Tenant, rows: readonly { readonly id: number }[], journeys: JourneyEngine = silentJourneyEngine()): Promise<void> {
  for (;;) {
    try {
      const nudges = await settled(tenant.sql, (tx) => apply(tenant, tx, rows.map((row) => row.id), journeys));
      return await journeys.tell(tenant.org.id, nudges);
    } catch (error) {
      if ((error as { code?: unknown }).code !== LOCKED) throw error;
    }
  }
}

async function apply({ org }: Tenant, tx: Transaction, outboxIds: readonly number[], { versions, now }: JourneyEngine): Promise<Nudges> {
  const mine = await tx.rows<{ ids: number[] }>('delete from outbox where id = any($1) returning ids', [outboxIds]);
  const ids = mine.flatMap((row) => row.ids);
  if (ids.length === 0) return noNudges;
  const told = await tx.rows<{ leaving: boolean }>(`select type = 'unsubscribed' and source <> 'tracking_link' and customer_id is not null as leaving from event where id = any($1)`, [ids]);
  // Suppressions, then messages, then customers, as everybody locks them: what is kept of a customer holds her row.
  if (told.some((event) => event.leaving)) await tx.run(WRITE_SUPPRESSIONS);
  const messages = await lockMessages(tx, ids);
  const events = await tx.rows<EventRow>(ARRIVED, [ids]);
  for (const event of events) messages.get(keyOf(event))?.arrived.push(event);

  const recanted = await recantBursts(tx, [...messages.values()]);
  const tallies = createTallies();
  const changes = [...messages.values()].filter((message) => message.arrived.length > 0)
    .map((message) => tallyArrivals(tallies, message, message.arrived, recanted.get(keyOf(message)) ?? null, org.timezone));
  await writeMessages(tx, changes);
  await settleDoubts(tx, [...messages.values()]);
  await writeTallies(tx, tallies);

  // Held in the order of their ids before anything is kept of them: nobody is erased between.
  await tx.rows('select 1 from customer where id in (select customer_id from event where id = any($1)) order by id for key share', [ids]);
  const changed = await keepActivity(tx, ids, new Set(events.map((event) => event.kind)));
  for (const [key, { clicks }] of recanted) changed.push(...(await recantClicks(tx, messages.get(key)!, clicks.length)));
  if (changed.length > 0) await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [[...new Set(changed)]]);
  const leaving = events.filter((event) => event.type === 'unsubscribed' && event.source !== 'tracking_link' && event.customerId !== null);
  if (leaving.length > 0) await suppress(tx, { customerIds: leaving.map((event) => event.customerId!), reason: 'unsubscribed', source: 'webhook', causes: leaving.map(() => '') });
  return reactToEvents({ org, tx, versions, now: now() }, ids);
}

const keyOf = ({ mailNo, ordinal }: { readonly mailNo: number | null; readonly ordinal: number | null }) => `${mailNo}|${ordinal}`;

/** Holds the messages that events are about, in the order of their keys. */
async function lockMessages(tx: Transaction, ids: readonly number[]): Promise<Map<string, TouchedMessage>> {
  await tx.run(GIVE_WAY);
  const rows = await tx.rows<Omit<TouchedMessage, 'arrived' | 'doubt'> & { readonly doubtAt: number | null; readonly doubtReason: string }>(TOUCHED, [ids]);
  await tx.run(`set local lock_timeout = default`);
  return new Map(rows.map(({ doubtAt, doubtReason, ...row }) => [keyOf(row), { ...row, doubt: doubtAt === null ? null : { at: doubtAt, reason: doubtReason }, arrived: [] }]));
}

const ms = (time: string) => `(extract(epoch from ${time}) * 1000)::bigint`;

// Vendors whose servers only take mail never tell of a delivery.
const TOUCHED = /* sql */ `
with asked as (select distinct mail_no, ordinal from event where id = any($1) and mail_no is not null and ordinal is not null),
held as (select m.* from message m join asked using (mail_no, ordinal) order by m.mail_no, m.ordinal for update of m)
select m.mail_no as "mailNo", m.ordinal, m.customer_id as "customerId", coalesce(m.connection_no, 0) as "connectionNo", coalesce(m.variant, 0) as variant,
  split_part(c.email_key, '@', 2) as domain, case m.state when 5 then ${ms('coalesce(m.ended_at, m.started_at, now())')} end as "doubtAt", coalesce(m.reason, 'other') as "doubtReason",
  ${ms('m.first_opened_at')} as "openedAt", ${ms('m.first_clicked_at')} as "clickedAt", ${ms('m.delivered_at')} as "deliveredAt",
  m.bounced_at is not null as "isBounced", m.complained_at is not null as "isComplained", coalesce(n.vendor not in ('smtp', 'catcher'), false) as "reportsDeliveries"
from held m left join customer c on c.id = m.customer_id left join connection n on n.no = m.connection_no`;

const ARRIVED = /* sql */ `
select e.id, e.type, e.type as kind, e.customer_id as "customerId", e.mail_no as "mailNo", e.ordinal, e.link_no as link, ${ms('e.occurred_at')} as at, e.source,
  case when e.machine then coalesce(e.machine_reason, 'reported') end as machine,
  coalesce(e.country, '') as country, coalesce(e.city, '') as city, coalesce(e.client, '') as client, coalesce(e.device, '') as device,
  case e.type when 'bounced' then jsonb_build_object('kind', coalesce(e.detail->>'class', 'soft'), 'isCounted', e.source = 'smtp') end as bounce,
  e.type = 'unsubscribed' and (m.unsubscribed_at is null or m.unsubscribed_at = e.occurred_at) as "isFirst"
from event e left join message m on m.mail_no = e.mail_no and m.ordinal = e.ordinal where e.id = any($1) order by e.id`;

async function writeMessages(tx: Transaction, changes: readonly MessageChange[]): Promise<void> {
  if (changes.length === 0) return;
  const at = (time: number | null) => (time === null ? null : new Date(time).toISOString());
  await tx.run(`
    update message m set first_opened_at = u.opened_at, first_clicked_at = u.clicked_at, open_count = m.open_count + u.opens, click_count = m.click_count + u.clicks,
           delivered_at = u.delivered_at, bounced_at = coalesce(m.bounced_at, u.bounced_at), complained_at = coalesce(m.complained_at, u.complained_at),
           unsubscribed_at = coalesce(m.unsubscribed_at, u.unsubscribed_at)
      from unnest($1::int[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::int[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
           u(mail_no, ordinal, opened_at, clicked_at, opens, clicks, delivered_at, bounced_at, complained_at, unsubscribed_at)
     where m.mail_no = u.mail_no and m.ordinal = u.ordinal`, [
    changes.map((c) => c.mailNo), changes.map((c) => c.ordinal), changes.map((c) => at(c.openedAt)), changes.map((c) => at(c.clickedAt)), changes.map((c) => c.opens), changes.map((c) => c.clicks),
    changes.map((c) => at(c.deliveredAt)), changes.map((c) => at(c.bouncedAt)), changes.map((c) => at(c.complainedAt)), changes.map((c) => at(c.unsubscribedAt)),
  ]);
}

/** What arrived about a message in doubt proves that it was sent. */
async function settleDoubts(tx: Transaction, messages: readonly TouchedMessage[]): Promise<void> {
  const proven = messages.filter((message) => message.doubt !== null && message.arrived.length > 0);
  if (proven.length === 0) return;
  await tx.run('update message m set state = 2, reason = null from unnest($1::int[], $2::int[]) u(mail_no, ordinal) where m.mail_no = u.mail_no and m.ordinal = u.ordinal', [
    proven.map((message) => message.mailNo), proven.map((message) => message.ordinal),
  ]);
  for (const mailNo of new Set(proven.map((message) => message.mailNo))) await tellSent(tx, mailNo, proven.filter((message) => message.mailNo === mailNo).map((message) => message.ordinal));
}
