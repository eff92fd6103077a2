import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canUse, chooseGuest, makePassableFolder, type Guest } from './guest.ts';

export type ProfileName = 'dev' | 'test' | 'bench';

/** Where one stack keeps its state and tools, and who runs its servers. */
export interface Profile {
  readonly name: ProfileName;
  readonly checkout: string;
  /** State of this stack: logs, keys, uploads, run.json. */
  readonly folder: string;
  readonly logs: string;
  /** Installed tools, shared by all profiles. */
  readonly tools: string;
  /** The unprivileged user of Postgres and Elasticsearch; undefined when the caller runs everything. */
  readonly guest: Guest | undefined;
  /** Data of Postgres and Elasticsearch: inside `folder`, unless the guest cannot reach it. */
  readonly guestFolder: string;
  readonly guestTools: string;
}

export const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Makes the folders of a profile.
 *
 * As root in a folder that is closed to others (a home with mode 0700), the unprivileged servers could not even reach
 * their own data under the checkout. Their data and tools then live in /var/lib/fermata, in a folder named after the checkout.
 * @param root folder of all state, `.fermata` in the checkout unless told otherwise
 * @throws Error in plain words when the folders belong to somebody else
 */
export function openProfile(name: ProfileName, root: string = join(checkout, '.fermata')): Profile {
  const guest = chooseGuest(checkout);
  const folder = join(root, name);
  const logs = join(folder, 'logs');
  const tools = join(root, 'tools');
  try {
    for (const path of [root, folder, logs, tools]) makePassableFolder(path);
    writeFileSync(join(folder, '.writable'), '');
    rmSync(join(folder, '.writable'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new Error(`${root} belongs to another user. Start as that user, or remove the folder to begin anew.`);
  }
  const reachable = guest === undefined || canUse(guest, folder);
  const guestRoot = reachable ? root : join('/var/lib/fermata', createHash('sha256').update(root).digest('hex').slice(0, 12));
  const guestFolder = join(guestRoot, name);
  const guestTools = join(guestRoot, 'tools');
  for (const path of [dirname(guestRoot), guestRoot, guestFolder, guestTools]) makePassableFolder(path);
  return { name, checkout, folder, logs, tools, guest, guestFolder, guestTools };
}

/** Removes what an interrupted run left, for a profile that begins anew each time; run.json, the lock, stays. */
export function emptyProfile(profile: Profile): void {
  for (const path of new Set([profile.folder, profile.guestFolder])) {
    for (const name of readdirSync(path)) if (name !== 'run.json') rmSync(join(path, name), { recursive: true, force: true });
  }
  makePassableFolder(profile.logs);
}

/** Moves the logs beside the profile, where its removal spares them. @returns the folder */
export function keepLogs(profile: Profile): string {
  const kept = join(dirname(profile.folder), `${profile.name}-logs`);
  rmSync(kept, { recursive: true, force: true });
  renameSync(profile.logs, kept);
  return kept;
}

/** Removes all state of the profile; tools stay. */
export function wipeProfile(profile: Profile): void {
  for (const path of [profile.folder, profile.guestFolder]) rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/**
 * A secret made once and kept in the state folder, readable by the caller alone.
 * @param bytes length of the random value
 * @returns base64 text, the same on every later start
 */
export function keepSecret(profile: Profile, name: string, bytes: number, encoding: 'base64' | 'hex' = 'base64'): string {
  const path = join(profile.folder, 'secrets', name);
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    chmodSync(dirname(path), 0o700);
    writeFileSync(path, randomBytes(bytes).toString(encoding), { mode: 0o600, flag: 'wx' });
  }
  return readFileSync(path, 'utf8').trim();
}
