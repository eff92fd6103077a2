import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { node } from './application.ts';
import { runToEnd } from './command.ts';
import { checkout } from './profile.ts';
import type { Progress } from './progress.ts';

/** Something built from sources: rebuilt when their content, or the packages, have changed. */
interface Built {
  readonly what: string;
  /** Files and folders the result depends on; build results inside them are left out. */
  readonly sources: readonly string[];
  readonly result: string;
  readonly args: readonly string[];
}

const ui: Built = {
  what: 'Building the UI',
  sources: ['ui', 'workflows/domain', 'package-lock.json'],
  result: 'ui/build/index.html',
  args: ['node_modules/vite/bin/vite.js', 'build', 'ui'],
};

const bundle: Built = {
  what: 'Bundling the workflows',
  sources: ['workflows', 'package-lock.json', 'infra/scripts/bundle.ts'],
  result: 'node_modules/.cache/fermata/workflow-bundle.js',
  args: ['infra/scripts/bundle.ts'],
};

/** Builds the UI and the workflow bundle when they are stale. @throws Error with the builder's output */
export async function buildStale(progress: Progress): Promise<void> {
  await Promise.all([ui, bundle].map((each) => buildIfStale(each, progress)));
}

async function buildIfStale(built: Built, progress: Progress): Promise<void> {
  const stamp = join(checkout, 'node_modules/.cache/fermata', `${built.result.replaceAll('/', '-')}.stamp`);
  const wanted = hashOf(checkout, built.sources);
  if (existsSync(join(checkout, built.result)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const task = progress.task(built.what);
  try {
    await runToEnd(node, built.args, { cwd: checkout }, (text) => {
      const last = text.trim().split('\n').at(-1) ?? '';
      if (last !== '') task.step(last.slice(0, 80));
    });
  } catch (error) {
    task.failed();
    throw error;
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  task.done();
}

/** One hash over names and contents of all source files, in the order of their names. */
export function hashOf(root: string, sources: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    const entries = readdirSafe(full);
    if (entries === undefined) {
      hash.update(path).update('\0').update(readFileSync(full)).update('\0');
      return;
    }
    for (const entry of entries.filter((name) => !generated.has(name))) add(`${path}/${entry}`);
  };
  for (const source of sources) add(source);
  return hash.digest('hex');
}

const generated = new Set(['build', '.svelte-kit', 'node_modules']);

function readdirSafe(path: string): string[] | undefined {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}
