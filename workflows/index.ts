/** The entry of the workflow bundle: every workflow there is. */
export { campaignWorkflow } from './campaign.ts';
export { removeFieldWorkflow } from './fields.ts';
export { importWorkflow } from './imports.ts';
export { removeListWorkflow } from './lists.ts';
export { provisionOrganizationWorkflow } from './organization.ts';
export { outboxWorkflow } from './outbox.ts';
export { reconcileWorkflow, reindexWorkflow } from './reindex.ts';
export { sweepWorkflow } from './sweep.ts';
