/** Days of a calendar, like `2026-11-25`; both included. */
export interface DayRange { readonly from: string; readonly to: string }

export const presets = ['7', '30', '90', 'month', 'lastMonth', 'year'] as const;
export type Preset = (typeof presets)[number];

const DAY_MS = 86_400_000;
const shifted = (day: string, days: number) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);

/** Today on the clocks of a zone. @param now epoch ms */
export const todayIn = (zone: string, now: number): string => new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now);

/** What a preset means today. */
export function rangeOf(preset: Preset, today: string): DayRange {
  const month = `${today.slice(0, 7)}-01`;
  if (preset === 'month') return { from: month, to: today };
  if (preset === 'year') return { from: `${today.slice(0, 4)}-01-01`, to: today };
  if (preset === 'lastMonth') {
    const to = shifted(month, -1);
    return { from: `${to.slice(0, 7)}-01`, to };
  }
  return { from: shifted(today, 1 - Number(preset)), to: today };
}

/** The preset that means these days, if any does. */
export const presetOf = ({ from, to }: DayRange, today: string): Preset | null => presets.find((preset) => { const range = rangeOf(preset, today); return range.from === from && range.to === to; }) ?? null;
