import { unitMs, type Duration } from '../../shared/forms.ts';
import { plusDays } from '../../shared/time.ts';
import { sayDuration } from './duration.ts';
import { defineKind, go, rest } from './node.ts';

export const fixedDelay = defineKind<{ readonly duration: Duration }>({
  kind: 'fixed-delay', label: 'Fixed Delay', group: 'delay', activity: 'wait', reads: [],
  summary: 'Waits minutes, hours, days or weeks. Days and weeks keep the time of day.',
  form: [{ name: 'duration', label: 'Wait', type: 'duration', min: unitMs.minutes, max: 365 * unitMs.days, units: ['minutes', 'hours', 'days', 'weeks'], required: true, default: { amount: 1, unit: 'days' } }],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: ({ duration }, { arrivedAt }, { now, zone }) => {
    const until = endOf(arrivedAt, duration, zone);
    return now >= until ? go('next') : rest(until);
  },
  describe: ({ duration }) => sayDuration(duration),
});

/** Minutes and hours are exact; days and weeks end when the zone's clocks show the same time again. */
function endOf(from: number, { amount, unit }: Duration, zone: string): number {
  if (unit === 'days' || unit === 'weeks') return plusDays(from, unit === 'weeks' ? amount * 7 : amount, zone);
  return from + amount * unitMs[unit];
}
