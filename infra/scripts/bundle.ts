import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { bundlePath } from '../temporal/worker-options.ts';

/**
 * Builds the workflow bundle and refuses what must not be in it: activity code and schema or
 * database libraries (one of them added 1 MB to a bundle of 1.5 MB).
 */
const forbidden = [/\/activities\//, /node_modules\/zod\//, /@mikro-orm\//, /node_modules\/pg\//, /@elastic\//, /node_modules\/pino\//];

const { code } = await bundleWorkflowCode({
  workflowsPath: resolve(import.meta.dirname, '../../workflows/index.ts'),
  logger: { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: (message) => process.stderr.write(`${message}\n`), error: (message) => process.stderr.write(`${message}\n`) },
});
const modules = [...code.matchAll(/^ {2}!\*\*\* (\S+) \*\*\*!$/gm), ...code.matchAll(/^\/\*\*\*\/ "([^"]+)":$/gm)].map((match) => match[1] ?? '');
const offences = modules.filter((path) => forbidden.some((pattern) => pattern.test(path)));
if (modules.length === 0) throw new Error('The bundle names no modules; the check cannot see anything.');
if (offences.length > 0) {
  process.stderr.write(`The workflow bundle holds what it must not:\n${[...new Set(offences)].map((path) => `  - ${path}`).join('\n')}\n`);
  process.exit(1);
}
await mkdir(dirname(bundlePath), { recursive: true });
await writeFile(bundlePath, code);
process.stdout.write(`workflow bundle: ${modules.length} modules, ${Math.round(code.length / 1024)} kB\n`);
