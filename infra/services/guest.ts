import { spawnSync } from 'node:child_process';
import { chownSync, chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';

/** The unprivileged user that runs the servers which refuse to run as root. */
export interface Guest {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/**
 * Chooses who runs Postgres and Elasticsearch.
 * @param checkout folder of the project; its owner is taken when that is not root, else `nobody`
 * @returns undefined when the caller is not root: then everything runs as the caller
 */
export function chooseGuest(checkout: string): Guest | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(checkout);
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: nameOf(owner.uid) ?? `user ${owner.uid}` };
  const nobody = passwd().find((entry) => entry.name === 'nobody');
  return nobody ?? { uid: 65_534, gid: 65_534, name: 'nobody' };
}

/** Whether the guest can reach and execute the file or enter the folder. Asked of the system, so it knows of every rule. */
export function canUse(guest: Guest, path: string): boolean {
  const answer = spawnSync('/bin/sh', ['-c', 'test -x "$1" && test -r "$1"', 'sh', path], { uid: guest.uid, gid: guest.gid, cwd: '/', env: {} });
  return answer.status === 0;
}

/** Makes a folder that only its user can read: the guest's, or the caller's when there is none. */
export function makePrivateFolder(path: string, guest: Guest | undefined): void {
  mkdirSync(path, { recursive: true });
  if (guest !== undefined) chownSync(path, guest.uid, guest.gid);
  chmodSync(path, 0o700);
}

/** Makes a folder that others may pass through, whatever the umask says. */
export function makePassableFolder(path: string): void {
  if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o755);
}

function nameOf(uid: number): string | undefined {
  return passwd().find((entry) => entry.uid === uid)?.name;
}

function passwd(): Guest[] {
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return []; // systems that keep their users elsewhere: the conventional number is used
  }
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map((fields) => ({ name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]) }));
}
