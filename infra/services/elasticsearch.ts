import { chmodSync, existsSync, readdirSync, realpathSync, writeFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runToEnd } from './command.ts';
import { canUse, makePrivateFolder } from './guest.ts';
import { ask, findProgram, installOnce, MissingTool, pins, runMaven, verifySha256 } from './install.ts';
import type { RunningService, ServiceContext } from './service.ts';

const heap = '1g';

interface Distribution {
  readonly home: string;
  readonly origin: string;
  /** Set when the distribution brings no Java of its own. */
  readonly javaHome: string | undefined;
}

/**
 * Brings up one Elasticsearch node on this machine's own address, without TLS and passwords.
 * @throws MissingTool when it has to be installed and Java or Maven is missing
 * @throws Error in plain words when ELASTICSEARCH_URL does not answer
 */
export async function startElasticsearch(context: ServiceContext): Promise<RunningService> {
  const given = process.env['ELASTICSEARCH_URL'];
  if (given !== undefined && given !== '') return useGiven(given);

  const { profile, ports } = context;
  const distribution = findDistribution() ?? (await install(context));
  const folder = join(profile.guestFolder, 'elasticsearch');
  for (const part of ['', 'config', 'data', 'logs', 'tmp']) makePrivateFolder(join(folder, part), profile.guest);
  writeConfig(context, folder);

  const url = `http://127.0.0.1:${ports.elasticsearch}`;
  await context.launch({
    name: 'elasticsearch',
    command: join(distribution.home, 'bin/elasticsearch'),
    args: [],
    cwd: folder,
    env: {
      ...process.env,
      ES_PATH_CONF: join(folder, 'config'),
      ES_TMPDIR: join(folder, 'tmp'),
      ES_JAVA_OPTS: `-Xms${heap} -Xmx${heap}`,
      ...(distribution.javaHome === undefined ? {} : { ES_JAVA_HOME: distribution.javaHome }),
    },
    guest: profile.guest,
    log: join(profile.logs, 'elasticsearch.log'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 4_000,
    readyWithinMs: 240_000,
    isReady: () => isHealthy(url, {}),
  });
  return { name: 'Elasticsearch', address: url, origin: distribution.origin, env: { ELASTICSEARCH_URL: url } };
}

function findDistribution(): Distribution | undefined {
  const program = findProgram('elasticsearch');
  if (program === undefined) return undefined;
  const version = /Version: ((\d+)[.\d]*)/.exec(ask(program, ['--version']) ?? '');
  if (version === null || Number(version[2]) !== pins.elasticsearch.major) return undefined;
  return { home: dirname(dirname(realpathSync(program))), origin: `Elasticsearch ${version[1]} of this machine`, javaHome: undefined };
}

async function install({ profile, progress }: ServiceContext): Promise<Distribution> {
  const { version, sha256 } = pins.elasticsearch;
  const javaHome = findJava('run Elasticsearch', 'ELASTICSEARCH_URL');
  if (profile.guest !== undefined && !canUse(profile.guest, join(javaHome, 'bin/java'))) {
    throw new Error(`Java in ${javaHome} cannot be read by ${profile.guest.name}, who runs Elasticsearch as it refuses root: install a JDK for all users, set ELASTICSEARCH_URL, or use \`docker compose up\`.`);
  }
  const home = join(profile.guestTools, `elasticsearch-${version}`);
  if (!existsSync(home) && findProgram('mvn') === undefined) throw new MissingTool('Maven', 'fetch Elasticsearch', 'ELASTICSEARCH_URL');
  await installOnce(home, `Elasticsearch ${version}`, progress, async (draft, task) => {
    task.step('asking Maven');
    await runMaven('infra/elasticsearch/pom.xml', 'dependency:copy', { 'elasticsearch.version': version, outputDirectory: draft }, task);
    const archive = join(draft, `elasticsearch-${version}.zip`);
    task.step('checking');
    await verifySha256(archive, sha256);
    task.step('unpacking');
    await runToEnd(join(javaHome, 'bin/jar'), ['xf', archive], { cwd: draft }, () => undefined);
    rmSync(archive);
    const inside = join(draft, `elasticsearch-${version}`);
    for (const name of readdirSync(inside)) renameSync(join(inside, name), join(draft, name));
    rmSync(inside, { recursive: true });
    mkdirSync(join(draft, 'plugins'), { recursive: true });
    for (const name of readdirSync(join(draft, 'bin'))) chmodSync(join(draft, 'bin', name), 0o755); // `jar` drops the execute bit
  });
  return { home, origin: `Elasticsearch ${version} from Maven Central`, javaHome };
}

/**
 * Finds a Java development kit.
 * @param purpose completes "is needed to …"
 * @param instead the environment name that makes it unnecessary
 * @returns its home
 * @throws MissingTool when there is none or it is too old
 */
export function findJava(purpose: string, instead: string): string {
  const wanted = `A JDK ${pins.elasticsearch.minimumJava} or newer`;
  const onPath = findProgram('java');
  const homes = [process.env['JAVA_HOME'], onPath === undefined ? undefined : dirname(dirname(realpathSync(onPath)))];
  for (const home of homes) {
    if (home === undefined || home === '' || !existsSync(join(home, 'bin/jar'))) continue;
    const version = /version "(\d+)/.exec(ask(join(home, 'bin/java'), ['-version']) ?? '');
    if (version !== null && Number(version[1]) >= pins.elasticsearch.minimumJava) return home;
  }
  throw new MissingTool(wanted, purpose, instead);
}

function writeConfig({ profile, ports }: ServiceContext, folder: string): void {
  const settings = {
    'cluster.name': `fermata-${profile.name}`,
    'node.name': 'fermata',
    'discovery.type': 'single-node',
    'network.host': '127.0.0.1',
    'http.port': ports.elasticsearch,
    'transport.port': ports.elasticsearchTransport,
    'path.data': join(folder, 'data'),
    'path.logs': join(folder, 'logs'),
    'xpack.security.enabled': false,
    // Two indices an organization, one shard each; and a disk of a developer that is nearly full must not stop writes.
    'cluster.max_shards_per_node': 10_000,
    'cluster.routing.allocation.disk.threshold_enabled': false,
    'indices.query.bool.max_nested_depth': 250, // a rule nests 100 groups; the server's own limit is 30
    // Larger first segments are merged less often.
    'indices.memory.index_buffer_size': '30%',
    'action.auto_create_index': false, // a write before the index was made is an error, not a guessed mapping
  };
  const write = (name: string, lines: readonly string[]) => {
    const path = join(folder, 'config', name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o644); // the umask may close it to the user who runs the server
  };
  write('elasticsearch.yml', Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}`));
  write('jvm.options', ['-XX:+UseG1GC', '-Djava.io.tmpdir=${ES_TMPDIR}', '-XX:+ExitOnOutOfMemoryError']);
  write('log4j2.properties', [
    'status = error',
    'appender.console.type = Console',
    'appender.console.name = console',
    'appender.console.layout.type = PatternLayout',
    'appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n',
    'rootLogger.level = warn',
    'rootLogger.appenderRef.console.ref = console',
  ]);
}

/** The minimal distribution answers 405 to `GET /`, so its health is asked instead. */
async function isHealthy(url: string, headers: Record<string, string>): Promise<boolean> {
  const answer = await fetch(`${url}/_cluster/health?wait_for_status=yellow&timeout=1s`, { headers, signal: AbortSignal.timeout(3_000) });
  await answer.body?.cancel();
  return answer.ok;
}

async function useGiven(given: string): Promise<RunningService> {
  const url = new URL(given);
  const login = url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = url.password = '';
  const address = url.href.replace(/\/$/, '');
  let healthy: boolean;
  try {
    healthy = await isHealthy(address, login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` });
  } catch (error) {
    throw new Error(`ELASTICSEARCH_URL is set, but Elasticsearch does not answer there: ${(error as Error).message}`, { cause: error });
  }
  if (!healthy) throw new Error('ELASTICSEARCH_URL is set, but Elasticsearch there is not healthy or refuses the login.');
  return { name: 'Elasticsearch', address, origin: 'from ELASTICSEARCH_URL', env: { ELASTICSEARCH_URL: given } };
}
