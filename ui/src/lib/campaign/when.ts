import type { Schedule } from '../api/types.ts';
import { freezeAt, instantOf, MIN_NOTICE_MS, wallTime } from '#domain/campaign/schedule.ts';
import { offsetAt } from '#domain/shared/time.ts';

/** When a draft is to start: at once, or by a schedule that may still lack its time. */
export interface When extends Schedule { readonly isNow: boolean }

export const launchNow: When = { isNow: true, at: '', zone: 'organization', past: 'next_day' };

const HOUR_MS = 3_600_000;
/** The last clock of the world is 26 hours behind the first. */
const WORLD_MS = 26 * HOUR_MS;

/** What stands against a start: it lacks its time, that is over, or a test wants one clock. Null when nothing does. @param now epoch ms */
export function whenProblem(when: When, hasExperiment: boolean, zone: string, now: number): 'missing' | 'over' | 'experiment' | null {
  if (when.isNow) return null;
  if (when.zone === 'recipient' && hasExperiment) return 'experiment';
  if (wallTime(when.at) === null) return 'missing';
  return freezeAt(when, zone) + (when.zone === 'recipient' ? WORLD_MS : 0) < now + MIN_NOTICE_MS ? 'over' : null;
}

export interface Start {
  /** When the audience is settled, ISO 8601: of the organization's clock also when the first mail leaves. */
  readonly at: string;
  /** When the last clock of the world shows the hour. */
  readonly endAt: string;
  /** Clock time that was asked for, and the one the clocks show then. */
  readonly wanted: string;
  readonly shown: string;
  /** By daylight saving the clocks never show it, or twice. */
  readonly skipped: boolean;
  readonly twice: boolean;
}

/** What a schedule comes to; null without a time. @param zone the organization's @param now epoch ms */
export function startOf(when: When, zone: string, now: number): Start | null {
  const wall = wallTime(when.at);
  if (wall === null) return null;
  const own = when.zone === 'organization';
  const instant = own ? instantOf(wall, zone) : Math.max(now, freezeAt(when, zone));
  const shown = clock(instant + offsetAt(instant, zone));
  const again = [HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS].some((later) => instant + later + offsetAt(instant + later, zone) === wall);
  const last = freezeAt({ ...when, zone: 'recipient' }, zone) + WORLD_MS;
  return { at: iso(instant), endAt: iso(when.past === 'next_day' || last > now ? last : now), wanted: clock(wall), shown, skipped: own && shown !== clock(wall), twice: own && again };
}

const iso = (instant: number) => new Date(instant).toISOString();
/** 09:00 of a wall time that is an instant as if in UTC. */
const clock = (wall: number) => iso(wall).slice(11, 16);

/** What the clocks of a zone show now, as a field for date and time takes it. */
export const localNow = (zone: string, now: number): string => iso(now + offsetAt(now, zone)).slice(0, 16);
