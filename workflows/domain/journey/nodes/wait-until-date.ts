import { parseDate } from '../../segment/windows.ts';
import { unitMs, type Duration } from '../../shared/forms.ts';
import { plusDays, zonedInstant } from '../../shared/time.ts';
import { timeOfDayMs, zoneOf } from './clock.ts';
import { sayDuration } from './duration.ts';
import { defineKind, go, rest, type Member } from './node.ts';

interface WaitUntilDateConfig {
  readonly field: string;
  readonly side: 'before' | 'after';
  readonly offset: Duration;
  /** `HH:MM`, of dates without a time. */
  readonly time: string;
}

/** Nobody rests longer without being asked again. */
const ASK_AGAIN_MS = 365 * unitMs.days;

export const waitUntilDate = defineKind<WaitUntilDateConfig>({
  kind: 'wait-until-date', label: 'Wait Until Date', group: 'delay', activity: 'wait', reads: ['fields'],
  summary: 'Waits for a date of the person: a birthday, a renewal, the end of a trial.',
  form: [
    { name: 'field', label: 'Date field', type: 'customer-field', types: ['date'], writable: true, required: true },
    { name: 'offset', label: 'Offset', type: 'duration', min: 0, max: 365 * unitMs.days, units: ['minutes', 'hours', 'days', 'weeks'], required: true, default: { amount: 0, unit: 'days' } },
    { name: 'side', label: 'Offset is', type: 'choice', default: 'before', options: [{ value: 'before', label: 'before the date' }, { value: 'after', label: 'after the date' }] },
    { name: 'time', label: 'Time of day', type: 'time', required: true, default: '09:00', help: 'For dates without a time, on the person’s own clock, else the organization’s.' },
  ],
  ports: () => [{ id: 'reached', label: 'Reached' }, { id: 'no_date', label: 'No date' }],
  step: (config, member, { now, zone }) => {
    const raw = rawValue(config.field, member);
    const until = raw === null ? null : dueAt(config, raw, zoneOf(member, zone));
    if (until === null) return go('no_date', { [config.field]: raw });
    if (until <= now) return go('reached', { [config.field]: raw, due: new Date(until).toISOString() });
    return rest(Math.min(until, now + ASK_AGAIN_MS));
  },
  describe: ({ field, offset, side }) => (field === undefined ? 'No field chosen' : `${offset.amount === 0 ? 'On' : `${sayDuration(offset)} ${side}`} ${field.replace(/^custom\./, '')}`),
});

function rawValue(field: string, { fields = {} }: Member): string | null {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

/** @returns null when the text is no date */
function dueAt({ offset, side, time }: WaitUntilDateConfig, raw: string, zone: string): number | null {
  const span = parseDate(raw, zone);
  if (span === null) return null;
  const sign = side === 'before' ? -1 : 1;
  const isPlain = !raw.includes(':');
  const at = isPlain ? zonedInstant(startOfDay(raw) + timeOfDayMs(time), zone) : span.from;
  if (offset.unit === 'days' || offset.unit === 'weeks') return plusDays(at, sign * offset.amount * (offset.unit === 'weeks' ? 7 : 1), zone);
  return at + sign * offset.amount * unitMs[offset.unit];
}

/** Wall time of the day's first moment. */
function startOfDay(plain: string): number {
  return Date.UTC(Number(plain.slice(0, 4)), Number(plain.slice(5, 7)) - 1, Number(plain.slice(8, 10)));
}
