import { unitMs } from '../../shared/forms.ts';
import { offsetAt, zonedInstant } from '../../shared/time.ts';
import { timeOfDayMs, zoneOf } from './clock.ts';
import { defineKind, go, rest } from './node.ts';

interface TimeWindowConfig {
  /** 1, Monday, to 7. */
  readonly weekdays: readonly number[];
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`; not after `from` it is of the next day. */
  readonly to: string;
}

export const timeWindow = defineKind<TimeWindowConfig>({
  kind: 'time-window', label: 'Time Window', group: 'delay', activity: 'wait', reads: [],
  summary: 'Lets people go on only on the days and hours you choose, on their own clock.',
  form: [
    { name: 'weekdays', label: 'Days', type: 'weekdays', required: true, default: [1, 2, 3, 4, 5] },
    { name: 'from', label: 'From', type: 'time', required: true, default: '09:00' },
    { name: 'to', label: 'To', type: 'time', required: true, default: '17:00', help: 'Not after “From”: until the next day.' },
  ],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: (config, member, { now, zone }) => {
    const open = nextOpening(config, now, zoneOf(member, zone));
    return open <= now ? go('next') : rest(open);
  },
  describe: ({ weekdays, from, to }) => `${sayDays(weekdays)} ${from}–${to}`,
});

/** When the window is open next, or `now` while it is. A window that the clocks skip is not open that day. */
function nextOpening({ weekdays, from, to }: TimeWindowConfig, now: number, zone: string): number {
  const today = Math.floor((now + offsetAt(now, zone)) / unitMs.days);
  const [opens, closes] = [timeOfDayMs(from), timeOfDayMs(to)];
  // From yesterday, whose window may reach into today; two weeks, because the only chosen day may be one that is skipped.
  for (let day = today - 1; day <= today + 15; day += 1) {
    if (!weekdays.includes(weekdayOf(day))) continue;
    const open = zonedInstant(day * unitMs.days + opens, zone);
    const close = zonedInstant((closes > opens ? day : day + 1) * unitMs.days + closes, zone);
    if (now < close && open < close) return Math.max(open, now);
  }
  return now;
}

/** 1, Monday, to 7, of days since 1970. */
function weekdayOf(day: number): number {
  return ((day + 3) % 7 + 7) % 7 + 1;
}

const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function sayDays(weekdays: readonly number[]): string {
  if (weekdays.length === 7) return 'Every day';
  const days = [...weekdays].sort((a, b) => a - b);
  const isRun = days.length > 2 && days.every((day, i) => i === 0 || day === days[i - 1]! + 1);
  return isRun ? `${names[days[0]! - 1]}–${names[days.at(-1)! - 1]}` : days.map((day) => names[day - 1]).join(', ');
}
