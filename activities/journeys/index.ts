import type { Visit } from '#domain/journey/board.ts';
import type { Container } from '../../infra/container.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import type { SendEngine } from '../../infra/mail/engine.ts';
import { createProviders } from '../../infra/mail/providers/registry.ts';
import { createSafeFetch } from '../../infra/safe-fetch.ts';
import type { NodeInput } from '../../workflows/contracts.ts';
import { visitStep } from './cohort.ts';
import { createLines } from './lines.ts';
import { muster } from './muster.ts';
import { sendVisit } from './send.ts';
import { createWebhookWork } from './webhook.ts';

export type JourneyActivities = ReturnType<typeof createJourneyActivities>;

/**
 * What `journeyWorkflow` asks for: one visit of one step of a cohort. Counts and times come back, never people. None of them
 * refuses for good: whatever is wrong, people wait where they stand and the next attempt looks again.
 */
export function createJourneyActivities(container: Container, engine: SendEngine) {
  const { config, secrets } = container;
  const dependencies = { ...container, versions: createVersions() };
  const lines = createLines(container, createProviders(config, secrets));
  const webhooks = createWebhookWork(container, createSafeFetch({ allowPrivate: config.FERMATA_ALLOW_PRIVATE_WEBHOOKS }));
  return {
    /** Finds out where people of the cohort stand. */
    stepMuster: (input: NodeInput): Promise<Visit> => muster(dependencies, input),
    /** Delays. */
    stepWait: (input: NodeInput): Promise<Visit> => visitStep(dependencies, input),
    /** Conditions and splits. */
    stepCondition: (input: NodeInput): Promise<Visit> => visitStep(dependencies, input),
    /** Fields and lists. */
    stepUpdate: (input: NodeInput): Promise<Visit> => visitStep(dependencies, input),
    stepSend: (input: NodeInput): Promise<Visit> => visitStep(dependencies, input, sendVisit(engine, lines)),
    stepWebhook: (input: NodeInput): Promise<Visit> => visitStep(dependencies, input, webhooks),
  };
}
