import { randomBytes } from 'node:crypto';
import { migrateControl } from '../../infra/tenancy/provisioning.ts';
import { createNamespace } from './namespace.ts';

/** A namespace and a migrated control database on the services of the environment: what an installation shares with no other. */
export async function ownPlace(): Promise<Record<string, string>> {
  const { TEMPORAL_ADDRESS: address, DATABASE_URL: database } = process.env;
  const place: Record<string, string> = {};
  if (address !== undefined) place['TEMPORAL_NAMESPACE'] = await createNamespace(address);
  if (database !== undefined) {
    const own = new URL(database);
    own.pathname = `/fermata_t_${randomBytes(6).toString('hex')}`;
    place['DATABASE_URL'] = own.toString();
    await migrateControl(own.toString());
  }
  return place;
}
