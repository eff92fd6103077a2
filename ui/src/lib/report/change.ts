import { count, percent } from '$lib/format/format.svelte.ts';
import { overviewText } from '$lib/strings/en/overview.ts';

export interface Change {
  readonly says: string;
  readonly title: string;
  readonly way: 'up' | 'down' | 'same';
  /** null: neither good nor bad. */
  readonly isGood: boolean | null;
}

/**
 * How a number changed since the period before: counts by percent of what they were, rates by percentage points.
 * @param wish which way is good; null where none is
 * @returns undefined when one of both is not known
 */
export function changeOf(now: number | null, before: number | null, kind: 'count' | 'rate', wish: 'more' | 'less' | null, period: string): Change | undefined {
  if (now === null || before === null) return undefined;
  const text = overviewText;
  const difference = kind === 'rate' ? Math.round((now - before) * 100) / 100 : now - before;
  const way = difference > 0 ? 'up' : difference < 0 ? 'down' : 'same';
  const title = text.before(kind === 'rate' ? percent(before) : count(before), period);
  const isGood = way === 'same' || wish === null ? null : (way === 'up') === (wish === 'more');
  if (way === 'same') return { says: text.same, title, way, isGood };
  if (kind === 'rate') return { says: text.points(Math.abs(difference).toFixed(2)), title, way, isGood };
  return { says: before === 0 ? text.fromNothing : `${Math.abs((difference / before) * 100).toFixed(1)} %`, title, way, isGood };
}
