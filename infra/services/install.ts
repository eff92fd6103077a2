import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runToEnd } from './command.ts';
import { identify } from './process-identity.ts';
import { checkout } from './profile.ts';
import type { Progress, Task } from './progress.ts';

/** Versions and checksums of everything that is not an npm package; the only place that names them. */
export const pins = JSON.parse(readFileSync(join(checkout, 'infra/pins.json'), 'utf8')) as {
  readonly postgres: { readonly minimumMajor: number };
  readonly elasticsearch: { readonly version: string; readonly major: number; readonly minimumJava: number; readonly sha256: string };
  readonly temporal: {
    readonly package: string;
    readonly module: string;
    readonly version: string;
    readonly sum: string;
    readonly minimumGo: string;
    readonly minimumServer: string;
    readonly packages: number;
  };
  readonly temporalTestServer: { readonly version: string; readonly sha256: string };
  readonly mavenDependencyPlugin: { readonly version: string };
};

/** Something needed is not on this machine. The message is one sentence that names it and the ways around it. */
export class MissingTool extends Error {
  constructor(tool: string, purpose: string, instead: string) {
    super(`${tool} is needed to ${purpose} and was not found: install it, set ${instead} to a running server, or use \`docker compose up\`.`);
    this.name = 'MissingTool';
  }
}

/** The full path of a program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (folder === '' || folder.includes('node_modules') || !existsSync(path)) continue;
    const found = statSync(path);
    if (found.isFile() && (found.mode & 0o111) !== 0) return path;
  }
  return undefined;
}

/** Runs a program for its answer. @returns what it printed, or undefined when it failed */
export function ask(program: string, args: readonly string[]): string | undefined {
  const answer = spawnSync(program, [...args], { encoding: 'utf8', timeout: 20_000 });
  return answer.status === 0 ? `${answer.stdout}${answer.stderr}` : undefined;
}

/**
 * Installs into a folder at once or not at all: `fill` works in a folder beside it, which takes the name at the end.
 * Two installers at the same time do no harm: the second finds the folder there and drops its own.
 * @param folder its name holds the version, so another pin is another folder
 */
export async function installOnce(folder: string, what: string, progress: Progress, fill: (draft: string, task: Task) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  removeDrafts(folder);
  const draft = `${folder}${draftMark}${process.pid}`;
  const task = progress.task(what);
  try {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    await fill(draft, task);
    openToAll(draft);
    if (existsSync(folder)) rmSync(draft, { recursive: true, force: true });
    else renameSync(draft, folder);
    task.done('installed');
  } catch (error) {
    task.failed();
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

const draftMark = '.draft-';

/** What an interrupted installation left; the draft of a living process stays. */
function removeDrafts(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    const [start, pid] = name.split(draftMark);
    if (start === basename(folder) && identify(Number(pid)) === undefined) rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}

/** Runs a Maven goal on one of our poms, showing the size of what it downloads. */
export async function runMaven(pom: string, goal: string, properties: Readonly<Record<string, string>>, task: Task): Promise<void> {
  const maven = findProgram('mvn') ?? '';
  const all = { 'dependency-plugin.version': pins.mavenDependencyPlugin.version, ...properties };
  // Not in batch mode: only so does Maven tell how far a download is. What arrives is checked against our own pins.
  await runToEnd(maven, ['-Dstyle.color=never', '-f', pom, ...Object.entries(all).map(([name, value]) => `-D${name}=${value}`), goal], { cwd: checkout }, (text) => {
    const howFar = [...text.matchAll(/(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?) MB/g)].at(-1);
    if (howFar !== undefined) task.step(`downloading, ${howFar[1]} of ${howFar[2]} MB`);
  });
}

/** @throws Error when the file is not the pinned one */
export async function verifySha256(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  refuseOther(basename(path), hash.digest('hex'), expected);
}

/**
 * Checks a folder of files against one checksum: SHA-256 of the lines `<sha256>  <name>` in the order of names.
 * @throws Error when a file differs, is missing or is one too many
 */
export function verifyFolderSha256(folder: string, expected: string): void {
  const lines = readdirSync(folder)
    .sort()
    .map((name) => `${createHash('sha256').update(readFileSync(join(folder, name))).digest('hex')}  ${name}\n`);
  refuseOther(basename(folder), createHash('sha256').update(lines.join('')).digest('hex'), expected);
}

function refuseOther(what: string, found: string, expected: string): void {
  if (found !== expected) throw new Error(`${what} has the SHA-256 ${found}, infra/pins.json expects ${expected}: the download was damaged or replaced.`);
}

/** Lets every user read the files and run the programs, whatever the umask was. */
export function openToAll(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return; // a link to nowhere
  if (found.isDirectory()) {
    chmodSync(path, 0o755);
    for (const name of readdirSync(path)) openToAll(join(path, name));
  } else {
    chmodSync(path, (found.mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
