import { offsetAt, zonedInstant } from '../shared/time.ts';

/** When a campaign starts. */
export interface Schedule {
  /** Local date and time like `2026-12-01T09:00`. */
  readonly at: string;
  /** Whose clock `at` is read from: the organization's, or each recipient's own. */
  readonly zone: 'organization' | 'recipient';
  /** For recipients whose hour is over when the audience freezes: the next day at that time, or now. */
  readonly past: 'next_day' | 'now';
}

/** A start this long after its time still happens; later the campaign is paused, as it missed its time. */
export const LATEST_START_MS = 6 * 3_600_000;
export const MIN_NOTICE_MS = 60_000;
const DAY_MS = 86_400_000;

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})$/;

/** @returns the wall time in ms as if in UTC, or null when `at` is no date and time */
export function wallTime(at: string): number | null {
  const parts = LOCAL.exec(at);
  if (parts === null) return null;
  const [year, month, day, hour, minute] = parts.slice(1).map(Number) as [number, number, number, number, number];
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  const read = new Date(wall);
  const isReal = read.getUTCFullYear() === year && read.getUTCMonth() === month - 1 && read.getUTCDate() === day && hour < 24 && minute < 60;
  return isReal ? wall : null;
}

/**
 * The instant at which clocks in the zone show a wall time. One skipped by daylight saving is the next valid minute, of
 * one shown twice it is the first.
 */
export function instantOf(wall: number, zone: string): number {
  const instant = zonedInstant(wall, zone);
  const shown = instant + offsetAt(instant, zone);
  return shown === wall ? instant : endOfGap(instant, zone);
}

/** The first minute after the gap that lies before `instant`. */
function endOfGap(instant: number, zone: string): number {
  const after = offsetAt(instant, zone);
  let [low, high] = [instant - DAY_MS, instant];
  while (high - low > 60_000) {
    const middle = low + Math.floor((high - low) / 120_000) * 60_000;
    if (offsetAt(middle, zone) === after) high = middle;
    else low = middle;
  }
  return Math.ceil(high / 60_000) * 60_000;
}

/** The first clock of the world: UTC+14. */
const FIRST_CLOCK_MS = 14 * 3_600_000;

/** When the audience is frozen. Of recipients' own time: when the first clock of the world shows it. @param zone the organization's */
export function freezeAt(schedule: Schedule, zone: string): number {
  const wall = wallTime(schedule.at) ?? 0;
  return schedule.zone === 'recipient' ? wall - FIRST_CLOCK_MS : instantOf(wall, zone);
}

/**
 * When a recipient's mail may leave.
 * @param frozenAt epoch ms of the freeze
 * @param zone hers, or the organization's where she has none
 */
export function waveOf(schedule: Schedule, frozenAt: number, zone: string): number {
  const wall = wallTime(schedule.at) ?? 0;
  let due = instantOf(wall, zone);
  if (due >= frozenAt) return due;
  if (schedule.past === 'now') return frozenAt;
  for (let days = 1; due < frozenAt; days += 1) due = instantOf(wall + days * DAY_MS, zone);
  return due;
}
