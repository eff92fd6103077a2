import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChildSpec } from './child.ts';
import { runToEnd } from './command.ts';
import { checkout, keepSecret, type Profile } from './profile.ts';
import type { Stack } from './stack.ts';

export const node = join(checkout, 'node_modules/.bin/node');

/**
 * The environment of the application's processes: the services' addresses, the app's own, and a key kept in the state folder.
 * What the caller has set wins.
 */
export function applicationEnv(profile: Profile, stack: Stack): Record<string, string> {
  const state = join(profile.folder, 'state');
  mkdirSync(state, { recursive: true });
  const own = {
    FERMATA_STATE_DIR: state,
    FERMATA_PORT: String(stack.ports.app),
    FERMATA_BASE_URL: `http://localhost:${stack.ports.app}`,
    FERMATA_CATCHER_SMTP_PORT: String(stack.ports.smtp),
    FERMATA_SECRET_KEY: keepSecret(profile, 'secret-key', 32),
  };
  const given = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''));
  return { NODE_ENV: 'production', ...own, ...given, ...stack.env };
}

/** What Node runs as a worker. Small young generations: with V8's own an import of 1,000,000 rows took 744 MB, with these 359. Half of this takes as much memory and a quarter more processor time. */
export const workerCommand = ['--max-old-space-size=1024', '--max-semi-space-size=8', 'activities/worker.ts'] as const;

/** Creates and migrates the databases. @throws Error with what the migration printed */
export async function migrate(env: Readonly<Record<string, string>>): Promise<void> {
  await runToEnd(node, ['infra/scripts/migrate.ts'], { cwd: checkout, env: { ...env } });
}

/** The processes of the application, in the order they start: the catcher, the API, one worker for each core. */
export function applicationChildren(profile: Profile, env: Readonly<Record<string, string>>): { readonly catcher: ChildSpec; readonly api: ChildSpec; readonly workers: readonly ChildSpec[] } {
  const child = (name: string, args: readonly string[], isReady: ChildSpec['isReady'], stopWithinMs = 8_000): ChildSpec => ({
    name,
    command: node,
    args,
    cwd: checkout,
    env: { ...env },
    log: join(profile.logs, `${name}.log`),
    stopSignal: 'SIGTERM',
    stopWithinMs,
    readyWithinMs: 60_000,
    isReady,
  });
  // A port that answers could be somebody else's who took it at the same moment; the process itself must say so.
  // Silenced by its log level it counts as ready when it has lived for a while.
  const isSilent = !['info', 'debug', 'trace'].includes(env['FERMATA_LOG_LEVEL'] ?? 'info');
  const says = (line: string) => (output: string, ageMs: number) => output.includes(line) || (isSilent && ageMs > silentReadyMs);
  const apiSays = says('api ready');
  return {
    catcher: child('catcher', ['infra/mail/catcher-main.ts'], says('catcher ready'), 1_000),
    api: child('api', ['api/main.ts'], async (output, ageMs) => apiSays(output, ageMs) && (await answers(`http://127.0.0.1:${env['FERMATA_PORT']}/health/ready`))),
    workers: Array.from({ length: availableParallelism() }, (_, i) =>
      child(`worker-${i + 1}`, workerCommand, says('worker ready')),
    ),
  };
}

const silentReadyMs = 5_000;

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.body?.cancel();
  return answer.ok;
}
