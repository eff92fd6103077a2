/** One row of a chart: an hour, a day, with its numbers by series. */
export interface Point {
  /** Tells it apart; also its first column in files. */
  readonly id: string;
  /** On the axis. */
  readonly label: string;
  /** How telling its label is: where there is no room for all, those of the highest ranks are shown. */
  readonly rank?: number;
  /** In the read-out, where there is room; the label without it. */
  readonly title?: string;
  readonly values: Readonly<Record<string, number>>;
}

export type Colour = 1 | 2 | 3;

export interface Series {
  readonly key: string;
  readonly label: string;
  readonly shape: 'bar' | 'line';
  readonly colour: Colour;
}

/** The same numbers as a table: what a chart, its table view and its files have in common. */
export interface Numbers {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

export const numbersOf = (points: readonly Point[], series: readonly Series[], first: string): Numbers => ({
  columns: [first, ...series.map(({ label }) => label)],
  rows: points.map((point) => [point.id, ...series.map(({ key }) => point.values[key] ?? 0)]),
});

export const fills: Record<Colour, string> = { 1: 'var(--chart-1)', 2: 'var(--chart-2)', 3: 'var(--chart-3)' };
export const swatches: Record<Colour, string> = { 1: 'bg-chart-1', 2: 'bg-chart-2', 3: 'bg-chart-3' };
