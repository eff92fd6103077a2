import { resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { expect, test } from 'vitest';

/** One bundle for all workflows; a schema or database library in it costs memory for every cached run. */
const LIMIT_BYTES = 2_500_000;

test('the workflow bundle holds no activity code, no schema and no database library, and stays small', async () => {
  const { code } = await bundleWorkflowCode({ workflowsPath: resolve(import.meta.dirname, '../../workflows/index.ts') });
  expect(code).toContain('campaignWorkflow');
  for (const foreign of ['/activities/', 'node_modules/zod', '@mikro-orm', 'node_modules/pg/', '@elastic/', 'nodemailer']) expect(code).not.toContain(foreign);
  expect(code.length).toBeLessThan(LIMIT_BYTES);
});
