/** The entry of the workflow bundle: every workflow there is. */
export { bulkWorkflow } from './bulk.ts';
export { campaignWorkflow } from './campaign.ts';
export { exportWorkflow } from './exports.ts';
export { removeFieldWorkflow } from './fields.ts';
export { importWorkflow } from './imports.ts';
export { journeyWorkflow } from './journey.ts';
export { journeyControlWorkflow, journeySegmentsWorkflow } from './journey-control.ts';
export { removeListWorkflow } from './lists.ts';
export { provisionOrganizationWorkflow } from './organization.ts';
export { outboxWorkflow } from './outbox.ts';
export { reconcileWorkflow, reindexWorkflow } from './reindex.ts';
export { scrubWorkflow } from './scrub.ts';
export { signUpWorkflow } from './sign-ups.ts';
export { sweepWorkflow } from './sweep.ts';
