type Key<Columns extends readonly string[]> = { readonly [I in keyof Columns]: string | number };

/** Counters by key that are summed up before they are written: one row a key, however many additions. */
export interface Tally<Columns extends readonly string[]> {
  add(key: Key<Columns>, counter: string, n: number): void;
  /** Keys with their sums, without counters that came to nothing. */
  rows(): { readonly key: Key<Columns>; readonly counts: Readonly<Record<string, number>> }[];
}

export function createTally<Columns extends readonly string[]>(): Tally<Columns> {
  const sums = new Map<string, { key: Key<Columns>; counts: Record<string, number> }>();
  return {
    add(key, counter, n) {
      const id = (key as readonly (string | number)[]).join('\u0000');
      let row = sums.get(id);
      if (row === undefined) sums.set(id, (row = { key, counts: {} }));
      row.counts[counter] = (row.counts[counter] ?? 0) + n;
    },
    rows: () => [...sums.values()].flatMap(({ key, counts }) => {
      const left = Object.entries(counts).filter(([, n]) => n !== 0);
      return left.length === 0 ? [] : [{ key, counts: Object.fromEntries(left) }];
    }),
  };
}
