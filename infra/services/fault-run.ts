import { parseArgs } from 'node:util';
import { runTests } from './test-run.ts';

const DEFAULT_MINUTES = 20;
const MOST_MINUTES = 24 * 60;

/**
 * Runs the fault tests in their long form: `--minutes` of storm, 100,000 mails and 20 kills instead of 4,000 and 2, outages of
 * minutes. `--seed` repeats a run's faults; names of files of test/faults run these alone.
 * @returns 0 when nothing failed
 * @throws Error in plain words for an option that is no number
 */
export async function runFaults(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { seed: { type: 'string' }, minutes: { type: 'string', default: String(DEFAULT_MINUTES) } } });
  process.env['FERMATA_FAULT_MINUTES'] = String(whole('--minutes', values.minutes, MOST_MINUTES));
  if (values.seed !== undefined) process.env['FERMATA_TEST_SEED'] = String(whole('--seed', values.seed, 2 ** 31 - 1));
  return runTests(positionals.length === 0 ? ['faults'] : positionals.map((name) => `faults/${name}`));
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`${name}: expected a whole number from 1 to ${most}, got "${text}".`);
  return value;
}
