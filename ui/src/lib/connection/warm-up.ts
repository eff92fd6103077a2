import type { Connection } from '../api/types.ts';
import { warmUpOf } from '#domain/delivery/rate.ts';

export type WarmUp = NonNullable<Connection['warmUp']>;

const DAY_MS = 86_400_000;
const MOST_DAYS = 3_650;
const dayOf = (on: string) => Date.parse(`${on}T00:00:00Z`);

export interface WarmUpStanding {
  /** From 1; 0 or less before it begins. */
  readonly day: number;
  /** Mails today at most; null once the target is reached. */
  readonly allowed: number | null;
  /** When the target is reached: the day of the calendar and of the warm-up; null when it takes longer than ten years. */
  readonly reached: { readonly on: string; readonly day: number } | null;
}

/** Where a warm-up stands. @param today the organization's calendar day @returns null while the plan cannot be read */
export function standingOf(plan: WarmUp, today: string): WarmUpStanding | null {
  if (Number.isNaN(dayOf(plan.startedOn)) || plan.first < 1 || plan.growthPercent < 1 || plan.target < plan.first) return null;
  const day = Math.round((dayOf(today) - dayOf(plan.startedOn)) / DAY_MS) + 1;
  for (let n = 1; n <= MOST_DAYS; n += 1) {
    const on = new Date(dayOf(plan.startedOn) + (n - 1) * DAY_MS).toISOString().slice(0, 10);
    if (warmUpOf(plan, on) === null) return { day, allowed: warmUpOf(plan, today), reached: { on, day: n } };
  }
  return { day, allowed: warmUpOf(plan, today), reached: null };
}
