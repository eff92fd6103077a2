import type { Token } from '#domain/journey/board.ts';
import { admitsUnmailable } from '#domain/journey/entry.ts';
import type { Transaction } from '../db/sql.ts';
import type { Tenant } from '../tenancy/registry.ts';
import { termsOf, type Terms } from './terms.ts';
import { tokensAt } from './tokens.ts';
import type { Versions } from './versions.ts';

/** The most people of one cohort: what an activity of a step takes at once. */
export const COHORT_SIZE = 1_000;

/** Of those who did not get in at one moment, so many are kept for "Why is nobody entering?". */
const REFUSALS_KEPT = 20;

/** Why she gets no mail, as bits of `flags_at_entry`, of a row `customer c`. */
export const FLAGS = '(c.is_unsubscribed::int + 2 * c.is_bounced::int + 4 * c.is_suppressed::int)';

/** A transaction of an organization in which something is done to its journeys. */
export interface JourneyWork {
  readonly org: Tenant['org'];
  readonly tx: Transaction;
  readonly versions: Versions;
  /** Epoch ms, by the engine's clock. */
  readonly now: number;
}

/** A cohort as the gateway names it, beside the organization. */
export interface CohortRef {
  /** Of a new one: where everybody of it stands, so that its run need not look. */
  readonly tokens?: readonly Token[];
  readonly journeyId: string;
  readonly versionNo: number;
  readonly cohortId: number;
}

/** Somebody whom a trigger or a person lets in. */
export interface Entrant {
  readonly customerId: number;
  /** What brought her in. */
  readonly event?: { readonly id: number; readonly type: string; readonly bounceClass: string | null };
}

export interface Entered {
  /** Cohorts whose runs begin after the commit (`gateway.startCohort`); whoever was completed at once is in none. */
  readonly cohorts: readonly CohortRef[];
  readonly enrolled: number;
  /** By re-entry. */
  readonly barred: number;
  readonly suppressed: number;
  /** Whom nobody knows (any more). */
  readonly unknown: number;
}

/**
 * Lets people into the live version of a journey, each as often as its re-entry allows, whoever else lets her in at the same
 * moment; of several of one batch the first counts. Suppressed people stay out, unless the trigger is what suppresses.
 * Holds the journey, so that nobody enters while it is paused or archived, and the customers, so that nobody is suppressed
 * or erased unseen; locks neither messages nor other runs.
 * @returns null when the journey is not published: nobody enters
 */
export async function enter({ org, tx, versions, now }: JourneyWork, journeyId: string, entrants: readonly Entrant[]): Promise<Entered | null> {
  const journey = await tx.first<{ state: string; no: number | null }>('select state, active_version as no from journey where id = $1 for share', [journeyId]);
  if (journey?.state !== 'published' || journey.no === null) return null;
  const terms = termsOf((await versions.get({ org, sql: tx }, journeyId, journey.no)).graph);
  const ids = [...new Set(entrants.map((each) => each.customerId))];
  const held = await tx.rows<{ id: number; mailable: boolean; flags: number }>(`select c.id, c.mailable, ${FLAGS} as flags from customer c where c.id = any($1) order by c.id for share`, [ids]);
  const customers = new Map(held.map((row) => [row.id, row]));
  const before = await ranBefore(tx, journeyId, ids, terms.reentry);
  const admitsAll = admitsUnmailable(terms.trigger);

  const admitted: Newcomer[] = [];
  const refused: { customerId: number; reason: 'reentry' | 'suppressed' }[] = [];
  let unknown = 0;
  for (const entrant of entrants) {
    const customer = customers.get(entrant.customerId);
    if (customer === undefined) unknown += 1;
    else if (!customer.mailable && !admitsAll) refused.push({ customerId: customer.id, reason: 'suppressed' });
    else if (before.has(customer.id)) refused.push({ customerId: customer.id, reason: 'reentry' });
    else admitted.push({ customerId: customer.id, eventId: entrant.event?.id ?? null, flags: admitsAll ? customer.flags | impliedBy(entrant) : customer.flags });
  }
  const suppressed = refused.length - refused.filter(({ reason }) => reason === 'reentry').length;

  const cohorts: CohortRef[] = [];
  let enrolled = 0;
  for (let i = 0; i < admitted.length; i += COHORT_SIZE) {
    const chunk = admitted.slice(i, i + COHORT_SIZE);
    const made = await enroll(tx, journeyId, journey.no, terms, chunk, now);
    enrolled += made.customerIds.length;
    if (made.customerIds.length > 0 && isUnderWay(terms)) cohorts.push({ journeyId, versionNo: journey.no, cohortId: made.cohortId, tokens: tokensAt(terms.first!) });
    refused.push(...without(chunk, made.customerIds).map((customerId) => ({ customerId, reason: 'reentry' as const })));
  }
  const shown = refused.slice(-REFUSALS_KEPT);
  if (shown.length > 0) {
    await tx.run('insert into journey_refusal (journey_id, customer_id, reason) select $1, c, r from unnest($2::bigint[], $3::text[]) with ordinality u(c, r, n) order by n',
      [journeyId, shown.map((each) => each.customerId), shown.map((each) => each.reason)]);
  }
  return { cohorts, enrolled, barred: refused.length - suppressed, suppressed, unknown };
}

/** For those who hold runs before somebody enters: journeys and customers come first, in the order of their ids. */
export async function holdEntrants(tx: Transaction, journeyIds: readonly string[], customerIds: readonly number[]): Promise<void> {
  if (journeyIds.length === 0) return;
  await tx.rows('select 1 from journey where id = any($1::uuid[]) order by id for share', [journeyIds]);
  await tx.rows('select 1 from customer where id = any($1) order by id for share', [customerIds]);
}

interface Newcomer {
  readonly customerId: number;
  readonly eventId: number | null;
  readonly flags: number;
}

/** Whether a run goes anywhere: one whose first step is missing or an exit is completed as it begins. */
function isUnderWay({ first }: Terms): boolean {
  return first !== undefined && first.kind !== 'exit';
}

/** What an event suppresses by itself, whether or not its suppression is written already. */
function impliedBy({ event }: Entrant): number {
  if (event?.type === 'unsubscribed') return 1 | 4;
  if (event?.type === 'complained') return 4;
  return event?.type === 'bounced' && event.bounceClass === 'hard' ? 2 | 4 : 0;
}

/**
 * Who may not enter because of an earlier run, whatever the setting was then. Where a completed run allows the next one, it
 * gives the empty key free: the unique key then holds two who come at the same moment apart.
 */
async function ranBefore(tx: Transaction, journeyId: string, ids: readonly number[], reentry: Terms['reentry']): Promise<ReadonlySet<number>> {
  if (reentry === 'concurrent') return new Set();
  if (reentry === 'after_completion') {
    await tx.run(
      `update enrollment e set reentry_key = e.id::text from (
         select id from enrollment where journey_id = $1 and customer_id = any($2) and reentry_key = '' and state <> 'active' order by id for update) ended where e.id = ended.id`, [journeyId, ids]);
  }
  const rows = await tx.rows<{ id: number }>(
    `select distinct customer_id as id from enrollment where journey_id = $1 and customer_id = any($2) ${reentry === 'once' ? '' : `and state = 'active'`}`, [journeyId, ids]);
  return new Set(rows.map((row) => row.id));
}

/** @returns who got in, each as often as she did */
async function enroll(tx: Transaction, journeyId: string, versionNo: number, terms: Terms, people: readonly Newcomer[], now: number): Promise<{ cohortId: number; customerIds: number[] }> {
  const cohortId = (await tx.first<{ id: number }>(`select nextval(pg_get_serial_sequence('cohort', 'id')) as id`))!.id;
  const rows = await tx.rows<{ id: number }>(ENROLL, [
    journeyId, versionNo, cohortId, (terms.first ?? terms.entry).id, isUnderWay(terms) ? 'active' : 'completed', terms.reentry === 'concurrent', new Date(now).toISOString(),
    people.map((each) => each.customerId), people.map((each) => each.eventId), people.map((each) => each.flags)]);
  if (rows.length > 0) await tx.run('insert into cohort (id, journey_id, version_no, size) overriding system value values ($1, $2, $3, $4)', [cohortId, journeyId, versionNo, rows.length]);
  return { cohortId, customerIds: rows.map((row) => row.id) };
}

const ENROLL = /* sql */ `
with asked as (
  select nextval(pg_get_serial_sequence('enrollment', 'id')) as id, u.* from unnest($8::bigint[], $9::bigint[], $10::smallint[]) with ordinality u(customer_id, event_id, flags, n) order by n
)
insert into enrollment (id, journey_id, version_no, cohort_id, customer_id, reentry_key, node_id, state, flags_at_entry, entry_event_id, entered_at, arrived_at, due_at, ended_at)
overriding system value
select id, $1, $2, $3, customer_id, case when $6 then id::text else '' end, $4, $5, flags, event_id, $7::timestamptz, $7::timestamptz,
  case when $5 = 'active' then $7::timestamptz end, case when $5 <> 'active' then $7::timestamptz end
from asked order by n
on conflict (journey_id, customer_id, reentry_key) do nothing
returning customer_id as id`;

/** Those of a batch who did not get in. */
function without(people: readonly Newcomer[], enrolled: readonly number[]): number[] {
  const left = new Map<number, number>();
  for (const id of enrolled) left.set(id, (left.get(id) ?? 0) + 1);
  return people.flatMap(({ customerId }) => {
    const times = left.get(customerId) ?? 0;
    if (times === 0) return [customerId];
    left.set(customerId, times - 1);
    return [];
  });
}
