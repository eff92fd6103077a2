/** Numbers and times as people read them, in the organization's zone. */
const zone = $state({ name: 'UTC' });
const now = $state({ at: Date.now() });

export function setZone(name: string) { zone.name = name; }

/** Keeps "2 minutes ago" true; the shell starts it once. */
export function startClock(): () => void {
  const timer = setInterval(() => { now.at = Date.now(); }, 20_000);
  return () => clearInterval(timer);
}
/** The instant in epoch ms; what is computed from it stays true as time passes. */
export const presentMs = (): number => now.at;

const integer = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
/** 48.2K: where there is no room for every digit. */
export const compact = (value: number): string => short.format(value);
export const count = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : integer.format(value));
export const plural = (value: number, one: string, many: string): string => `${count(value)} ${value === 1 ? one : many}`;
export const percent = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : `${value.toFixed(2)} %`);
export const share = (part: number, whole: number): string => (whole === 0 ? '–' : percent(Math.min(100, (part / whole) * 100)));

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}

const build = (options: Intl.DateTimeFormatOptions) => {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone.name, ...options });
  } catch {
    return new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options });
  }
};
const isDate = (at: string | null | undefined): at is string => Boolean(at) && !Number.isNaN(Date.parse(at as string));

/** 21 Nov 2026, 14:05 */
export const exact = (at: string | null | undefined): string => (isDate(at) ? build({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at)) : '–');
/** A clock's date and time that belong to no zone yet, like `2026-12-01T09:00`: 1 Dec 2026, 09:00 */
export const wallClock = (at: string): string => (isDate(`${at}Z`) ? new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(`${at}Z`)) : '–');
export const clockTime = (at: string | null | undefined): string => (isDate(at) ? build({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at)) : '–');
export const day = (at: string): string => (isDate(at) ? build({ day: 'numeric', month: 'short' }).format(new Date(at)) : '–');
export const hourOf = (at: string): string => (isDate(at) ? build({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at)) : '–');

export function relative(at: string | null | undefined): string {
  if (!isDate(at)) return '–';
  const seconds = Math.round((now.at - Date.parse(at)) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds < 3600) return plural(Math.max(1, Math.round(seconds / 60)), 'minute ago', 'minutes ago');
  if (seconds < 86_400) return plural(Math.round(seconds / 3600), 'hour ago', 'hours ago');
  if (seconds < 7 * 86_400) return plural(Math.round(seconds / 86_400), 'day ago', 'days ago');
  return build({ day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(at));
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 1) return 'under 1 s';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** Rate and time left of work that began at an instant: `1,200/s`, `2 min 5 s`; null while nothing is done yet. */
export function paceOf(done: number, total: number, startedAt: string | null): { rate: string; left: string } | null {
  const ms = isDate(startedAt) ? Date.now() - Date.parse(startedAt) : 0;
  if (done <= 0 || total <= 0 || ms < 1_000) return null;
  const perSecond = (done / ms) * 1_000;
  return { rate: perSecond < 10 ? perSecond.toFixed(1) : count(perSecond), left: duration(((total - done) / perSecond) * 1_000) };
}

export const fullName = (person: { firstName: string | null; lastName: string | null }): string => [person.firstName, person.lastName].filter(Boolean).join(' ');
