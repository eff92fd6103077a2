import type { Duration } from '../../shared/forms.ts';

/** `3 days`, `1 hour`. */
export function sayDuration({ amount, unit }: Duration): string {
  return `${amount} ${amount === 1 ? unit.slice(0, -1) : unit}`;
}
