import type { ReportTimeline } from '../api/types.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** More points than this are too narrow to be told apart: then a point is a day. */
const MOST_HOURS = 240;
const keys = ['sent', 'uniqueOpened', 'uniqueClicked'] as const;

export type HourCounts = Record<(typeof keys)[number], number>;
/** What may be looked at, in hours from the first one on. */
export const ranges = ['48', '168', 'all'] as const;
export type Range = (typeof ranges)[number];

const none = (): HourCounts => ({ sent: 0, uniqueOpened: 0, uniqueClicked: 0 });

/** How many hours it spans, from the first to the last in which anything happened. */
export function hoursIn({ hours }: Pick<ReportTimeline, 'hours'>): number {
  const last = hours.at(-1);
  return hours[0] === undefined || last === undefined ? 0 : Math.round((Date.parse(last.at) - Date.parse(hours[0].at)) / HOUR_MS) + 1;
}

/** Whether all of it is shown by days of the organization, because its hours are too many. */
export const isByDays = (timeline: Pick<ReportTimeline, 'hours'>, range: Range): boolean => range === 'all' && hoursIn(timeline) > MOST_HOURS;

/**
 * Every hour of the range, those too in which nothing happened; by days for what `isByDays`.
 * @returns instants in ISO 8601, or days like `2026-11-21`, with their counts
 */
export function countsIn(timeline: Pick<ReportTimeline, 'hours'>, range: Range): { readonly at: string; readonly counts: HourCounts }[] {
  const { hours } = timeline;
  if (hours[0] === undefined) return [];
  if (isByDays(timeline, range)) return daysOf(hours);
  const start = Date.parse(hours[0].at);
  const known = new Map(hours.map((hour) => [Date.parse(hour.at), hour]));
  const length = Math.min(hoursIn(timeline), range === 'all' ? Infinity : Number(range));
  return Array.from({ length }, (_, index) => ({ at: new Date(start + index * HOUR_MS).toISOString(), counts: known.get(start + index * HOUR_MS) ?? none() }));
}

function daysOf(hours: ReportTimeline['hours']) {
  const byDay = new Map<string, HourCounts>();
  for (const hour of hours) {
    const date = hour.local.slice(0, 10);
    const counts = byDay.get(date) ?? none();
    for (const key of keys) counts[key] += hour[key];
    byDay.set(date, counts);
  }
  const [from, to] = [hours[0]!.local.slice(0, 10), hours.at(-1)!.local.slice(0, 10)];
  const days = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return Array.from({ length: days }, (_, index) => {
    const at = new Date(Date.parse(from) + index * DAY_MS).toISOString().slice(0, 10);
    return { at, counts: byDay.get(at) ?? none() };
  });
}
