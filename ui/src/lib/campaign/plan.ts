import type { Connection, Delivery, Experiment } from '../api/types.ts';
import { apportion, totalsByConnection, usedConnections } from '#domain/campaign/delivery.ts';
import { planTest, testSize, variantCount } from '#domain/campaign/experiment.ts';

/** Above this many recipients the name is typed before they are sent to, or before they are let down. */
export const MANY_RECIPIENTS = 10_000;

/** One connection's part of a campaign. `mails` is null while the audience is not known. */
export interface Lane { readonly id: string; readonly name: string; readonly percent: number | null; readonly mails: number | null }

/** Who sends how many, as the launch will share them out. */
export function lanesOf(delivery: Delivery, connections: readonly Connection[], recipients: number | null): Lane[] {
  const used = usedConnections(delivery);
  const totals = recipients === null ? [] : totalsByConnection(recipients, delivery);
  return used.map(({ id, percent }, index) => ({
    id, name: connections.find((one) => one.id === id)?.name ?? '…', percent: delivery.mode === 'split' ? percent : null, mails: totals[index] ?? null,
  }));
}

export interface TestPlan {
  readonly variants: number;
  /** Recipients of the test, and of the winner after it. */
  readonly tested: number;
  readonly rest: number;
  /** Of each variant; null where its share is drawn anew while the test runs, or where the group is too small. */
  readonly sizes: readonly number[] | null;
}

/** How an A/B test divides its recipients. */
export function testPlanOf(experiment: Experiment, recipients: number): TestPlan {
  const variants = variantCount(experiment);
  const tested = testSize(recipients, experiment);
  const groups = experiment.distribution === 'bandit' || (experiment.distribution === 'weighted' && experiment.weights.length !== variants) ? null : planTest(recipients, experiment)?.groups;
  return { variants, tested, rest: recipients - tested, sizes: groups?.map((group) => group.size) ?? null };
}

/** How long a throttle makes a campaign take at least, in ms; null without one. */
export function throttledMs(recipients: number, perMinute: number | null): number | null {
  return perMinute === null || perMinute < 1 ? null : (recipients / perMinute) * 60_000;
}

/** Whole percentages of equal shares, sum 100. */
export const evenShares = (count: number): number[] => apportion(100, new Array<number>(count).fill(1));
