import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { applicationEnv, migrate, node } from './application.ts';
import { buildStale } from './build.ts';
import { installJavaTestServer } from './java-test-server.ts';
import { choosePorts } from './ports.ts';
import { checkout, emptyProfile, keepLogs, openProfile, wipeProfile } from './profile.ts';
import { createProgress } from './progress.ts';
import { RunFile } from './run-file.ts';
import { Stack } from './stack.ts';
import { summarize, summaryLine, type JsonReport } from './summary.ts';

/** The suites in the order they run, cheapest first; each is a folder of test/ and a project of vitest.config.ts. */
const suites = ['unit', 'workflow', 'integration', 'browser', 'faults'] as const;
type Suite = (typeof suites)[number];

/**
 * Brings up services of its own on free ports, runs the suites, tears everything down.
 * The last line it prints is `N passed, N failed`, with `, N skipped` when something was.
 * @param filters suites or parts of file names: `unit`, `integration/imports`; none for all
 * @returns 0 when at least one test ran and none failed
 */
export async function runTests(filters: readonly string[]): Promise<number> {
  const chosen = suites.filter((suite) => filters.length === 0 || filters.some((filter) => filter.split('/')[0] === suite));
  const progress = createProgress();
  const profile = openProfile('test');
  const runFile = await RunFile.take(profile, (line) => progress.say(line));
  emptyProfile(profile);
  const { ports } = await choosePorts('private');
  const stack = new Stack(profile, ports, progress, runFile);
  let suite: { kill(): void } | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      suite?.kill();
      await stack.stop();
      runFile.release();
      const kept = healthy ? undefined : keepLogs(profile);
      if (kept !== undefined) progress.say(`· The services' logs of this run are in ${kept}`);
      wipeProfile(profile);
    })());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop().then(() => process.exit(130)));

  const reports: JsonReport[] = [];
  let broken = 0;
  let healthy = false;
  try {
    const env: Record<string, string> = {};
    if (chosen.some((each) => each !== 'unit')) {
      const [testServer] = await Promise.all([installJavaTestServer(profile, progress), stack.startServices(), buildStale(progress)]);
      Object.assign(env, applicationEnv(profile, stack), { FERMATA_TEMPORAL_TEST_SERVER: testServer, FERMATA_LOG_LEVEL: 'warn', NODE_ENV: 'test' });
      await migrate(env);
    } else {
      await buildStale(progress);
    }
    for (const each of chosen) {
      const since = Date.now();
      const file = join(profile.folder, `${each}.json`);
      rmSync(file, { force: true });
      const parts = filters.filter((filter) => filter.startsWith(`${each}/`)).map((filter) => `test/${filter}`);
      const status = await runSuite(each, parts, file, { ...process.env, ...env }, (kill) => (suite = { kill }));
      const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JsonReport) : undefined;
      if (report !== undefined) reports.push(report);
      // No report, or a failure outside of any test, as an error that nobody awaited.
      if (report === undefined || (status !== 0 && summarize([report]).failed === 0)) broken += 1;
      progress.say(`· ${each}: ${report === undefined ? 'no report' : summaryLine(summarize([report]))} (${Math.round((Date.now() - since) / 1000)} s)`);
    }
    healthy = broken === 0 && summarize(reports).failed === 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    broken += 1;
  } finally {
    await stop();
  }
  const summary = summarize(reports);
  const total = { ...summary, failed: summary.failed + broken };
  if (total.passed + total.failed === 0) console.error(`No test ran${filters.length === 0 ? '' : `: nothing is named ${filters.join(', ')}`}.`);
  console.log(summaryLine(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function runSuite(suite: Suite, parts: readonly string[], file: string, env: NodeJS.ProcessEnv, started: (kill: () => void) => void): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', suite, '--reporter', 'default', '--reporter', 'json', `--outputFile.json=${file}`, '--passWithNoTests', ...parts];
    const child = spawn(node, args, { cwd: checkout, env: process.stdout.isTTY ? env : { ...env, NO_COLOR: '1' }, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    // A group of its own, so that what the tests started ends with them.
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      } catch {
        // already gone
      }
    };
    started(kill);
    child.once('error', reject).once('exit', (status) => {
      kill();
      resolve(status);
    });
  });
}
