/** Brings the control database and every organization's database and index up to this version. Safe to repeat and to run from several machines. */
import { readConfig, settings } from '../config.ts';
import { createContainer } from '../container.ts';
import { createProvisioning, migrateControl, provisionOrganization } from '../tenancy/provisioning.ts';

// Migrations need the databases and the search server alone; a key or Temporal need not be at hand.
const config = readConfig({
  TEMPORAL_ADDRESS: 'localhost:7233',
  FERMATA_SECRET_KEY: Buffer.alloc(32).toString('base64'),
  ...Object.fromEntries(Object.keys(settings).flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
});

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
