import { runBench } from './bench-run.ts';
import { runFaults } from './fault-run.ts';
import { MissingTool } from './install.ts';
import { AlreadyRunning } from './run-file.ts';
import { start } from './start.ts';
import { runTests } from './test-run.ts';

/** Entry of the four commands; prints one plain sentence for what a person can mend, the stack for what is ours. */

const modes = {
  start: (args: readonly string[]) => start({ demo: args.includes('--demo') }),
  test: runTests,
  bench: runBench,
  faults: runFaults,
} as const;

// Whoever started this process is gone without a word, or its terminal is: stop as if told to.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const [mode = 'start', ...args] = process.argv.slice(2);
try {
  process.exitCode = await modes[mode as keyof typeof modes](args);
} catch (error) {
  const plain = error instanceof MissingTool || error instanceof AlreadyRunning;
  console.error(plain ? error.message : error instanceof Error ? error.message : error);
  if (!plain && process.env['FERMATA_LOG_LEVEL'] === 'debug') console.error(error);
  if (mode === 'test' || mode === 'faults') console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
process.exit();
