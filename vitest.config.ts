import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/** One project a suite; `npm test` brings up the services they need. Forks, because Temporal's native module loads once a process. */
const suite = (name: string, options: { testTimeout: number; maxWorkers: number; setupFiles?: string[]; globalSetup?: string }) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: 'forks' as const,
    hookTimeout: 120_000,
    // A machine with other work answers late, not never.
    expect: { poll: { timeout: 30_000 } },
    fileParallelism: options.maxWorkers > 1,
    ...options,
  },
});

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      suite('unit', { testTimeout: 15_000, maxWorkers: 2 }),
      suite('workflow', { testTimeout: 60_000, maxWorkers: 2 }),
      suite('integration', { testTimeout: 90_000, maxWorkers: 3, setupFiles: ['test/support/own-installation.ts'] }),
      suite('browser', { testTimeout: 180_000, maxWorkers: 2, globalSetup: 'test/support/unpack-browser.ts' }),
      suite('faults', { testTimeout: 300_000, maxWorkers: process.env['FERMATA_FAULT_MINUTES'] === undefined ? 3 : 1, setupFiles: ['test/support/own-installation.ts'] }),
    ],
  },
});
