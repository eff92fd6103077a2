import { isMeant, type EventFilter } from '#domain/journey/events.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import type { MailFilter } from '#domain/journey/nodes/node.ts';
import { enter, holdEntrants, type CohortRef, type Entrant, type JourneyWork } from './enter.ts';
import { endComplained, endUnmailable, hasActiveRuns } from './exits.ts';
import { countGoals, GOAL_MS, reaches, type Reached } from './goals.ts';
import { readHappened, type Happened } from './happened.ts';
import { mailFilterOf } from './mail-filter.ts';
import { termsOf, type Terms } from './terms.ts';

/** What journeys wait for after a commit: runs to begin, and runs whose people were woken. */
export interface Nudges {
  readonly started: readonly CohortRef[];
  readonly woken: readonly (CohortRef & { readonly nodes: readonly string[] })[];
}

export const noNudges: Nudges = { started: [], woken: [] };

/**
 * What arrived events do to journeys, in the transaction that applies them, after suppressions were written: ends the runs of
 * who left, counts goals, wakes who waits for them, and lets in whom they let in. Each event is applied once, so each of these
 * happens once; an organization without runs and triggers pays two look-ups.
 * Locks the journeys and the customers that enter, then runs, each in the order of their ids, as everybody does.
 */
export async function reactToEvents(work: JourneyWork, eventIds: readonly number[]): Promise<Nudges> {
  const { tx, now } = work;
  const hasRuns = (await tx.first('select 1 as any from enrollment limit 1')) !== undefined;
  const triggers = await tx.rows<Trigger>(TRIGGERS);
  if (!hasRuns && triggers.length === 0) return noNudges;
  const events = await readHappened(tx, eventIds);
  if (events.length === 0) return noNudges;
  const mails = await mailFilterOf(tx, events.map((event) => event.mailNo));
  const entries: { journeyId: string; entrants: Entrant[] }[] = [];
  for (const trigger of triggers) {
    const entrants = await entrantsOf(work, trigger, events, mails);
    if (entrants.length > 0) entries.push({ journeyId: trigger.journeyId, entrants });
  }
  await holdEntrants(tx, entries.map((entry) => entry.journeyId), entries.flatMap(({ entrants }) => entrants.map((each) => each.customerId)));
  let woken: Nudges['woken'] = [];
  if (hasRuns) {
    await endUnmailable(tx, events.map((event) => event.customerId), now);
    await endComplained(tx, events, now);
    woken = await settleRuns(work, events, mails);
  }
  const started: CohortRef[] = [];
  for (const { journeyId, entrants } of entries) started.push(...((await enter(work, journeyId, entrants))?.cohorts ?? []));
  return { started, woken };
}

/** Ends the runs of changed customers who get no mail any more; costs one look-up where nobody is on the way. */
export async function reactToChanges({ tx, now }: Pick<JourneyWork, 'tx' | 'now'>, customerIds: readonly number[]): Promise<void> {
  if (await hasActiveRuns(tx)) await endUnmailable(tx, customerIds, now);
}

/** Customers who were added to a list in one transaction. */
export interface Addition {
  readonly ids: readonly number[];
  /** By the database's clock. */
  readonly at: Date;
}

/** Lets customers who were added to a list into the journeys that waited for that when they were. @returns cohorts whose runs begin after the commit */
export async function reactToAdditions(work: JourneyWork, listId: string, additions: readonly Addition[]): Promise<CohortRef[]> {
  const journeys = await work.tx.rows<{ id: string; armedAt: Date }>('select journey_id::text as id, armed_at as "armedAt" from journey_trigger where list_id = $1 order by journey_id', [listId]);
  const started: CohortRef[] = [];
  for (const { id, armedAt } of journeys) {
    const customerIds = additions.filter(({ at }) => at >= armedAt).flatMap(({ ids }) => ids);
    if (customerIds.length > 0) started.push(...((await enter(work, id, customerIds.map((customerId) => ({ customerId }))))?.cohorts ?? []));
  }
  return started;
}

interface Trigger {
  readonly journeyId: string;
  readonly versionNo: number;
  readonly kind: 'event' | 'custom';
  readonly event: string;
  readonly campaign: string | null;
  readonly armedAt: number;
}

const TRIGGERS = /* sql */ `
select journey_id::text as "journeyId", version_no as "versionNo", kind, event, campaign_id::text as campaign, (extract(epoch from armed_at) * 1000)::float8 as "armedAt"
  from journey_trigger where kind <> 'list' order by journey_id`;

async function entrantsOf(work: JourneyWork, { journeyId, versionNo, kind, event, campaign, armedAt }: Trigger, events: readonly Happened[], mails: MailFilter): Promise<Entrant[]> {
  const meant: EventFilter = kind === 'custom' ? { event: { type: 'custom', name: event } } : { event: { type: event }, ...(campaign === null ? {} : { campaign }) };
  let found = events.filter((each) => each.receivedAt >= armedAt && isMeant(meant, each, mails));
  if (found.length > 0 && kind === 'custom') {
    const { trigger } = await termsIn(work, journeyId, versionNo);
    if (trigger.kind === 'custom') found = found.filter((each) => isMeant({ ...meant, filters: trigger.filters }, each, mails));
  }
  return found.map((each) => ({ customerId: each.customerId, event: { id: each.id, type: each.type, bounceClass: each.bounceClass } }));
}

/** A run an event may concern: under way, or ended not long ago without its goal. */
interface Run extends CohortRef {
  readonly id: number;
  readonly customerId: number;
  readonly node: string;
  readonly isActive: boolean;
  readonly isWoken: boolean;
  readonly hasGoal: boolean;
  readonly enteredAt: number;
  readonly arrivedAt: number;
  readonly endedAt: number | null;
  readonly entryEventId: number | null;
}

const ms = (time: string) => `(extract(epoch from ${time}) * 1000)::float8`;
const RUN = /* sql */ `select id, journey_id::text as "journeyId", version_no as "versionNo", cohort_id as "cohortId", customer_id as "customerId", node_id as node, state = 'active' as "isActive",
  woken_by is not null as "isWoken", goal_at is not null as "hasGoal", ${ms('entered_at')} as "enteredAt", ${ms('arrived_at')} as "arrivedAt", ${ms('ended_at')} as "endedAt", entry_event_id as "entryEventId" from enrollment`;

/**
 * Goals and wakes. Runs that cannot be concerned are read and left alone; the others are locked, which waits for moves that
 * are under way, and then judged by where they stand.
 */
export async function settleRuns(work: JourneyWork, events: readonly Happened[], mails: MailFilter): Promise<Nudges['woken']> {
  const { tx, now } = work;
  const byCustomer = Map.groupBy(events, (event) => event.customerId);
  const runs = await tx.rows<Run>(
    `${RUN} where customer_id = any($1) and (state = 'active' or (goal_at is null and ended_at > $2::timestamptz))`, [[...byCustomer.keys()], new Date(now - GOAL_MS).toISOString()]);
  const concerned: number[] = [];
  for (const run of runs) {
    const terms = await termsIn(work, run.journeyId, run.versionNo);
    const hers = byCustomer.get(run.customerId) ?? [];
    const canWake = run.isActive && hers.some((event) => [...terms.waits.values()].some((node) => kindOf(node).matches?.(node.config, event, mails)));
    if (canWake || goalOf(run, terms, hers, mails) !== undefined) concerned.push(run.id);
  }
  if (concerned.length === 0) return [];

  const held = await tx.rows<Run>(`${RUN} where id = any($1) order by id for update`, [concerned]);
  const goals: Reached[] = [];
  const wakes: { run: Run; by: number }[] = [];
  for (const run of held) {
    const terms = await termsIn(work, run.journeyId, run.versionNo);
    const hers = byCustomer.get(run.customerId) ?? [];
    const goal = goalOf(run, terms, hers, mails);
    if (goal !== undefined) goals.push({ enrollmentId: run.id, at: goal.at, ends: run.isActive && terms.exits.goal });
    if (!run.isActive || run.isWoken || (goal !== undefined && terms.exits.goal)) continue;
    const node = terms.waits.get(run.node);
    const by = node && hers.find((event) => event.at >= run.arrivedAt && kindOf(node).matches?.(node.config, event, mails));
    if (by !== undefined) wakes.push({ run, by: by.id });
  }
  await countGoals(tx, goals, now);
  if (wakes.length > 0) {
    await tx.run('update enrollment e set woken_by = u.event, woken_at = $3::timestamptz from unnest($1::bigint[], $2::bigint[]) u(id, event) where e.id = u.id',
      [wakes.map(({ run }) => run.id), wakes.map(({ by }) => by), new Date(now).toISOString()]);
  }
  return [...Map.groupBy(wakes.map(({ run }) => run), (run) => run.cohortId).values()].map((woken) => {
    const { journeyId, versionNo, cohortId } = woken[0]!;
    return { journeyId, versionNo, cohortId, nodes: [...new Set(woken.map((run) => run.node))] };
  });
}

/** The first of her events after she entered, and not long after her run ended, that is its goal; none if it was counted. */
function goalOf(run: Run, { goal }: Terms, events: readonly Happened[], mails: MailFilter): Happened | undefined {
  if (run.hasGoal || goal === null) return undefined;
  const until = (run.endedAt ?? Infinity) + GOAL_MS;
  return events.find((event) => event.id !== run.entryEventId && event.at >= run.enteredAt && event.at <= until && reaches(goal, event, mails));
}

export async function termsIn({ org, tx, versions }: JourneyWork, journeyId: string, versionNo: number): Promise<Terms> {
  return termsOf((await versions.get({ org, sql: tx }, journeyId, versionNo)).graph);
}
