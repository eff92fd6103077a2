import type { Container } from '../container.ts';
import type { CohortRef } from './enter.ts';
import type { Nudges } from './react.ts';
import { createVersions, type Versions } from './versions.ts';

/** What applying events and changes needs of journeys. */
export interface JourneyEngine {
  readonly versions: Versions;
  /** Epoch ms, by the engine's clock. */
  now(): number;
  /** Tells the runs after the commit. Never fails: a lost word costs delay only, as the sweep finds who is overdue. */
  tell(orgId: string, nudges: Nudges): Promise<void>;
}

const AT_ONCE = 20;

export function createJourneyEngine({ gateway, logger }: Pick<Container, 'gateway' | 'logger'>, now: () => number, versions: Versions = createVersions()): JourneyEngine {
  return { versions, now, tell: (orgId, nudges) => tellCohorts(gateway, orgId, nudges, (error) => logger.warn({ err: error, orgId }, 'a cohort was not told; the sweep will make up for it')) };
}

/** An engine that tells nobody: for whoever applies what arrived where no journey runs. */
export function silentJourneyEngine(): JourneyEngine {
  return { versions: createVersions(), now: Date.now, tell: () => Promise.resolve() };
}

/** Starts and wakes runs, twenty at a time. */
export async function tellCohorts(gateway: Pick<Container['gateway'], 'startCohort' | 'wakeCohort'>, orgId: string, { started, woken }: Nudges, onError: (error: unknown) => void): Promise<void> {
  const input = ({ journeyId, versionNo, cohortId }: CohortRef) => ({ orgId, journeyId, versionNo, cohortId });
  const words = [...started.map((cohort) => () => gateway.startCohort({ ...input(cohort), ...(cohort.tokens === undefined ? {} : { tokens: cohort.tokens }) })), ...woken.map((cohort) => () => gateway.wakeCohort(input(cohort), cohort.nodes))];
  for (let i = 0; i < words.length; i += AT_ONCE) {
    for (const word of await Promise.allSettled(words.slice(i, i + AT_ONCE).map((say) => say()))) if (word.status === 'rejected') onError(word.reason);
  }
}
