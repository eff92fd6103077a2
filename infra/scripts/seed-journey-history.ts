import type { Graph } from '#domain/journey/graph.ts';
import type { Container } from '../container.ts';
import type { Transaction } from '../db/sql.ts';
import { tellSent } from '../mail/ledger.ts';
import { seeded } from './seed-content.ts';
import { walk, type Walk } from './seed-journey-walk.ts';

/** Whose past is made up, and of which journey: published, its list trigger armed. */
export interface JourneyHistory {
  readonly orgId: string;
  readonly journeyId: string;
  readonly listId: string;
  /** Over how many days they came in. */
  readonly days: number;
  readonly emails: readonly string[];
}

interface Person { readonly id: number; readonly timezone: string | null }

const DAY = 86_400_000;
const OUTBOX_IDS = 1_000;
const iso = (time: number | null) => (time === null ? null : new Date(time).toISOString());

/**
 * Gives a published journey weeks of a past: people who came in day by day, their paths, mails, opens, clicks and orders as
 * rows of then; what the product counts, it counts itself, from events that arrive as any do. Whoever is still inside rests
 * with the time of her wait's end. Every cohort has its run, which is over at once where nobody is inside any more. The outbox
 * is the caller's to nudge.
 */
export async function writeJourneyHistory({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, { orgId, journeyId, listId, days, emails }: JourneyHistory): Promise<void> {
  const cohorts = await tenants.use(orgId, ({ org, sql }) => sql.transaction(async (tx) => {
    const journey = (await tx.first<{ name: string; graph: Graph }>('select j.name, v.graph from journey j join journey_version v on v.journey_id = j.id and v.no = j.active_version where j.id = $1', [journeyId]))!;
    const people = await tx.rows<Person>('select c.id, c.timezone from unnest($1::text[]) with ordinality u(email, n) join customer c on c.email_key = u.email order by n', [emails]);
    const listNames = new Map((await tx.rows<{ id: string; name: string }>('select id::text, name from list')).map((list) => [list.id, list.name]));
    const now = Date.now();
    const walks = people.map(({ id, timezone }, i) => walk(
      { customerId: id, timezone, enteredAt: cameAt(now, days, seeded(i, 11), seeded(i, 12)), chance: (salt) => seeded(i, 20 + salt) },
      { journeyId, journeyName: journey.name, graph: journey.graph, listNames, zone: org.timezone, now }));
    await dateBack(tx, journeyId, new Date(now - (days + 1) * DAY));
    const runs = await writeRuns(tx, journeyId, walks);
    await writeMails(tx, journeyId, runs);
    await writeLists(tx, listId, walks);
    return [...new Set(runs.map((run) => run.cohortId))];
  }));
  for (const cohortId of cohorts) await gateway.startCohort({ orgId, journeyId, versionNo: 1, cohortId });
}

/** Somewhere in a day of the past, by daylight. */
function cameAt(now: number, days: number, when: number, hour: number): number {
  const midnight = Math.floor((now - DAY) / DAY) * DAY;
  return midnight - Math.floor(when * (days - 1)) * DAY + Math.floor((7 + 13 * hour) * 3_600_000);
}

async function dateBack(tx: Transaction, journeyId: string, at: Date): Promise<void> {
  await tx.run(`update journey set created_at = $2::timestamptz - interval '2 hours', updated_at = $2 where id = $1`, [journeyId, at]);
  await tx.run('update journey_version set published_at = $2 where journey_id = $1', [journeyId, at]);
  await tx.run('update journey_trigger set armed_at = $2 where journey_id = $1', [journeyId, at]);
}

interface Run { readonly id: number; readonly cohortId: number; readonly walk: Walk }

/** Who came on the same day is one cohort. */
async function writeRuns(tx: Transaction, journeyId: string, walks: readonly Walk[]): Promise<Run[]> {
  const byDay = [...Map.groupBy([...walks].sort((a, b) => a.enteredAt - b.enteredAt), (one) => Math.floor(one.enteredAt / DAY)).values()];
  const cohorts = await tx.rows<{ id: number }>(
    `insert into cohort (journey_id, version_no, size, created_at) select $1, 1, s, at from unnest($2::int[], $3::timestamptz[]) with ordinality u(s, at, n) order by n returning id`,
    [journeyId, byDay.map((day) => day.length), byDay.map((day) => iso(day[0]!.enteredAt))]);
  const all = byDay.flatMap((day, i) => day.map((one) => ({ cohortId: cohorts[i]!.id, walk: one })));
  const ids = await tx.rows<{ id: number }>(
    `insert into enrollment (journey_id, version_no, cohort_id, customer_id, node_id, visit, state, reason, entered_at, arrived_at, due_at, wake_event, ended_at)
     select $1, 1, u.cohort, u.customer, u.node, u.visit, u.state, u.reason, u.entered, u.arrived, u.due, u.wake, u.ended
       from unnest($2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::timestamptz[])
            with ordinality u(cohort, customer, node, visit, state, reason, entered, arrived, due, wake, ended, n) order by n returning id`,
    [journeyId, all.map((run) => run.cohortId), ...columns(all.map((run) => run.walk), (w) => [w.customerId, w.node, w.visit, w.state, w.reason, iso(w.enteredAt), iso(w.arrivedAt), iso(w.dueAt), w.wake, iso(w.endedAt)])]);
  const runs = all.map((run, i) => ({ ...run, id: ids[i]!.id }));
  const steps = runs.flatMap(({ id, walk: { path } }) => path.map((left) => ({ id, ...left })));
  await tx.run(
    `insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at, detail) select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[])`,
    columns(steps, (left) => [left.id, left.visit, left.node, left.port, iso(left.arrivedAt), iso(left.leftAt), left.because === null ? null : JSON.stringify(left.because)]));
  return runs;
}

/** Lists of values by column, as `unnest` takes them. */
function columns<T>(rows: readonly T[], valuesOf: (row: T) => readonly unknown[]): unknown[][] {
  const values = rows.map(valuesOf);
  return (values[0] ?? []).map((_, i) => values.map((row) => row[i]));
}

interface SentMail { readonly mailNo: number; readonly linkNo: number; readonly connectionNo: number }

/** Messages as the ledger leaves them, and what readers did as events that just arrived; goals are counted from the orders among them. */
async function writeMails(tx: Transaction, journeyId: string, runs: readonly Run[]): Promise<void> {
  const mails = new Map((await tx.rows<SentMail & { node: string }>(MAILS, [journeyId])).map((mail) => [mail.node, mail]));
  const events: unknown[][] = [];
  for (const [node, { mailNo, linkNo, connectionNo }] of mails) {
    const sent = runs.flatMap(({ id, walk: { customerId, mails: hers } }) => hers.filter((mail) => mail.node === node).map((mail) => ({ id, customerId, ...mail }))).sort((a, b) => a.sentAt - b.sentAt);
    if (sent.length === 0) continue;
    await tx.run(MESSAGES, [mailNo, connectionNo, ...columns(sent, (mail) => [mail.customerId, mail.id, mail.visit, iso(mail.sentAt)])]);
    await tx.run('update mail set last_ordinal = $2 where no = $1', [mailNo, sent.length]);
    await tx.run(`insert into mail_count (mail_no, hour, connection_no, shard, sent) select mail_no, date_trunc('hour', ended_at, 'UTC'), connection_no, 1, count(*) from message where mail_no = $1 group by 1, 2, 3`, [mailNo]);
    await tellSent(tx, mailNo, sent.map((_, i) => i + 1));
    sent.forEach(({ customerId, openedAt, clickedAt, unsubscribedAt }, i) => {
      const [client, device] = READERS[customerId % READERS.length]!;
      const happened = (type: string, at: number | null, link: number | null = null) => at !== null && events.push([type, customerId, mailNo, i + 1, link, iso(at), 'tracking_link', client, device, null]);
      happened('opened', openedAt);
      happened('clicked', clickedAt, linkNo);
      // Of a vendor's word, so that taking it over suppresses her.
      if (unsubscribedAt !== null) events.push(['unsubscribed', customerId, mailNo, i + 1, null, iso(unsubscribedAt), 'webhook', client, device, null]);
    });
  }
  for (const { walk: { customerId, orderedAt } } of runs) {
    if (orderedAt !== null) events.push(['custom', customerId, null, null, null, iso(orderedAt), 'api', null, null, JSON.stringify({ name: 'order_placed', properties: { total: 12 + (customerId * 7) % 40 } })]);
  }
  const ids = (await tx.rows<{ id: number }>(EVENTS, columns(events, (event) => event))).map((row) => row.id);
  for (let from = 0; from < ids.length; from += OUTBOX_IDS) await tx.run(`insert into outbox (topic, ids) values ('event', $1)`, [ids.slice(from, from + OUTBOX_IDS)]);
}

const READERS = [['Apple Mail', 'Mobile'], ['Gmail', 'Mobile'], ['Gmail', 'Desktop'], ['Outlook', 'Desktop'], ['Apple Mail', 'Desktop']] as const;

const MAILS = /* sql */ `
select m.no as "mailNo", m.step_id as node, coalesce((select min(l.no) from link l where l.mail_no = m.no), 0) as "linkNo", coalesce(c.no, 0) as "connectionNo"
  from mail m join journey_version v on v.journey_id = m.ref_id and v.no = m.version_no
  cross join lateral (select n->'config'->>'connection' as id from jsonb_array_elements(v.graph->'nodes') n where n->>'id' = m.step_id) node
  left join connection c on c.id = node.id::uuid where m.kind = 'journey' and m.ref_id = $1 order by m.no`;

const MESSAGES = /* sql */ `
insert into message (mail_no, ordinal, customer_id, connection_no, state, attempt, started_at, ended_at, enrollment_id, visit)
select $1, n, u.customer, $2, 2, 1, u.at, u.at, u.run, u.visit from unnest($3::bigint[], $4::bigint[], $5::int[], $6::timestamptz[]) with ordinality u(customer, run, visit, at, n)`;

const EVENTS = /* sql */ `
insert into event (type, customer_id, mail_no, ordinal, link_no, occurred_at, source, client, device, detail)
select type, customer, mail, ordinal, link, at, source, client, device, detail
  from unnest($1::text[], $2::bigint[], $3::int[], $4::int[], $5::int2[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::jsonb[])
       with ordinality u(type, customer, mail, ordinal, link, at, source, client, device, detail, n) order by at, n returning id`;

/** When they joined, and where the journey put them; nobody is known for less time than she is in it. */
async function writeLists(tx: Transaction, listId: string, walks: readonly Walk[]): Promise<void> {
  const entered = [walks.map((one) => one.customerId), walks.map((one) => iso(one.enteredAt))];
  await tx.run('update list_member m set added_at = u.at from unnest($2::bigint[], $3::timestamptz[]) u(customer, at) where m.list_id = $1 and m.customer_id = u.customer', [listId, ...entered]);
  await tx.run(`with held as (select c.id, u.at from customer c join unnest($1::bigint[], $2::timestamptz[]) u(id, at) on u.id = c.id order by c.id for update of c)
    update customer c set created_at = h.at - interval '1 minute', version = c.version + 1 from held h where h.id = c.id`, entered);
  const put = walks.flatMap(({ customerId, lists }) => lists.map((list) => ({ customerId, list })));
  await tx.run('insert into list_member (list_id, customer_id) select * from unnest($1::uuid[], $2::bigint[]) on conflict do nothing', [put.map((one) => one.list), put.map((one) => one.customerId)]);
  await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [walks.map((one) => one.customerId)]);
}
