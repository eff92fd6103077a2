import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applicationChildren, applicationEnv, migrate, node } from './application.ts';
import { buildStale } from './build.ts';
import { choosePorts, isPortFree, type Ports } from './ports.ts';
import { checkout, openProfile } from './profile.ts';
import { createProgress, type Progress } from './progress.ts';
import { RunFile } from './run-file.ts';
import { Stack } from './stack.ts';

/**
 * Brings up the whole system and keeps it up until a signal comes.
 * @returns the exit status
 * @throws AlreadyRunning, MissingTool, or what failed first; nothing is left running then
 */
export async function start(options: { readonly demo: boolean }): Promise<number> {
  const since = Date.now();
  const progress = createProgress();
  const profile = openProfile('dev');
  const runFile = await RunFile.take(profile, (line) => progress.say(line));
  const { ports, moved } = await portsOf();
  for (const { name, wanted, got } of moved) progress.say(`· Port ${wanted} (${describe[name]}) is busy: taking ${got}`);
  const stack = new Stack(profile, ports, progress, runFile);
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      progress.say('· Stopping …');
      await stack.stop();
      runFile.release();
      progress.say('✓ Everything is stopped');
    })());
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop().then(resolve));
  });
  try {
    await Promise.race([bringUp(), ended]);
    if (stopping !== undefined) return 130;
    await ended;
    return 0;
  } catch (error) {
    const interrupted = stopping !== undefined;
    await stop();
    if (interrupted) return 130;
    throw error;
  }

  async function bringUp(): Promise<void> {
    await Promise.all([stack.startServices(), buildStale(progress)]);
    const env = applicationEnv(profile, stack);
    await migrate(env);
    const { catcher, api, workers } = applicationChildren(profile, env);
    await Promise.all([catcher, api, ...workers].map((spec) => stack.launch(spec)));
    runFile.note({ addresses: { Fermata: env['FERMATA_BASE_URL'] ?? '' } });
    await report(progress, stack, env, Date.now() - since);
    if (options.demo) await seed(env);
  }
}

const describe: Readonly<Record<keyof Ports, string>> = {
  app: 'Fermata',
  smtp: 'mail catcher',
  postgres: 'Postgres',
  elasticsearch: 'Elasticsearch',
  elasticsearchTransport: 'Elasticsearch, between nodes',
  temporal: 'Temporal',
  temporalUi: 'Temporal web UI',
};

/** Which ports are not needed when a service's address is given. */
const givenBy: Readonly<Record<string, readonly (keyof Ports)[]>> = {
  DATABASE_URL: ['postgres'],
  ELASTICSEARCH_URL: ['elasticsearch', 'elasticsearchTransport'],
  TEMPORAL_ADDRESS: ['temporal', 'temporalUi'],
};

/** A port named in the environment is taken as it is, and refused when busy. */
async function portsOf(): Promise<Awaited<ReturnType<typeof choosePorts>>> {
  const { ports, moved } = await choosePorts('usual');
  const given = { app: process.env['FERMATA_PORT'], smtp: process.env['FERMATA_CATCHER_SMTP_PORT'] };
  const chosen = { ...ports };
  for (const [name, value] of Object.entries(given) as ['app' | 'smtp', string | undefined][]) {
    if (value === undefined || value === '') continue;
    if (!(await isPortFree(Number(value)))) throw new Error(`Port ${value} (${describe[name]}) is set in the environment, but something else listens there.`);
    chosen[name] = Number(value);
  }
  // The port of a service that runs elsewhere is nobody's concern.
  const isAsked = (name: keyof Ports) => !Object.entries(givenBy).some(([url, names]) => (process.env[url] ?? '') !== '' && names.includes(name));
  return { ports: chosen, moved: moved.filter(({ name, got }) => chosen[name] === got && isAsked(name)) };
}

async function report(progress: Progress, stack: Stack, env: Readonly<Record<string, string>>, elapsedMs: number): Promise<void> {
  const app = env['FERMATA_BASE_URL'] ?? '';
  const rows: (readonly [string, string])[] = [
    ['Fermata', app],
    ['Temporal web UI', env['TEMPORAL_UI_URL'] ?? ''],
    ['Mail catcher (SMTP)', `127.0.0.1:${env['FERMATA_CATCHER_SMTP_PORT']}`],
    ...stack.services.map((service) => [service.name, service.address] as const),
    ['Logs', stack.profile.logs],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, address]) => `  ${name.padEnd(width)}  ${address}`).join('\n');
  progress.say(`\nFermata is up (${(elapsedMs / 1000).toFixed(1)} s)\n\n${table}\n`);
  if (await needsSetup(app, env)) {
    const code = setupCode(stack.profile.logs);
    progress.say(`Nobody has set it up yet: open ${app}/setup${code === undefined ? '' : ` (from another machine it asks for the code ${code})`}\n`);
  }
  progress.say('Ctrl-C stops everything.');
}

/** The API writes a code at each start as long as there is nobody; the last one counts. */
function setupCode(logs: string): string | undefined {
  return [...readFileSync(join(logs, 'api.log'), 'utf8').matchAll(/"setupCode":"(\w+)"/g)].at(-1)?.[1];
}

async function needsSetup(app: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${env['FERMATA_PORT']}/api/v1/setup`).catch(() => undefined);
  return answer !== undefined && answer.ok && ((await answer.json()) as { needed?: boolean }).needed === true && app !== '';
}

function seed(env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(node, ['infra/scripts/seed.ts'], { cwd: checkout, env: { ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', () => resolve()).once('exit', () => resolve()); // it says itself what went wrong; the stack stays up
  });
}
