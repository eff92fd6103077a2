import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { createNamespace } from './namespace.ts';

export interface WholeApp {
  readonly baseUrl: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '..', '..');

/**
 * The product as an operator runs it: mail catcher, API and one worker as processes of their own, on the test services,
 * over a control database nobody has set up yet. The UI is built if it is not.
 * @throws Error with the tail of the log of the process that did not come up
 */
export async function startWholeApp(): Promise<WholeApp> {
  const state = mkdtempSync(join(tmpdir(), 'fermata-app-'));
  const [port, smtpPort] = await Promise.all([freePort(), freePort()]);
  const baseUrl = `http://127.0.0.1:${port}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: await createControlDatabase(required('DATABASE_URL')),
    TEMPORAL_NAMESPACE: await createNamespace(required('TEMPORAL_ADDRESS')),
    FERMATA_PORT: String(port),
    FERMATA_BASE_URL: baseUrl,
    FERMATA_SECRET_KEY: randomBytes(32).toString('base64'),
    FERMATA_STATE_DIR: join(state, 'state'),
    FERMATA_CATCHER_SMTP_PORT: String(smtpPort),
    FERMATA_LOG_LEVEL: process.env.FERMATA_LOG_LEVEL ?? 'warn',
  };
  mkdirSync(join(state, 'state'), { recursive: true });
  const children: Process[] = [];
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop()));
    rmSync(state, { recursive: true, force: true });
  };
  try {
    if (!existsSync(join(root, 'ui/build/index.html'))) await run('ui', ['node_modules/vite/bin/vite.js', 'build', 'ui'], env, state);
    await run('migrate', ['infra/scripts/migrate.ts'], env, state);
    for (const [name, file] of [['catcher', 'infra/mail/catcher-main.ts'], ['api', 'api/main.ts'], ['worker', 'activities/worker.ts']] as const) {
      children.push(new Process(name, [file], env, state));
    }
    await untilReady(`${baseUrl}/api/v1/setup`, children);
    return { baseUrl, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** One child with its group, its output in a file. */
class Process {
  readonly name: string;
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  hasExited = false;

  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv, folder: string) {
    this.name = name;
    this.#log = join(folder, `${name}.log`);
    const log = openSync(this.#log, 'a');
    this.#child = spawn(process.execPath, [...args], { cwd: root, env, detached: true, stdio: ['ignore', log, log] });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        this.hasExited = true;
        resolve(code);
      });
    });
  }

  tail(): string {
    return readFileSync(this.#log, 'utf8').split('\n').slice(-30).join('\n');
  }

  async stop(): Promise<void> {
    this.#signal('SIGTERM');
    const inTime = await Promise.race([this.exited.then(() => true), sleep(15_000, false, { ref: false })]);
    if (!inTime) {
      this.#signal('SIGKILL');
      await this.exited;
    }
  }

  #signal(signal: NodeJS.Signals) {
    if (this.hasExited || this.#child.pid === undefined) return;
    process.kill(-this.#child.pid, signal);
  }
}

async function run(name: string, args: readonly string[], env: NodeJS.ProcessEnv, folder: string): Promise<void> {
  const child = new Process(name, args, env, folder);
  if ((await child.exited) !== 0) throw new Error(`${name} failed:\n${child.tail()}`);
}

async function untilReady(url: string, children: readonly Process[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const dead = children.find((child) => child.hasExited);
    if (dead) throw new Error(`${dead.name} ended while the app was starting:\n${dead.tail()}`);
    if (await answers(url)) return;
    await sleep(200);
  }
  throw new Error(`The app did not answer within 60 s:\n${children.map((child) => `${child.name}: ${child.tail()}`).join('\n')}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** A database of its own on the test server, so that the wizard finds no user. */
async function createControlDatabase(url: string): Promise<string> {
  const name = `fermata_app_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
  const made = new URL(url);
  made.pathname = `/${name}`;
  return made.toString();
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start the tests with \`npm test\`, which brings up the services.`);
  return value;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}
