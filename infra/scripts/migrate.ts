/** Brings the control database and every organization's database and index up to this version. Safe to repeat and to run from several machines. */
import { readConfig } from '../config.ts';
import { createContainer } from '../container.ts';
import { createProvisioning, migrateControl, provisionOrganization } from '../tenancy/provisioning.ts';

const config = readConfig();

await migrateControl(config.DATABASE_URL);
const container = await createContainer('migrate', config);
try {
  const steps = createProvisioning(container);
  const organizations = (await container.tenants.list()).filter((org) => org.state === 'active');
  for (const org of organizations) await provisionOrganization(steps, org.id);
  container.logger.info({ organizations: organizations.length }, 'every database is current');
} finally {
  await container.close();
}
