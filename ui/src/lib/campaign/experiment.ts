import type { Experiment } from '../api/types.ts';
import { variantCount } from '#domain/campaign/experiment.ts';
import type { Draft } from './draft.ts';
import { evenShares } from './plan.ts';

/** Of each field, the campaign's own among them. */
export const MAX_ALTERNATIVES = 5;

/** A test to begin with: a second subject line waits to be written. */
export const newExperiment = (draft: Draft): Experiment => ({
  subjects: [''], contents: [], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: draft.tracking.opens || !draft.tracking.clicks ? 'open_rate' : 'click_rate', distribution: 'random', weights: [],
});

type Alternatives = Pick<Experiment, 'subjects' | 'contents' | 'fromNames'>;

/** The test with other alternatives. Weights belong to variants: another number of them begins with equal ones. */
export function withAlternatives(experiment: Experiment, change: Partial<Alternatives>): Experiment {
  const next = { ...experiment, ...change };
  return variantCount(next) === variantCount(experiment) ? next : { ...next, weights: next.distribution === 'weighted' ? evenShares(variantCount(next)) : [] };
}

export function withDistribution(experiment: Experiment, distribution: Experiment['distribution']): Experiment {
  return { ...experiment, distribution, weights: distribution === 'weighted' ? evenShares(variantCount(experiment)) : [] };
}
