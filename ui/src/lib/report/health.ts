export type Band = 'healthy' | 'attention' | 'critical';

/** From the first of each pair on a rate wants attention, above the second it is critical. Percent. */
const limits = { bounce: [2, 5], complaint: [0.1, 0.3] } as const;

/** How healthy a bounce or complaint rate is. @param rate percent; null over nothing */
export function bandOf(kind: keyof typeof limits, rate: number | null): Band | null {
  if (rate === null) return null;
  const [attention, critical] = limits[kind];
  return rate > critical ? 'critical' : rate >= attention ? 'attention' : 'healthy';
}
