import { unitMs } from '../../shared/forms.ts';
import { isTimeZone } from '../../shared/time.ts';
import type { Member } from './node.ts';

/** Her zone if it is one, else the organization's. */
export function zoneOf({ timezone }: Pick<Member, 'timezone'>, organizations: string): string {
  return timezone !== null && isTimeZone(timezone) ? timezone : organizations;
}

/** `HH:MM` as ms after midnight. */
export function timeOfDayMs(time: string): number {
  return Number(time.slice(0, 2)) * unitMs.hours + Number(time.slice(3, 5)) * unitMs.minutes;
}
