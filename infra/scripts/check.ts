import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** The fast set, run before every commit: types, lint, screens, unit tests, workflow bundle, generated files, dead code. */

const root = resolve(import.meta.dirname, '../..');
const node = resolve(root, 'node_modules/.bin/node');
const bin = (path: string) => [node, resolve(root, 'node_modules', path)];

const steps: readonly (readonly [string, readonly string[]])[] = [
  ['types', [...bin('typescript/bin/tsc'), '-p', '.']],
  ['lint', [...bin('eslint/bin/eslint.js'), '.', '--max-warnings', '0']],
  ['screens', [...bin('svelte-check/bin/svelte-check'), '--workspace', 'ui', '--tsconfig', './tsconfig.json', '--fail-on-warnings']],
  ['unit tests', [...bin('vitest/vitest.mjs'), 'run', '--project', 'unit', '--reporter', 'dot']],
  ['workflow bundle', [node, 'infra/scripts/bundle.ts', '--check']],
  ['generated files', [node, 'infra/scripts/openapi.ts', '--check']],
  ['dead code', [...bin('knip/bin/knip.js')]],
];

let failed = 0;
for (const [name, [command = node, ...args]] of steps) {
  const started = performance.now();
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${run.status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (run.status !== 0) {
    failed += 1;
    console.log(`${run.stdout}${run.stderr}`.trimEnd());
  }
}
process.exitCode = failed === 0 ? 0 : 1;
