import type { ReportTimeline } from '$lib/api/types.ts';
import type { Point } from '$lib/charts/chart.ts';
import { clockTime, day, hourOf } from '$lib/format/format.svelte.ts';

const HOUR_MS = 3_600_000;
/** More points than this are too narrow to be told apart: then a point is a day. */
const MOST_HOURS = 240;
const keys = ['sent', 'uniqueOpened', 'uniqueClicked'] as const;
/** What may be looked at, in hours from the first one on. */
export const ranges = ['48', '168', 'all'] as const;
export type Range = (typeof ranges)[number];
type Hour = ReportTimeline['hours'][number];
/** Midnight says more than noon, noon more than six. */
const RANKS = [24, 12, 6, 3] as const;
type Counts = Record<(typeof keys)[number], number>;

const none = (): Counts => ({ sent: 0, uniqueOpened: 0, uniqueClicked: 0 });
const toPoint = (id: string, label: string, title: string, counts: Counts, rank?: number): Point => ({ id, label, title, ...(rank === undefined ? {} : { rank }), values: { sent: counts.sent, opened: counts.uniqueOpened, clicked: counts.uniqueClicked } });

/**
 * The report's hours as a chart needs them: hours in which nothing happened are there too, as nothing.
 * @param hours how many from the first one on; null for all, by days of the organization where that are too many
 */
export function pointsOf(timeline: ReportTimeline, hours: number | null): Point[] {
  const length = hoursIn(timeline);
  if (timeline.hours[0] === undefined) return [];
  const start = Date.parse(timeline.hours[0].at);
  if (hours === null && length > MOST_HOURS) return daysOf(timeline.hours);
  const known = new Map(timeline.hours.map((hour) => [Date.parse(hour.at), hour]));
  return Array.from({ length: Math.min(length, hours ?? length) }, (_, index) => {
    const at = start + index * HOUR_MS;
    const iso = new Date(at).toISOString();
    const clock = clockTime(iso);
    const hour = Number(clock.slice(0, 2));
    return toPoint(iso, hour === 0 ? day(iso) : clock, hourOf(iso), known.get(at) ?? none(), RANKS.find((rank) => hour % rank === 0) ?? 1);
  });
}

/** How many hours it spans, from the first to the last in which anything happened. */
export function hoursIn({ hours }: ReportTimeline): number {
  const last = hours.at(-1);
  return hours[0] === undefined || last === undefined ? 0 : Math.round((Date.parse(last.at) - Date.parse(hours[0].at)) / HOUR_MS) + 1;
}

function daysOf(hours: readonly Hour[]): Point[] {
  const byDay = new Map<string, Counts>();
  for (const hour of hours) {
    const date = hour.local.slice(0, 10);
    const counts = byDay.get(date) ?? none();
    for (const key of keys) counts[key] += hour[key];
    byDay.set(date, counts);
  }
  const dates = [...byDay.keys()];
  return datesBetween(dates[0]!, dates.at(-1)!).map((date) => toPoint(date, dayLabel(date), dayTitle(date), byDay.get(date) ?? none()));
}

/** Both included. */
function datesBetween(from: string, to: string): string[] {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / (24 * HOUR_MS)) + 1;
  return Array.from({ length: days }, (_, index) => new Date(Date.parse(from) + index * 24 * HOUR_MS).toISOString().slice(0, 10));
}

const short = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const long = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
/** 21 Nov, of a calendar day like `2026-11-21`, which is the same in every zone. */
export const dayLabel = (date: string): string => short.format(new Date(`${date}T00:00:00Z`));
/** Sat, 21 Nov 2026 */
export const dayTitle = (date: string): string => long.format(new Date(`${date}T00:00:00Z`));
