import { defineConfig } from 'vitest/config';

/** One project a suite; `npm test` brings up the services they need. Forks, because Temporal's native module loads once a process. */
const suite = (name: string, options: { testTimeout: number; maxWorkers: number; retry?: number; setupFiles?: string[] }) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: 'forks' as const,
    hookTimeout: 120_000,
    fileParallelism: options.maxWorkers > 1,
    ...options,
  },
});

export default defineConfig({
  test: {
    projects: [
      suite('unit', { testTimeout: 15_000, maxWorkers: 2 }),
      // The time-skipping server stood still for single workflows in two of four runs of 2026-11-26, the cause not found yet: a second go decides.
      suite('workflow', { testTimeout: 60_000, maxWorkers: 1, retry: 1 }),
      suite('integration', { testTimeout: 90_000, maxWorkers: 2, setupFiles: ['test/support/own-installation.ts'] }),
      suite('browser', { testTimeout: 180_000, maxWorkers: 1 }),
      suite('faults', { testTimeout: 300_000, maxWorkers: process.env['FERMATA_FAULT_MINUTES'] === undefined ? 2 : 1, setupFiles: ['test/support/own-installation.ts'] }),
    ],
  },
});
