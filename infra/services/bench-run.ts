import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { applicationEnv, migrate, node } from './application.ts';
import { buildStale } from './build.ts';
import { choosePorts } from './ports.ts';
import { checkout, emptyProfile, openProfile, wipeProfile } from './profile.ts';
import { createProgress } from './progress.ts';
import { RunFile } from './run-file.ts';
import { Stack } from './stack.ts';

/** Benches that only compute: they run as they are. */
const withoutServices = new Set(['render']);

/**
 * Runs one bench on services of its own, from nothing.
 * Progress goes to stderr; the last line of stdout is the bench's one JSON object.
 * @param args the bench's name (a file of test/bench) and its options
 */
export async function runBench(args: readonly string[]): Promise<number> {
  const [name = '', ...options] = args;
  const script = `test/bench/${name}.ts`;
  if (!/^[a-z-]+$/.test(name) || !existsSync(join(checkout, script))) throw new Error(`There is no bench named "${name}"; the files of test/bench are the benches.`);
  if (withoutServices.has(name)) return run(script, options, process.env);
  const progress = createProgress();
  const profile = openProfile('bench');
  const runFile = await RunFile.take(profile, (line) => progress.say(line));
  emptyProfile(profile);
  const { ports } = await choosePorts('private');
  const stack = new Stack(profile, ports, progress, runFile);
  const ended = new AbortController();
  const stop = async () => {
    ended.abort();
    await stack.stop();
    runFile.release();
    wipeProfile(profile);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop().then(() => process.exit(130)));
  try {
    await Promise.all([stack.startServices(), buildStale(progress)]);
    const env = { ...applicationEnv(profile, stack), FERMATA_LOG_LEVEL: 'warn' };
    await migrate(env);
    return await run(script, options, env, ended.signal);
  } finally {
    await stop();
  }
}

/** @returns the status it ended with; 1 when it was stopped */
function run(script: string, options: readonly string[], env: NodeJS.ProcessEnv, stopped?: AbortSignal): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const bench = spawn(node, [script, ...options], { cwd: checkout, env, stdio: ['ignore', 'inherit', 'inherit'] });
    stopped?.addEventListener('abort', () => void bench.kill('SIGTERM'));
    bench.once('error', reject).once('exit', (status) => resolve(status ?? 1));
  });
}
