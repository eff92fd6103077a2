import { createHmac } from 'node:crypto';
import type { Sql } from '../db/sql.ts';
import type { Secrets } from '../secrets.ts';
import { KEEP_AND_WRITE_SUPPRESSIONS, KEEP_SUPPRESSIONS } from './suppression-lock.ts';

/**
 * What is left of an erased address: a keyed hash, so that who comes again stays suppressed and nobody can read who it was.
 * Without the installation's key a hash cannot be tried against a list of addresses.
 */
export function createAddressHash(secrets: Secrets): (emailKey: string) => Buffer {
  const key = secrets.derive('erasure');
  return (emailKey) => createHmac('sha256', key).update(emailKey).digest();
}

/**
 * Brings back the suppressions of erased addresses that come again: rows of `suppression_hash` become rows of `suppression`.
 * An entry made since stays. For writers of suppressions; writers of customers call `holdSuppressions`.
 * @returns how many came back
 */
export async function unhideSuppressions(tx: Sql, secrets: Secrets, emailKeys: readonly string[]): Promise<number> {
  const hidden = await hiddenAmong(tx, secrets, emailKeys);
  if (hidden.length === 0) return 0;
  return tx.run(
    `with back as (
       delete from suppression_hash h using unnest($1::bytea[], $2::text[]) u(hash, email_key) where h.hash = u.hash
       returning u.email_key, h.reason, h.source, h.created_at)
     insert into suppression (email_key, email, reason, source, created_at)
     select email_key, email_key, reason, source, created_at from back order by email_key on conflict (email_key) do nothing`,
    [hidden.map((each) => each.hash), hidden.map((each) => each.emailKey)]);
}

/**
 * To be called before customers with these addresses are made or get one of them, and before any customer row is locked:
 * suppressions of erased ones are back, and until the transaction ends nobody suppresses an address, which would miss
 * her, and she it. Everybody takes this lock first, so nobody waits crosswise.
 */
export function holdSuppressions(tx: Sql, secrets: Secrets, emailKeys: readonly string[]): Promise<void> {
  return holdSuppressionsOf(tx, secrets, () => Promise.resolve(emailKeys));
}

/**
 * The same for addresses that are found only once nobody is erased any more until the transaction ends.
 * @param find may be called twice; what the first call wrote is then undone
 */
export async function holdSuppressionsOf(tx: Sql, secrets: Secrets, find: () => Promise<readonly string[]>): Promise<void> {
  await tx.run('savepoint hold');
  await tx.run(KEEP_SUPPRESSIONS);
  if ((await hiddenAmong(tx, secrets, await find())).length === 0) return void (await tx.run('release savepoint hold'));
  // Two who hold a share lock and want to write would wait for each other: the share lock is given back for one that only one can have.
  await tx.run('rollback to savepoint hold');
  await tx.run(KEEP_AND_WRITE_SUPPRESSIONS);
  await unhideSuppressions(tx, secrets, await find());
}

/** Blocks erased addresses by their hashes, for a reason of their own; one that is blocked already keeps its reason. */
export async function blockErased(tx: Sql, secrets: Secrets, emailKeys: readonly string[], { reason, source }: { readonly reason: 'manual' | 'list_import'; readonly source: 'manual' | 'csv_import' }): Promise<void> {
  if (emailKeys.length === 0) return;
  await tx.run(`insert into suppression_hash (hash, reason, source) select h, $2, $3 from unnest($1::bytea[]) u(h) order by h on conflict (hash) do nothing`,
    [emailKeys.map(createAddressHash(secrets)), reason, source]);
}

async function hiddenAmong(tx: Sql, secrets: Secrets, emailKeys: readonly string[]): Promise<{ hash: Buffer; emailKey: string }[]> {
  if (emailKeys.length === 0 || (await tx.first('select 1 as any from suppression_hash limit 1')) === undefined) return [];
  const hashOf = createAddressHash(secrets);
  const keyByHash = new Map(emailKeys.map((emailKey) => [hashOf(emailKey).toString('hex'), emailKey]));
  const found = await tx.rows<{ hash: Buffer }>('select hash from suppression_hash where hash = any($1::bytea[])', [[...keyByHash.keys()].map((hex) => Buffer.from(hex, 'hex'))]);
  return found.map(({ hash }) => ({ hash, emailKey: keyByHash.get(hash.toString('hex'))! }));
}
