import { behaviouralTrigger } from './behavioural-trigger.ts';
import { dataEnrichment } from './data-enrichment.ts';
import type { ReadyJourney } from './drawing.ts';
import { drip } from './drip.ts';
import { eventFollowUp } from './event-follow-up.ts';
import { welcomeSeries } from './welcome-series.ts';
import { winBack } from './win-back.ts';

/** What a new journey can begin as, beside a blank one. */
export const readyJourneys: readonly ReadyJourney[] = [welcomeSeries, winBack, drip, eventFollowUp, behaviouralTrigger, dataEnrichment];
