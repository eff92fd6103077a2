import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { applicationChildren } from '../../infra/services/application.ts';
import type { Child, ChildSpec, ChildWatcher } from '../../infra/services/child.ts';
import { startElasticsearch } from '../../infra/services/elasticsearch.ts';
import { choosePorts } from '../../infra/services/ports.ts';
import { startPostgres } from '../../infra/services/postgres.ts';
import { checkout, emptyProfile, openProfile, wipeProfile, type Profile } from '../../infra/services/profile.ts';
import { createProgress } from '../../infra/services/progress.ts';
import { RunFile } from '../../infra/services/run-file.ts';
import type { ServiceContext } from '../../infra/services/service.ts';
import { startTemporal } from '../../infra/services/temporal.ts';
import { migrateControl } from '../../infra/tenancy/provisioning.ts';
import { Victim } from './victim.ts';

/** A whole installation on services of its own, every process of which may be killed. */
export interface Installation {
  readonly env: Readonly<Record<string, string>>;
  readonly baseUrl: string;
  readonly postgres: Victim;
  readonly elasticsearch: Victim;
  readonly temporal: Victim;
  readonly api: Victim;
  readonly workers: readonly Victim[];
  /** Removes everything Temporal knows, as a new database would be; only while it is down. */
  wipeTemporal(): void;
  close(): Promise<void>;
}

export interface InstallationSetup {
  readonly workers: number;
  /** Sessions of one worker at most: what its death can leave in doubt. */
  readonly sessionsPerWorker: number;
  readonly note: (line: string) => void;
}

/**
 * Starts Postgres, Elasticsearch, Temporal, the API and workers on free ports, over empty data. From then on this process
 * finds them in its environment, whatever it found there before. What an earlier run left behind is stopped first.
 */
export async function startInstallation({ workers: count, sessionsPerWorker, note }: InstallationSetup): Promise<Installation> {
  const profile = ownProfile();
  const runFile = await RunFile.take(profile, note);
  emptyProfile(profile);
  const victims: Victim[] = [];
  const record = () => runFile.note({ children: victims.flatMap((victim) => victim.child ?? []) });
  /** One that was asked to end is nobody's any more. */
  const isOurs = (child: Child) => victims.some((victim) => victim.child === child);
  const watcher: ChildWatcher = {
    changed: record,
    crashed: (child, how, tail) => { if (isOurs(child)) note(`${child.spec.name} ${how} by itself:\n${tail}`); },
    recovered: (child) => note(`${child.spec.name} is back`),
  };
  const launch = async (spec: ChildSpec): Promise<Child> => {
    const victim = new Victim(spec, watcher);
    victims.push(victim);
    await victim.start();
    return victim.child as Child;
  };
  const end = () => { for (const victim of victims) victim.killAtExit(); };
  process.once('exit', end);
  const close = async () => {
    await Promise.all(victims.map((victim) => victim.kill()));
    process.off('exit', end);
    runFile.release();
    wipeProfile(profile);
  };

  try {
    for (const name of ['DATABASE_URL', 'ELASTICSEARCH_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_UI_URL', 'TEMPORAL_NAMESPACE']) delete process.env[name];
    const { ports } = await choosePorts('private');
    const context: ServiceContext = { profile, ports, progress: createProgress(), launch };
    const services = await Promise.all([startPostgres, startElasticsearch, startTemporal].map((start) => start(context)));
    const baseUrl = `http://127.0.0.1:${ports.app}`;
    const env: Record<string, string> = {
      ...Object.assign({}, ...services.map((service) => service.env)) as Record<string, string>,
      FERMATA_STATE_DIR: join(profile.folder, 'state'),
      FERMATA_PORT: String(ports.app),
      FERMATA_BASE_URL: baseUrl,
      FERMATA_CATCHER_SMTP_PORT: String(ports.smtp),
      FERMATA_SECRET_KEY: randomBytes(32).toString('base64'),
      FERMATA_ALLOW_PRIVATE_SMTP: 'true',
      FERMATA_SEND_CONNECTIONS: String(sessionsPerWorker),
    };
    mkdirSync(env['FERMATA_STATE_DIR'] ?? '', { recursive: true });
    Object.assign(process.env, env);
    await migrateControl(env['DATABASE_URL'] ?? '');
    // What they log is how they say that they are ready.
    const inherited = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
    const { api, workers: [worker] } = applicationChildren(profile, { ...inherited, ...env, FERMATA_LOG_LEVEL: 'info' });
    if (worker === undefined) throw new Error('the product starts no worker');
    const workers = Array.from({ length: count }, (_, i): ChildSpec => ({ ...worker, name: `worker-${i + 1}`, log: join(profile.logs, `worker-${i + 1}.log`) }));
    await Promise.all([api, ...workers].map(launch));
    const named = (name: string): Victim => {
      const victim = victims.find((each) => each.name === name);
      if (victim === undefined) throw new Error(`the installation has no ${name}`);
      return victim;
    };
    return {
      env, baseUrl, close,
      postgres: named('postgres'), elasticsearch: named('elasticsearch'), temporal: named('temporal'), api: named('api'),
      workers: workers.map(({ name }) => named(name)),
      wipeTemporal() {
        for (const ending of ['', '-wal', '-shm']) rmSync(join(profile.folder, `temporal.db${ending}`), { force: true });
      },
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** Its data lies beside that of `npm test`, its tools are shared. */
function ownProfile(): Profile {
  const shared = openProfile('test');
  const own = openProfile('test', join(checkout, '.fermata/faults'));
  return { ...own, tools: shared.tools, guestTools: shared.guestTools };
}
