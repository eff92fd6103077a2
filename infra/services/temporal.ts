import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { runToEnd } from './command.ts';
import { ask, findProgram, installOnce, MissingTool, pins } from './install.ts';
import type { RunningService, ServiceContext } from './service.ts';

/** Search attributes by which the UI and the operators find workflows; also registered by the docker-compose road. */
const searchAttributes = { OrgId: 'Keyword', Kind: 'Keyword', EntityId: 'Keyword' } as const;

interface Binary {
  readonly path: string;
  readonly origin: string;
}

/**
 * Brings up Temporal's development server with its web UI; runs survive restarts in one SQLite file.
 * @throws MissingTool when it has to be built and Go is missing
 * @throws Error in plain words when TEMPORAL_ADDRESS does not answer
 */
export async function startTemporal(context: ServiceContext): Promise<RunningService> {
  const given = process.env['TEMPORAL_ADDRESS'];
  if (given !== undefined && given !== '') return useGiven(given);

  const { profile, ports } = context;
  const binary = findBinary() ?? (await install(context));
  const address = `127.0.0.1:${ports.temporal}`;
  const ui = `http://localhost:${ports.temporalUi}`;
  await context.launch({
    name: 'temporal',
    command: binary.path,
    args: [
      'server', 'start-dev',
      '--ip', '127.0.0.1',
      '--port', String(ports.temporal),
      '--ui-port', String(ports.temporalUi),
      '--db-filename', join(profile.folder, 'temporal.db'),
      // Twice the default's rate; a crash of the machine may lose the last moment, never the file's consistency.
      '--sqlite-pragma', 'journal_mode=WAL',
      '--sqlite-pragma', 'synchronous=NORMAL',
      ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
      // One organization's backlog must not hold up the others: tasks carry the organization as fairness key.
      '--dynamic-config-value', 'matching.enableFairness=true',
      '--log-level', 'warn',
      '--log-format', 'json',
      '--color', 'never',
    ],
    cwd: profile.folder,
    env: process.env,
    log: join(profile.logs, 'temporal.log'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 4_000,
    readyWithinMs: 60_000,
    isReady: () => isServing(`http://127.0.0.1:${ports.temporalUi}`),
  });
  return { name: 'Temporal', address, origin: binary.origin, env: { TEMPORAL_ADDRESS: address, TEMPORAL_UI_URL: ui } };
}

function findBinary(): Binary | undefined {
  const path = findProgram('temporal');
  if (path === undefined) return undefined;
  const version = /Server (\d+\.\d+)/.exec(ask(path, ['--version']) ?? '')?.[1];
  if (version === undefined || !isAtLeast(version, pins.temporal.minimumServer)) return undefined;
  return { path, origin: `Temporal ${version} of this machine` };
}

async function install({ profile, progress }: ServiceContext): Promise<Binary> {
  const { package: name, version, packages, minimumGo } = pins.temporal;
  const folder = join(profile.tools, `temporal-${version}`);
  const path = join(folder, 'temporal');
  if (!existsSync(folder)) {
    const go = findProgram('go');
    const found = go === undefined ? undefined : /go(\d+\.\d+)/.exec(ask(go, ['env', 'GOVERSION']) ?? '')?.[1];
    if (go === undefined || found === undefined || !isAtLeast(found, minimumGo)) throw new MissingTool(`Go ${minimumGo} or newer`, 'build Temporal', 'TEMPORAL_ADDRESS');
    await installOnce(folder, `Temporal CLI ${version}`, progress, async (draft, task) => {
      let modules = 0;
      let compiled = 0;
      task.step('asking Go');
      // Without C: a machine may have no compiler, and SQLite here is written in Go.
      const env = { ...process.env, GOBIN: draft, CGO_ENABLED: '0', GO111MODULE: 'on', GOFLAGS: '' };
      await runToEnd(go, ['install', '-v', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', `${name}@${version}`], { cwd: draft, env }, (text) => {
        const lines = text.split('\n').filter((line) => line.trim() !== '');
        const downloads = lines.filter((line) => line.startsWith('go: downloading')).length;
        modules += downloads;
        compiled += lines.length - downloads;
        task.step(compiled === 0 ? `downloading, ${modules} modules` : `compiling, ${Math.min(compiled, packages)} of about ${packages} packages`);
      });
      verifyModule(go, join(draft, 'temporal'));
    });
  }
  return { path, origin: `Temporal CLI ${version} built by Go` };
}

/** Go writes the checksum of the module it built from into the binary. */
function verifyModule(go: string, binary: string): void {
  const { module, version, sum } = pins.temporal;
  const line = (ask(go, ['version', '-m', binary]) ?? '').split('\n').find((each) => each.includes(`\tmod\t${module}\t`));
  const found = line?.trim().split('\t').at(-1);
  if (found !== sum) throw new Error(`${module} ${version} has the checksum ${found ?? 'none'}, infra/pins.json expects ${sum}.`);
}

/** "1.29" is at least "1.9": compares numbers, not text. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = minimum.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** The UI's own API asks the frontend: when it knows the namespace, both serve. */
async function isServing(ui: string): Promise<boolean> {
  const answer = await fetch(`${ui}/api/v1/namespaces/default`, { signal: AbortSignal.timeout(2_000) });
  await answer.body?.cancel();
  return answer.ok;
}

async function useGiven(address: string): Promise<RunningService> {
  if (!(await accepts(address))) throw new Error(`TEMPORAL_ADDRESS is set to ${address}, but nothing answers there.`);
  const ui = process.env['TEMPORAL_UI_URL'];
  return { name: 'Temporal', address, origin: 'from TEMPORAL_ADDRESS', env: { TEMPORAL_ADDRESS: address, ...(ui === undefined ? {} : { TEMPORAL_UI_URL: ui }) } };
}

function accepts(address: string): Promise<boolean> {
  const [, host = '', port = ''] = /^(?:\w+:\/\/)?(.*):(\d+)$/.exec(address) ?? [];
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => end(true));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(3_000, () => end(false));
    socket.once('error', () => end(false));
  });
}
