import { apportion, totalsByConnection, type Delivery } from './delivery.ts';

/** A run of ordinals that share phase, connection, variant and earliest time; both ends included. */
export interface Slice {
  readonly phase: 'main' | 'test' | 'rest';
  /** Batch of a bandit's test group, from 1; 0 elsewhere. */
  readonly batch: number;
  /** Position of the connection in the delivery. */
  readonly connection: number;
  /** Number of the variant from 1, or null where it is drawn or won later, or there are none. */
  readonly variant: number | null;
  /** Epoch ms before which nothing of it leaves, or null. */
  readonly notBefore: number | null;
  readonly from: number;
  readonly to: number;
}

/** Who is tested with what; sizes sum to the test group. */
export interface TestPlan {
  readonly groups: readonly { readonly variant: number | null; readonly batch: number; readonly size: number }[];
}

export interface Audience {
  /** People by earliest time, in the order of their ordinals; one wave with null when all may start at once. */
  readonly waves: readonly { readonly notBefore: number | null; readonly size: number }[];
  readonly delivery: Delivery;
  readonly test: TestPlan | null;
}

/**
 * Cuts ordinals 1 to n into slices. Exact: test groups have their size, and each connection its total over the whole
 * campaign whatever else divides it, by largest remainder. As ordinals are in random order, any slice is a random sample.
 */
export function planSlices({ waves, delivery, test }: Audience): Slice[] {
  const recipients = waves.reduce((sum, wave) => sum + wave.size, 0);
  const tested = test?.groups.reduce((sum, group) => sum + group.size, 0) ?? 0;
  const rows: { readonly phase: Slice['phase']; readonly batch: number; readonly variant: number | null; readonly notBefore: number | null; readonly size: number }[] = test === null
    ? waves.map((wave) => ({ phase: 'main', batch: 0, variant: null, ...wave }))
    : [...test.groups.map((group) => ({ phase: 'test' as const, notBefore: null, ...group })), { phase: 'rest', batch: 0, variant: null, notBefore: null, size: recipients - tested }];

  const left = totalsByConnection(recipients, delivery);
  const slices: Slice[] = [];
  let next = 1;
  for (const { size, ...row } of rows) {
    // By what each connection still has to get, so that the last row takes exactly the rest.
    const parts = fitted(apportion(size, left), left);
    for (const [connection, part] of parts.entries()) {
      left[connection]! -= part;
      if (part === 0) continue;
      slices.push({ ...row, connection, from: next, to: next + part - 1 });
      next += part;
    }
  }
  return slices;
}

/** No part above what is left for it: what rounding put over goes to those with room. */
function fitted(parts: number[], room: readonly number[]): number[] {
  let over = 0;
  const kept = parts.map((part, i) => {
    over += Math.max(0, part - room[i]!);
    return Math.min(part, room[i]!);
  });
  return kept.map((part, i) => {
    const more = Math.min(over, room[i]! - part);
    over -= more;
    return part + more;
  });
}
