import type { Container } from '../../../infra/container.ts';
import { createJourneyDraftService, type JourneyDraftService } from './drafts.ts';
import { createJourneyJobs, type JourneyJobs } from './jobs.ts';
import { createJourneyLifecycle, type JourneyLifecycle } from './lifecycle.ts';
import { createJourneyNumbers, type JourneyNumbers } from './numbers.ts';
import { createJourneyPeople, type JourneyPeople } from './people.ts';
import { createJourneyPublisher, type JourneyPublisher } from './publish.ts';
import { createJourneyReader } from './reader.ts';
import { createJourneyRefusals, type JourneyRefusals } from './refusals.ts';
import { createJourneyService, type JourneyService } from './service.ts';
import { createJourneyTestMail, type JourneyTestMail } from './test-mail.ts';
import { createJourneyVersionService, type JourneyVersionService } from './versions.ts';

/** What can be done with journeys, by concern. */
export interface JourneyServices {
  readonly journeys: JourneyService;
  readonly journeyDrafts: JourneyDraftService;
  readonly journeyPublisher: JourneyPublisher;
  readonly journeyLifecycle: JourneyLifecycle;
  readonly journeyVersions: JourneyVersionService;
  readonly journeyNumbers: JourneyNumbers;
  readonly journeyPeople: JourneyPeople;
  readonly journeyJobs: JourneyJobs;
  readonly journeyRefusals: JourneyRefusals;
  readonly journeyTestMail: JourneyTestMail;
}

export function createJourneyServices(container: Container): JourneyServices {
  const reader = createJourneyReader(container);
  return {
    journeys: createJourneyService(container, reader),
    journeyDrafts: createJourneyDraftService(container, reader),
    journeyPublisher: createJourneyPublisher(container, reader),
    journeyLifecycle: createJourneyLifecycle(container, reader),
    journeyVersions: createJourneyVersionService(container, reader),
    journeyNumbers: createJourneyNumbers(container, reader),
    journeyPeople: createJourneyPeople(container, reader),
    journeyJobs: createJourneyJobs(container, reader),
    journeyRefusals: createJourneyRefusals(container, reader),
    journeyTestMail: createJourneyTestMail(container, reader),
  };
}
