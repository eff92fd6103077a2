import type { Container } from '../infra/container.ts';
import { createProvisioning } from '../infra/tenancy/provisioning.ts';

export type OrganizationActivities = ReturnType<typeof createOrganizationActivities>;

/** The steps of `provisionOrganizationWorkflow`; each may run again at any time. */
export function createOrganizationActivities(container: Pick<Container, 'config' | 'control' | 'tenants' | 'elasticsearch'>) {
  const provisioning = createProvisioning(container);
  return {
    createOrganizationDatabase: (orgId: string) => provisioning.createDatabase(orgId),
    migrateOrganization: (orgId: string) => provisioning.migrate(orgId),
    createOrganizationIndex: (orgId: string) => provisioning.createIndex(orgId),
    seedOrganization: (orgId: string) => provisioning.seed(orgId),
    activateOrganization: (orgId: string) => provisioning.activate(orgId),
  };
}
