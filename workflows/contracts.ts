/**
 * What the API, the activities and the workflows agree on: queue and workflow names, id builders,
 * inputs and results. Inputs hold ids, ranges and numbers, never people.
 */

import type { Token } from '#domain/journey/board.ts';

export const queues = { engine: 'engine', send: 'send', bulk: 'bulk' } as const;

/** Workflow ids: starting a thing twice is harmless by construction, and every screen can link to its run. */
export const workflowIds = {
  organization: (orgId: string) => `org/${orgId}/organization`,
  outbox: (orgId: string) => `org/${orgId}/outbox`,
  campaign: (orgId: string, campaignId: string) => `org/${orgId}/campaign/${campaignId}`,
  import: (orgId: string, importId: string) => `org/${orgId}/import/${importId}`,
  reindex: (orgId: string) => `org/${orgId}/reindex`,
  reconcile: (orgId: string) => `org/${orgId}/reconcile`,
  listRemoval: (orgId: string, listId: string) => `org/${orgId}/list-removal/${listId}`,
  fieldRemoval: (orgId: string, fieldNo: number) => `org/${orgId}/field-removal/${fieldNo}`,
  export: (orgId: string, exportId: string) => `org/${orgId}/export/${exportId}`,
  bulk: (orgId: string, bulkId: string) => `org/${orgId}/bulk/${bulkId}`,
  scrub: (orgId: string) => `org/${orgId}/scrub`,
  signUp: (orgId: string, signUpNo: number) => `org/${orgId}/sign-up/${signUpNo}`,
  cohort: (orgId: string, journeyId: string, cohortId: number) => `org/${orgId}/journey/${journeyId}/cohort/${cohortId}`,
  journeyControl: (orgId: string, journeyId: string) => `org/${orgId}/journey/${journeyId}/control`,
  journeySegments: (orgId: string) => `org/${orgId}/journey-segments`,
  sweep: () => 'sweep',
} as const;

export interface OrganizationInput {
  readonly orgId: string;
}

export interface OutboxInput {
  readonly orgId: string;
}

export interface ReindexInput {
  readonly orgId: string;
}

/** Why the customer index is built again; told by signal, so that a build under way hears of the next. */
export type ReindexReason = 'fields' | 'timezone' | 'growth' | 'rebuild';

export interface ReconcileInput {
  readonly orgId: string;
}

export interface ImportInput {
  readonly orgId: string;
  readonly importId: string;
}

export interface ListInput {
  readonly orgId: string;
  readonly listId: string;
}

export interface FieldInput {
  readonly orgId: string;
  readonly fieldNo: number;
}

export interface ExportInput {
  readonly orgId: string;
  readonly exportId: string;
}

export interface BulkInput {
  readonly orgId: string;
  readonly bulkId: string;
}

export interface ScrubInput {
  readonly orgId: string;
}

export interface SignUpInput {
  readonly orgId: string;
  readonly signUpNo: number;
}

export interface CampaignInput {
  readonly orgId: string;
  readonly campaignId: string;
  readonly mailNo: number;
}

export interface JourneyInput {
  readonly orgId: string;
  readonly journeyId: string;
  readonly versionNo: number;
  readonly cohortId: number;
  /** Of a run that goes on as a new one; without them they are mustered from the rows. */
  readonly tokens?: readonly Token[];
}

/** One visit of a step of a cohort. */
export interface NodeInput {
  readonly orgId: string;
  readonly journeyId: string;
  readonly versionNo: number;
  readonly cohortId: number;
  readonly node: string;
}

export interface JourneyControlInput {
  readonly orgId: string;
  readonly journeyId: string;
}

/** Signals, updates and queries by name, so that both sides spell them alike. */
export const messages = {
  nudge: 'nudge',
  pause: 'pause',
  resume: 'resume',
  cancel: 'cancel',
  unschedule: 'unschedule',
  pickWinner: 'pickWinner',
  limits: 'limits',
  wake: 'wake',
  board: 'board',
} as const;
