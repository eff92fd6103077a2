import { clockTime, duration, exact } from '$lib/format/format.svelte.ts';
import type { Progress } from '$lib/api/types.ts';
import { strings } from '$lib/strings/en.ts';
import { reportText } from '$lib/strings/en/report.ts';

const DAY_MS = 86_400_000;

/** 14:05, with its date when that is not near. @param now epoch ms */
export const soonOrLate = (at: string, now: number): string => (Date.parse(at) - now < DAY_MS / 2 ? clockTime(at) : exact(at));

/** `at 14:05, in 3 min 2 s`. @param now epoch ms */
export function untilWhen(at: string, now: number): string {
  const left = Date.parse(at) - now;
  return left < 1_000 ? reportText.soon : reportText.until(soonOrLate(at, now), duration(left));
}

/** What a running campaign does, and until when. @param now epoch ms */
export function phaseOf({ phase, phaseUntil }: Pick<Progress, 'phase' | 'phaseUntil'>, now: number): { readonly name: string; readonly says: string } {
  const known = reportText.phases[phase ?? ''];
  if (known === undefined) return { name: strings.states.running ?? '', says: '' };
  return { name: known.name, says: known.says(phaseUntil === null ? null : untilWhen(phaseUntil, now)) };
}

/** Slow sending in mails a minute, since 0.4 mails a second say nothing. */
export function paceOf(ratePerSecond: number): string {
  const text = reportText.live;
  if (ratePerSecond >= 10) return text.perSecond(Math.round(ratePerSecond).toLocaleString('en-US'));
  if (ratePerSecond >= 1) return text.perSecond(ratePerSecond.toFixed(1));
  return text.perMinute(String(Math.round(ratePerSecond * 60)));
}
