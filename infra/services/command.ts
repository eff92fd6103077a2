import { spawn } from 'node:child_process';
import { basename } from 'node:path';

const keptCharacters = 20_000;

/** Everything of ours that still runs; ended with this process, however it ends. */
const running = new Set<number>();

process.on('exit', () => {
  for (const group of running) {
    try {
      process.kill(-group, 'SIGTERM');
    } catch {
      // it ended in this very moment
    }
  }
});

/**
 * Runs a program that comes to an end by itself: a download, a build, a migration.
 * When this process ends first, the program and all it started end too.
 * @param onText receives what it prints, as it comes
 * @throws Error with the end of its output when its status is not 0
 */
export async function runToEnd(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
  onText: (text: string) => void = () => undefined,
): Promise<void> {
  const child = spawn(program, [...args], { cwd: options.cwd, env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const group = child.pid;
  if (group !== undefined) running.add(group);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-keptCharacters);
      onText(text);
    });
  }
  try {
    const status = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    // A line redrawn with carriage returns counts as what it showed last.
    if (status !== 0) throw new Error(`${basename(program)} ${args[0] ?? ''} failed:\n${output.replace(/[^\n]*\r(?!\n)/g, '').trim()}`);
  } finally {
    if (group !== undefined) running.delete(group);
  }
}
