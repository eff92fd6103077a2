import type { ReportTimeline } from '$lib/api/types.ts';
import type { Point } from '$lib/charts/chart.ts';
import { clockTime, day, hourOf } from '$lib/format/format.svelte.ts';
import { countsIn, isByDays, type HourCounts, type Range } from './hours.ts';

/** Midnight says more than noon, noon more than six. */
const RANKS = [24, 12, 6, 3] as const;

/** The report's hours, or its days, as a chart needs them. */
export function pointsOf(timeline: ReportTimeline, range: Range): Point[] {
  const byDays = isByDays(timeline, range);
  return countsIn(timeline, range).map(({ at, counts }) => ({ id: at, values: valuesOf(counts), ...(byDays ? { label: dayLabel(at), title: dayTitle(at) } : hourLabels(at)) }));
}

const valuesOf = ({ sent, uniqueOpened, uniqueClicked }: HourCounts) => ({ sent, opened: uniqueOpened, clicked: uniqueClicked });

function hourLabels(at: string): Pick<Point, 'label' | 'title' | 'rank'> {
  const clock = clockTime(at);
  const hour = Number(clock.slice(0, 2));
  return { label: hour === 0 ? day(at) : clock, title: hourOf(at), rank: RANKS.find((rank) => hour % rank === 0) ?? 1 };
}

const short = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const long = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
/** 21 Nov, of a calendar day like `2026-11-21`, which is the same in every zone. */
export const dayLabel = (date: string): string => short.format(new Date(`${date}T00:00:00Z`));
/** Sat, 21 Nov 2026 */
export const dayTitle = (date: string): string => long.format(new Date(`${date}T00:00:00Z`));
