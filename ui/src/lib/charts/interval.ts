/** 95 %. */
const Z = 1.959964;

/**
 * Where the true rate lies with a probability of 95 % (Wilson's score interval, sound for small numbers and rates near 0).
 * @returns percent; null over nothing
 */
export function rateInterval(part: number, whole: number): { readonly low: number; readonly high: number } | null {
  if (whole <= 0) return null;
  const rate = Math.min(1, part / whole);
  const spread = 1 + Z ** 2 / whole;
  const middle = (rate + Z ** 2 / (2 * whole)) / spread;
  const half = (Z / spread) * Math.sqrt((rate * (1 - rate)) / whole + Z ** 2 / (4 * whole ** 2));
  return { low: Math.max(0, middle - half) * 100, high: Math.min(1, middle + half) * 100 };
}
