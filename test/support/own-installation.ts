import { randomBytes } from 'node:crypto';
import { migrateControl } from '../../infra/tenancy/provisioning.ts';
import { createNamespace } from './namespace.ts';

/**
 * Runs before each file of a suite: a namespace and a control database of its own. Its workers take nobody else's tasks,
 * and its sweep finds nobody else's campaigns, which it would start a second time.
 */
const { TEMPORAL_ADDRESS: address, DATABASE_URL: database } = process.env;
if (address !== undefined) process.env['TEMPORAL_NAMESPACE'] = await createNamespace(address);
if (database !== undefined) {
  const own = new URL(database);
  own.pathname = `/fermata_t_${randomBytes(6).toString('hex')}`;
  process.env['DATABASE_URL'] = own.toString();
  await migrateControl(own.toString());
}
