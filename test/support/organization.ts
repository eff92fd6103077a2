import { randomUUID } from 'node:crypto';
import { readConfig, type Config } from '../../infra/config.ts';
import { createContainer, type Container } from '../../infra/container.ts';
import { createProvisioning, migrateControl, provisionOrganization, recordTenant } from '../../infra/tenancy/provisioning.ts';

/** The key of all tests: fixed, so that a test's tracking ids can be told from its failure message. */
const TEST_KEY = Buffer.alloc(32, 7).toString('base64');

/** The configuration of an integration test: the services of the environment, everything else its default. */
export function testConfig(overrides: Readonly<Record<string, string>> = {}): Config {
  return readConfig({
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    FERMATA_SECRET_KEY: TEST_KEY,
    FERMATA_LOG_LEVEL: 'fatal',
    FERMATA_ALLOW_PRIVATE_SMTP: 'true',
    ...process.env,
    ...overrides,
  });
}

export interface TestOrganization {
  readonly orgId: string;
  readonly container: Container;
  /** Closes the container; organizations stay until the test services are torn down. */
  close(): Promise<void>;
}

/**
 * A fresh organization with a real database and index, active and seeded; Temporal is not needed.
 * @param options.container of an earlier organization, to share it (its `close` is then a no-op)
 */
export async function createTestOrganization(options: { readonly container?: Container; readonly config?: Readonly<Record<string, string>>; readonly timezone?: string } = {}): Promise<TestOrganization> {
  const container = options.container ?? (await createTestContainer(options.config));
  const orgId = randomUUID();
  const name = `Test ${orgId.slice(0, 8)}`;
  const slug = `test-${orgId.slice(0, 13)}`;
  await container.control.run(`insert into "organization" ("id", "name", "slug", "createdAt") values ($1, $2, $3, now())`, [orgId, name, slug]);
  await recordTenant(container.control, container.config.DATABASE_URL, { id: orgId, name, slug, timezone: options.timezone ?? 'UTC' });
  await provisionOrganization(createProvisioning(container), orgId);
  return { orgId, container, close: async () => (options.container === undefined ? container.close() : undefined) };
}

/** A container over the test services with the control database migrated. */
export async function createTestContainer(config: Readonly<Record<string, string>> = {}): Promise<Container> {
  const complete = testConfig(config);
  await migrateControl(complete.DATABASE_URL);
  return createContainer('test', complete);
}
