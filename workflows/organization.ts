import { proxyActivities } from '@temporalio/workflow';
import type { OrganizationActivities } from '../activities/organization.ts';
import type { OrganizationInput } from './contracts.ts';
import { policies } from './policies.ts';

const steps = proxyActivities<OrganizationActivities>(policies.provision);

/**
 * Makes a recorded organization usable: database, tables, search index, default connection, then the door opens.
 * Every step is idempotent, so a second run, or a run after a restored backup, only fills what is missing.
 */
export async function provisionOrganizationWorkflow({ orgId }: OrganizationInput): Promise<void> {
  await steps.createOrganizationDatabase(orgId);
  await steps.migrateOrganization(orgId);
  await steps.createOrganizationIndex(orgId);
  await steps.seedOrganization(orgId);
  await steps.activateOrganization(orgId);
}
