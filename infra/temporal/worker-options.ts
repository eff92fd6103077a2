import { existsSync, statSync, globSync } from 'node:fs';
import { resolve } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';

const root = resolve(import.meta.dirname, '../..');
const entry = resolve(root, 'workflows/index.ts');

/** Where `npm run bundle` puts the workflow bundle; git-ignored with the packages. */
export const bundlePath = resolve(root, 'node_modules/.cache/fermata/workflow-bundle.js');

/** The built bundle when it is newer than every workflow file, else the source, bundled at start (3 s). */
export function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  if (!existsSync(bundlePath)) return { workflowsPath: entry };
  const builtAt = statSync(bundlePath).mtimeMs;
  const stale = globSync('workflows/**/*.ts', { cwd: root }).some((file) => statSync(resolve(root, file)).mtimeMs > builtAt);
  return stale ? { workflowsPath: entry } : { workflowBundle: { codePath: bundlePath } };
}

/** SIGTERM: no new tasks; what runs has 30 s to end by itself and is cut off after 60 (the default grace is 0). */
export const shutdown = { shutdownGraceTime: '30s', shutdownForceTime: '60s' } as const satisfies Partial<WorkerOptions>;

/** Activities of each queue in one process. Sending has more slots than it fills: what waits for a slow server takes no turn of another organization. */
export const slots = { engine: 100, send: 16, bulk: 2 } as const;
