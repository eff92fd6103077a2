import type { GraphNode } from '#domain/journey/graph.ts';
import { settled } from '../db/contention.ts';
import { statement, type Sql, type Transaction } from '../db/sql.ts';
import { holdChanged, type Wanted } from './effects.ts';
import type { Place, Standing } from './members.ts';

/** Who leaves a step, by which port, and what that writes of her. */
export interface Departure {
  readonly member: Pick<Standing, 'enrollmentId' | 'customerId' | 'visit'>;
  readonly port: string;
  /** Where the port leads; undefined where it is open: her run ends. */
  readonly next: GraphNode | undefined;
  /** How long she rests there from her arrival; null: she is asked at once. */
  readonly rest?: Rest | null;
  /** For her path. */
  readonly because: Readonly<Record<string, unknown>> | null;
  readonly change: Wanted | null;
}

export interface Rest {
  /** Epoch ms. */
  readonly until: number;
  /** The event that ends it sooner. */
  readonly wake: string | null;
}

export interface MoveContext {
  readonly place: Place;
  readonly journeyName: string;
  /** Of the version's entry: a run that ends under "after completion" makes room for another. */
  readonly reentry: string;
  /** Epoch ms. */
  readonly now: number;
}

/**
 * Moves those who leave, in one statement with their paths, and writes what the step writes of them in the same transaction:
 * exactly once, for whoever has moved on, ended or changed hands meanwhile is not touched.
 * @param follow what else belongs to the move, once it is seen by whoever waits for these rows; like all of it it may run again
 * @returns ids of the runs that moved
 */
export async function depart(sql: Sql, context: MoveContext, departures: readonly Departure[], follow?: (tx: Transaction, moved: ReadonlySet<number>) => Promise<void>): Promise<ReadonlySet<number>> {
  if (departures.length === 0) return new Set();
  return settled(sql, async (tx) => {
    const effects = await holdChanged(tx, departures.flatMap(({ member, change }) => (change === null ? [] : [{ ...change, enrollmentId: member.enrollmentId, customerId: member.customerId }])));
    const details = departures.map(({ member, because }) => {
      const told = { ...because, ...effects.detailOf(member.enrollmentId) };
      return Object.keys(told).length === 0 ? null : JSON.stringify(told, storable);
    });
    const rows = await tx.rows<{ id: number }>(MOVE, [
      context.place.cohortId, context.place.node, context.now, context.reentry === 'after_completion',
      departures.map((each) => each.member.enrollmentId), departures.map((each) => each.member.visit), departures.map((each) => each.port),
      departures.map((each) => each.next?.id ?? null), departures.map((each) => each.next === undefined || each.next.kind === 'exit'), details,
      departures.map((each) => each.rest?.until ?? null), departures.map((each) => each.rest?.wake ?? null),
    ]);
    const moved = new Set(rows.map((row) => row.id));
    await effects.apply(tx, moved, `Journey “${context.journeyName}”`);
    await follow?.(tx, moved);
    return moved;
  });
}

/** Half of a surrogate pair, as a text cut to its length may end with, or a NUL is what the database takes in no JSON. */
function storable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed().replaceAll('\u0000', '') : value;
}

// The rows are held in the order of their ids, as everybody holds them. What is asked is read once: its size is not known to the
// planner, and joined again to a thousand people each of them is compared with each.
const MOVE = statement('journey-move', /* sql */ `
with asked as (
  select * from unnest($5::bigint[], $6::int[], $7::text[], $8::text[], $9::boolean[], $10::jsonb[], $11::float8[], $12::text[]) u(id, visit, port, next, ends, detail, until, wake)),
held as (
  select e.id, e.visit, e.arrived_at, a.port, a.next, a.ends, a.detail, a.until, a.wake from enrollment e join asked a on a.id = e.id and a.visit = e.visit
   where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' order by e.id for update of e),
moved as (
  update enrollment e
     set node_id = coalesce(h.next, e.node_id), visit = e.visit + case when h.next is null then 0 else 1 end, state = case when h.ends then 'completed' else 'active' end,
         arrived_at = case when h.next is null then e.arrived_at else to_timestamp($3::float8 / 1000) end, due_at = case when h.ends then null else to_timestamp(coalesce(h.until, $3::float8) / 1000) end,
         ended_at = case when h.ends then to_timestamp($3::float8 / 1000) end, reentry_key = case when h.ends and $4 then e.id::text else e.reentry_key end,
         wake_event = h.wake, woken_by = null, woken_at = null
    from held h where e.id = h.id
  returning e.id),
path as (
  insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at, detail)
  select id, visit, $2, port, arrived_at, to_timestamp($3::float8 / 1000), detail from held on conflict do nothing)
select id from moved`);

/** Who stays on a step, until when, and which event ends that sooner. */
export interface Stay extends Rest {
  readonly member: Pick<Standing, 'enrollmentId' | 'visit' | 'wokenById'>;
}

/** Writes when those who stay are asked next, and what follows from it in the same transaction. Who was woken by something else meanwhile stays woken. */
export async function stay(sql: Sql, place: Place, stays: readonly Stay[], follow: (tx: Transaction) => Promise<void>): Promise<void> {
  if (stays.length === 0) return;
  await settled(sql, async (tx) => {
    await tx.run(STAY, [
      place.cohortId, place.node, stays.map((each) => each.member.enrollmentId), stays.map((each) => each.member.visit), stays.map((each) => each.until), stays.map((each) => each.wake), stays.map((each) => each.member.wokenById),
    ]);
    await follow(tx);
  });
}

const STAY = statement('journey-stay', /* sql */ `
with asked as (select * from unnest($3::bigint[], $4::int[], $5::float8[], $6::text[], $7::bigint[]) u(id, visit, until, wake, seen)),
held as (
  select e.id, a.until, a.wake from enrollment e join asked a on a.id = e.id and a.visit = e.visit
   where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' and e.woken_by is not distinct from a.seen order by e.id for update of e)
update enrollment e set due_at = to_timestamp(h.until / 1000), wake_event = h.wake, woken_by = null, woken_at = null from held h where e.id = h.id`);

/** Ends runs on a step before their time. */
export async function leave(sql: Sql, { place, reentry, now }: MoveContext, enrollmentIds: readonly number[], reason: 'segment' | 'erased' | 'error'): Promise<void> {
  if (enrollmentIds.length === 0) return;
  await settled(sql, (tx) => tx.run(LEAVE, [place.cohortId, place.node, enrollmentIds, reason, now, reentry === 'after_completion']));
}

const LEAVE = statement('journey-leave', /* sql */ `
with held as (select id from enrollment where id = any($3::bigint[]) and cohort_id = $1 and node_id = $2 and state = 'active' order by id for update)
update enrollment e set state = 'exited', reason = $4, ended_at = to_timestamp($5::float8 / 1000), due_at = null, wake_event = null, woken_by = null, woken_at = null,
       reentry_key = case when $6 then e.id::text else e.reentry_key end
  from held h where e.id = h.id`);

/** When somebody on a step is asked next, epoch ms: now if she was woken; null when nobody is there or only an event wakes those who are. */
export async function nextDueAt(sql: Pick<Sql, 'first'>, place: Place, now: number): Promise<number | null> {
  const row = await sql.first<{ due: number | null }>(NEXT_DUE, [place.cohortId, place.node, now]);
  return row?.due ?? null;
}

const NEXT_DUE = statement('journey-next-due', /* sql */ `
select min(case when woken_by is not null then $3::float8 else ceil(extract(epoch from due_at) * 1000)::float8 end) as due from enrollment where cohort_id = $1 and node_id = $2 and state = 'active'`);

/** Notes that a cohort found its journey paused. @returns false when it is not paused any more: whoever resumed has not seen this cohort among the parked */
export async function park(sql: Sql, journeyId: string, cohortId: number): Promise<boolean> {
  return (await sql.run(`with paused as (select id from journey where id = $1 and state = 'paused' for share) update cohort set parked = true from paused where cohort.id = $2`, [journeyId, cohortId])) > 0;
}

export async function unpark(sql: Pick<Transaction, 'run'>, cohortId: number): Promise<void> {
  await sql.run('update cohort set parked = false where id = $1 and parked', [cohortId]);
}
