/** Round axis steps: the smallest of 1, 2, 2.5, 5 × 10ⁿ that covers the maximum in at most `steps`. */
export function ticks(maximum: number, steps = 4): number[] {
  if (maximum <= 0) return [0, 1];
  const rough = maximum / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power);
  const count = Math.max(1, Math.ceil(maximum / step));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** The same for percent, where steps may be less than one. */
export function percentTicks(maximum: number): number[] {
  if (maximum <= 0) return [0, 1];
  const rough = maximum / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  return Array.from({ length: Math.ceil(maximum / step) + 1 }, (_, index) => index * step);
}

/** 12,400 as 12.4k: axis labels stay short. */
export function short(value: number): string {
  if (value >= 1_000_000) return `${trim(value / 1_000_000)}M`;
  if (value >= 1000) return `${trim(value / 1000)}k`;
  return trim(value);
}
const trim = (value: number) => String(Math.round(value * 10) / 10);

/** At most `wanted` labels, evenly spread, the first always among them. */
function labelled(length: number, wanted: number): Set<number> {
  const every = Math.max(1, Math.ceil(length / wanted));
  return new Set(Array.from({ length }, (_, index) => index).filter((index) => index % every === 0));
}

/** Of points with ranks those of the highest, as many levels as fit; without ranks evenly spread. */
export function labelledByRank(ranks: readonly (number | undefined)[], wanted: number): Set<number> {
  let shown = new Set<number>();
  for (const level of [...new Set(ranks.filter((rank) => rank !== undefined))].sort((a, b) => b - a)) {
    const next = new Set(ranks.flatMap((rank, index) => (rank !== undefined && rank >= level ? [index] : [])));
    if (next.size > wanted) break;
    shown = next;
  }
  return shown.size > 0 ? shown : labelled(ranks.length, wanted);
}
