import { engineOf } from '../infra/mail/create-engine.ts';
import type { Container } from '../infra/container.ts';
import { createBulkActivities } from './bulk.ts';
import { createCampaignActivities } from './campaign.ts';
import { createStageActivities } from './campaign-stage.ts';
import { createExportActivities } from './exports.ts';
import { createFieldActivities } from './fields.ts';
import { createImportActivities } from './imports.ts';
import { createIndexingActivities } from './indexing.ts';
import { createJourneyControlActivities } from './journey-control/index.ts';
import { createJourneyActivities } from './journeys/index.ts';
import { createListActivities } from './lists.ts';
import { createOrganizationActivities } from './organization.ts';
import { createReindexActivities } from './reindex.ts';
import { createScrubActivities } from './scrub.ts';
import { createSendActivities } from './send.ts';
import { createSignUpActivities } from './sign-ups.ts';
import { createSweepActivities } from './sweep.ts';

/**
 * Every activity of a worker process, from its container.
 * @returns with them what the process must call when it stops: `drain` first (no new mail), `close` at the end
 */
export function createActivities(container: Container) {
  const engine = engineOf(container);
  let stopping = false;
  const isStopping = () => stopping;
  return {
    activities: {
      ...createOrganizationActivities(container),
      ...createIndexingActivities(container, isStopping),
      ...createReindexActivities(container, isStopping),
      ...createImportActivities(container, isStopping),
      ...createFieldActivities(container, isStopping),
      ...createListActivities(container, isStopping),
      ...createBulkActivities(container, isStopping),
      ...createExportActivities(container, isStopping),
      ...createScrubActivities(container, isStopping),
      ...createJourneyControlActivities(container, isStopping),
      ...createCampaignActivities(container),
      ...createStageActivities(container),
      ...createSendActivities(engine, container),
      ...createJourneyActivities(container, engine),
      ...createSignUpActivities(container),
      ...createSweepActivities(container),
    },
    drain: () => {
      stopping = true;
      engine.drain();
    },
    close: () => engine.close(),
  };
}
