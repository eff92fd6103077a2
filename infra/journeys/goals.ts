import type { Goal } from '#domain/journey/entry.ts';
import { isMeant } from '#domain/journey/events.ts';
import type { MailFilter } from '#domain/journey/nodes/node.ts';
import type { Sql } from '../db/sql.ts';
import type { Happened } from './happened.ts';

/** A goal counts until so long after the end of a run. */
export const GOAL_MS = 30 * 86_400_000;

/** Whether an event is the goal; goals that are segments are looked for by the clock (`segments.ts`). */
export function reaches(goal: Goal | null, event: Happened, mails: MailFilter): boolean {
  if (goal === null || goal.kind === 'segment') return false;
  if (goal.kind === 'custom') return isMeant({ event: { type: 'custom', name: goal.name }, filters: goal.filters }, event, mails);
  const { campaign, journey, step } = goal;
  return isMeant({ event: { type: goal.event }, ...(campaign === undefined ? {} : { campaign }), ...(journey === undefined ? {} : { journey }), ...(step === undefined ? {} : { step }) }, event, mails);
}

export interface Reached {
  readonly enrollmentId: number;
  /** Epoch ms. */
  readonly at: number;
  /** Whether it ends the run, should that be under way. */
  readonly ends: boolean;
}

/**
 * Counts goals, each once a run, and ends the runs that are to end by them. The caller holds the runs.
 * @param now epoch ms, by the engine's clock
 */
export async function countGoals(tx: Pick<Sql, 'run'>, reached: readonly Reached[], now: number): Promise<void> {
  if (reached.length === 0) return;
  await tx.run(COUNT, [reached.map((each) => each.enrollmentId), reached.map((each) => each.at), reached.map((each) => each.ends), new Date(now).toISOString()]);
}

const COUNT = /* sql */ `
update enrollment e set goal_at = to_timestamp(u.at / 1000),
  state = case when u.ends and e.state = 'active' then 'exited' else e.state end, reason = case when u.ends and e.state = 'active' then 'goal' else e.reason end,
  ended_at = case when u.ends and e.state = 'active' then $4::timestamptz else e.ended_at end,
  due_at = case when u.ends then null else e.due_at end, wake_event = case when u.ends then null else e.wake_event end
 from unnest($1::bigint[], $2::float8[], $3::boolean[]) u(id, at, ends) where e.id = u.id and e.goal_at is null`;
