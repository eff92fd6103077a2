import { drawBeta, seededRandom } from '../shared/random.ts';
import { apportion } from './delivery.ts';
import type { TestPlan } from './slices.ts';

export interface Content {
  readonly html: string;
  readonly text: string;
}

/** An A/B test: alternatives beside the campaign's own subject, content and from name, which are the first of each. */
export interface Experiment {
  readonly subjects: readonly string[];
  readonly contents: readonly Content[];
  readonly fromNames: readonly string[];
  /** Share of the recipients that is tested, 1 to 100; 100 has no winner phase. */
  readonly testPercent: number;
  /** Whole hours, 1 to 168, from the last test mail; a bandit's from the first. */
  readonly durationHours: number;
  readonly winnerBy: 'open_rate' | 'click_rate';
  readonly distribution: 'random' | 'weighted' | 'bandit';
  /** Percent per variant, sum 100; of `weighted` only. */
  readonly weights: readonly number[];
}

/** What one variant says. */
export interface Variant extends Content {
  /** From 1. */
  readonly no: number;
  /** A, B, C… */
  readonly label: string;
  readonly subject: string;
  readonly fromName: string;
}

export const MAX_VARIANTS = 26;
export const BANDIT_BATCHES = 20;

export function variantLabel(no: number): string {
  return String.fromCharCode(64 + no);
}

/** The cross product of all alternatives, by subject, then content, then from name: A S1C1, B S1C2, C S2C1, D S2C2. Without an experiment the campaign alone. */
export function variantsOf(own: { readonly subject: string; readonly html: string; readonly text: string; readonly fromName: string }, experiment: Experiment | null): Variant[] {
  const subjects = [own.subject, ...(experiment?.subjects ?? [])];
  const contents = [{ html: own.html, text: own.text }, ...(experiment?.contents ?? [])];
  const fromNames = [own.fromName, ...(experiment?.fromNames ?? [])];
  const variants: Variant[] = [];
  for (const subject of subjects) for (const { html, text } of contents) for (const fromName of fromNames) {
    const no = variants.length + 1;
    variants.push({ no, label: variantLabel(no), subject, html, text, fromName });
  }
  return variants;
}

export function variantCount(experiment: Experiment): number {
  return (experiment.subjects.length + 1) * (experiment.contents.length + 1) * (experiment.fromNames.length + 1);
}

/** Recipients of the test: rounded up. */
export function testSize(recipients: number, experiment: Experiment): number {
  return Math.min(recipients, Math.ceil((recipients * experiment.testPercent) / 100));
}

/**
 * How the test group is divided. A bandit's is cut into 20 batches whose variants are drawn when their time comes.
 * @returns null when the group is too small for one of each
 */
export function planTest(recipients: number, experiment: Experiment): TestPlan | null {
  const size = testSize(recipients, experiment);
  const count = variantCount(experiment);
  if (size < count) return null;
  if (experiment.distribution === 'bandit') {
    return { groups: apportion(size, new Array<number>(BANDIT_BATCHES).fill(1)).flatMap((part, i) => (part === 0 ? [] : [{ variant: null, batch: i + 1, size: part }])) };
  }
  const weights = experiment.distribution === 'weighted' ? experiment.weights : new Array<number>(count).fill(1);
  // One of each first, then the rest by weight: a light variant is never left out.
  const parts = apportion(size, weights);
  for (let i = 0; i < parts.length; i += 1) while (parts[i]! < 1) {
    parts[parts.indexOf(Math.max(...parts))]! -= 1;
    parts[i]! += 1;
  }
  return { groups: parts.map((part, i) => ({ variant: i + 1, batch: 0, size: part })) };
}

/** Counts of one variant; opens and clicks of people, each once. */
export interface VariantCounts {
  readonly sent: number;
  readonly opened: number;
  readonly clicked: number;
  readonly complained: number;
  readonly unsubscribed: number;
}

/** What the test came to when the winner was picked. */
export interface ExperimentResult {
  readonly winner: number;
  /** Name of the person who picked it, or null when the rule did. */
  readonly by: string | null;
  /** ISO 8601. */
  readonly at: string;
  readonly variants: readonly (VariantCounts & { readonly no: number; readonly label: string; readonly chance: number })[];
}

const successes = (counts: VariantCounts, by: Experiment['winnerBy']) => Math.min(counts.sent, by === 'open_rate' ? counts.opened : counts.clicked);

/**
 * The variant for the rest: the best rate; of equals the one with fewer complaints and unsubscribes, then the first label.
 * @returns its number, from 1
 */
export function pickWinner(counts: readonly VariantCounts[], by: Experiment['winnerBy']): number {
  const rate = (each: VariantCounts) => (each.sent === 0 ? 0 : successes(each, by) / each.sent);
  const harm = (each: VariantCounts) => (each.sent === 0 ? 0 : (each.complained + each.unsubscribed) / each.sent);
  let best = 0;
  for (let i = 1; i < counts.length; i += 1) {
    const [one, other] = [counts[i]!, counts[best]!];
    if (rate(one) > rate(other) || (rate(one) === rate(other) && harm(one) < harm(other))) best = i;
  }
  return best + 1;
}

const DRAWS = 4_000;

/**
 * How probable it is that each variant is the best, by its rate: seeded draws from the posterior with a uniform prior.
 * @returns one number per variant, 0 to 1, sum 1
 */
export function chancesOfBest(counts: readonly VariantCounts[], by: Experiment['winnerBy'], seed: string | number): number[] {
  const random = seededRandom('best', seed, ...counts.flatMap((each) => [each.sent, successes(each, by)]));
  const wins = counts.map(() => 0);
  for (let draw = 0; draw < DRAWS; draw += 1) wins[bestDraw(counts, by, random)]! += 1;
  return wins.map((won) => won / DRAWS);
}

/**
 * Thompson sampling: how many of the next batch each variant gets, in proportion to its chance of being the best.
 * Every variant gets one while none of it was sent.
 * @param batch number of the batch, part of the seed
 */
export function drawBatch(size: number, counts: readonly VariantCounts[], by: Experiment['winnerBy'], seed: string | number, batch: number): number[] {
  const chances = counts.every((each) => each.sent === 0) ? counts.map(() => 1) : chancesOfBest(counts, by, `${seed}|${batch}`);
  const parts = apportion(size, chances);
  for (let i = 0; i < parts.length; i += 1) {
    if (counts[i]!.sent > 0 || parts[i]! > 0 || Math.max(...parts) < 2) continue;
    parts[parts.indexOf(Math.max(...parts))]! -= 1;
    parts[i]! += 1;
  }
  return parts;
}

function bestDraw(counts: readonly VariantCounts[], by: Experiment['winnerBy'], random: () => number): number {
  let best = 0;
  let bestRate = -1;
  for (const [i, each] of counts.entries()) {
    const won = successes(each, by);
    const rate = drawBeta(random, won + 1, each.sent - won + 1);
    if (rate > bestRate) [best, bestRate] = [i, rate];
  }
  return best;
}
