import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { startWorker } from '../support/worker-process.ts';

/**
 * Rows of a CSV file through the real upload endpoint until a segment counts them all, then the same file again:
 * API and one worker as processes of their own, an empty installation. Before it a small file of other people, as servers
 * that have just started spend their processors on compiling themselves. The last line is one JSON object.
 */
const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, rows: { type: 'string', default: '100000' } } });
const ROWS = Number(options.rows);
const WARM_UP_ROWS = 50_000;
const root = resolve(import.meta.dirname, '../..');
const progress = (text: string) => void process.stderr.write(`${text}\n`);

const state = mkdtempSync(join(tmpdir(), 'fermata-bench-import-'));
const database = new URL(process.env['DATABASE_URL'] ?? '');
const admin = new Client({ connectionString: database.toString() });
await admin.connect();
const name = `bench_import_${Date.now()}`;
await admin.query(`create database ${name}`);
database.pathname = `/${name}`;
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const env: Record<string, string> = {
  DATABASE_URL: database.toString(), FERMATA_PORT: String(port), FERMATA_BASE_URL: base, FERMATA_STATE_DIR: state,
  FERMATA_SECRET_KEY: randomBytes(32).toString('base64'), FERMATA_LOG_LEVEL: 'warn',
};
await once(node('infra/scripts/migrate.ts'), 'exit');
const api = node('api/main.ts');
const worker = await startWorker(env);
try {
  await until(async () => (await fetch(`${base}/api/v1/setup`).catch(() => null))?.ok === true, 'the API answers');
  const setup = await fetch(`${base}/api/v1/setup`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-by': 'fermata', origin: base },
    body: JSON.stringify({ name: 'Bench', email: 'bench@example.com', password: `Bench-${randomBytes(8).toString('hex')}`, organizationName: 'Bench', timezone: 'UTC' }),
  });
  if (!setup.ok) throw new Error(`setup: ${setup.status} ${await setup.text()}`);
  const cookie = setup.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
  const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${base}/api/v1${path}`, { ...init, headers: { cookie, origin: base, 'x-requested-by': 'fermata', ...init.headers } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  await until(async () => (await ask<{ state: string }>('/organization')).state === 'active', 'the organization is set up');

  const file = makeFile(ROWS, 'example.com');
  const seconds: number[] = [];
  for (const [round, content, rows, domain] of [['small', makeFile(WARM_UP_ROWS, 'example.org'), WARM_UP_ROWS, 'example.org'], ['new', file, ROWS, 'example.com'], ['again', file, ROWS, 'example.com']] as const) {
    progress(`${round}: uploading ${rows} rows, ${(content.length / 1_048_576).toFixed(1)} MB`);
    const startedAt = performance.now();
    const since = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
    const { id } = await ask<{ id: string }>('/imports?fileName=bench.csv&listName=Bench&start=true', { method: 'POST', headers: { 'content-type': 'text/csv' }, body: new Uint8Array(content) });
    let shown = '';
    await until(async () => {
      const job = await ask<{ state: string; rowsDone: number; problem: string | null }>(`/imports/${id}`);
      if (job.state === 'failed') throw new Error(job.problem ?? 'failed');
      const line = `${job.state} ${Math.floor((10 * job.rowsDone) / rows) * 10} %`;
      if (line !== shown) progress(`${since()} s ${(shown = line)}`);
      return job.state === 'completed';
    }, 'the import ends');
    progress(`${since()} s completed, cpu of the worker ${cpuSeconds(worker.child)} s`);
    const rule = { op: 'and', parts: [{ field: 'email', operator: 'ends_with', value: `@${domain}` }] };
    await until(async () => {
      // 503 while the index is more than 10 s behind: ask again.
      const count = await ask<{ total: number }>('/segments/count', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ rule }) }).catch((error: unknown) => {
        if (!String(error).includes(': 503')) throw error;
        return null;
      });
      return count?.total === rows;
    }, 'everybody is searchable');
    progress(`${since()} s searchable, cpu of the worker ${cpuSeconds(worker.child)} s, of the API ${cpuSeconds(api)} s`);
    seconds.push((performance.now() - startedAt) / 1_000);
  }
  const [, first = 0, again = 0] = seconds;
  process.stdout.write(`${JSON.stringify({ rows: ROWS, seconds: Number(first.toFixed(2)), rows_per_s: Math.round(ROWS / first), rss_mb: peakRssMb(worker.child), reimport_seconds: Number(again.toFixed(2)) })}\n`);
} finally {
  api.kill('SIGKILL');
  await worker.kill();
  await admin.end();
  rmSync(state, { recursive: true, force: true });
}
process.exit(0);

function makeFile(rows: number, domain: string): Buffer {
  const cities = ['London', 'Paris', 'New York', 'Berlin', 'Madrid'];
  const pieces: Buffer[] = [Buffer.from('email,first_name,last_name,city,country,plan_type,signup_date,lifetime_value\n')];
  let lines = '';
  for (let i = 0; i < rows; i++) {
    lines += `person${i}@${domain},First${i % 977},Last${i % 4_999},${cities[i % 5]!},GB,${i % 3 === 0 ? 'premium' : 'free'},2025-${String(1 + (i % 12)).padStart(2, '0')}-${String(1 + (i % 28)).padStart(2, '0')},${(i % 10_000) / 100}\n`;
    if (i % 10_000 === 0 || i === rows - 1) {
      pieces.push(Buffer.from(lines));
      lines = '';
    }
  }
  return Buffer.concat(pieces);
}

function node(script: string): ChildProcess {
  return spawn(process.execPath, [join(root, script)], { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function until(is: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 600_000; Date.now() < deadline; await sleep(50)) if (await is()) return;
  throw new Error(`waited 10 minutes in vain until ${what}`);
}

/** The kernel's high-water mark; where there is none, -1. */
function peakRssMb(child: ChildProcess): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024);
  } catch {
    return -1;
  }
}

/** User and system time so far; where there is no /proc, -1. */
function cpuSeconds(child: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return -1;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as { port: number };
  server.close();
  return free;
}
