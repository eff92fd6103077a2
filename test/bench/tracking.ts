import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import '../support/own-installation.ts';
import { createCampaignReportService } from '../../api/modules/campaigns/report.ts';
import { createTestOrganization } from '../support/organization.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';
import { startWorker } from '../support/worker-process.ts';

/**
 * Opens and clicks of 50,000 readers through the real endpoint: the API and a worker in processes of their own, whose index
 * follows meanwhile. Each connection asks again when it was answered. Afterwards the report is compared with the answers:
 * `counted` of `requests` stand in it, and `exactly_once` says whether people, totals and links agree to the last one.
 */
const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, requests: { type: 'string', default: '80000' }, connections: { type: 'string', default: '100' } } });
const REQUESTS = Number(options.requests);
const CONNECTIONS = Number(options.connections);
const READERS = 50_000;
const LINKS = 5;
const say = (line: string) => void process.stderr.write(`${line}\n`);

const organization = await createTestOrganization();
const { container, orgId } = organization;
say(`${READERS} readers`);
const campaign = await createSentCampaign(organization, { recipients: READERS, urls: Array.from({ length: LINKS }, (_, i) => `https://shop.example/product/${i}`) });
await container.tenants.use(orgId, ({ sql }) => sql.run('analyze'));
const port = await freePort();
const root = resolve(import.meta.dirname, '../..');
const api = spawn(process.execPath, ['api/main.ts'], {
  cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, FERMATA_SECRET_KEY: process.env['FERMATA_SECRET_KEY'] ?? Buffer.alloc(32, 7).toString('base64'), FERMATA_PORT: String(port), FERMATA_LOG_LEVEL: 'warn', FERMATA_TRUST_PROXY: '1' },
});
const worker = await startWorker();
while (!(await fetch(`http://127.0.0.1:${port}/health/live`).then((answer) => answer.ok, () => false))) await sleep(100);

const agents = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)', 'Thunderbird/115.12.2',
];
/** Four opens to a click; nobody clicks every link. */
function ask(i: number): { readonly path: string; readonly ordinal: number; readonly link: number | null } {
  const ordinal = 1 + ((i * 7_919) % READERS);
  if (i % 5 !== 0) return { path: `/api/track/open/${campaign.id('open', ordinal)}`, ordinal, link: null };
  const link = ordinal % LINKS;
  return { path: `/api/track/click/${campaign.id('click', ordinal, link)}`, ordinal, link };
}

await load(Math.min(4_000, REQUESTS), () => `/api/track/open/${campaign.id('open', READERS).slice(0, -1)}A`);
say(`${REQUESTS} requests over ${CONNECTIONS} connections`);
const asked = Array.from({ length: REQUESTS }, (_, i) => ask(i));
const before = [cpuMs(api.pid), cpuMs(worker.child.pid)] as const;
const startedAt = performance.now();
const latencies = await load(REQUESTS, (i) => asked[i]!.path);
const seconds = (performance.now() - startedAt) / 1_000;
latencies.sort((a, b) => a - b);
const perRequest = (pid: number | undefined, since: number) => Number(((cpuMs(pid) - since) / REQUESTS).toFixed(3));
const cpu = { api_cpu_ms: perRequest(api.pid, before[0]), worker_cpu_ms: perRequest(worker.child.pid, before[1]) };

say('the report follows');
const reports = createCampaignReportService(container);
let report = await reports.report(orgId, campaign.campaignId);
const countedOf = () => report.opened.total + report.clicked.total;
for (let waited = 0; countedOf() < REQUESTS && waited < 120; waited += 1) {
  await sleep(500);
  report = await reports.report(orgId, campaign.campaignId);
}
const lagSeconds = (performance.now() - startedAt) / 1_000 - seconds;
const clicked = asked.filter((each) => each.link !== null);
const { links } = await reports.links(orgId, campaign.campaignId, null);
const isExact = report.opened.total === REQUESTS - clicked.length && report.clicked.total === clicked.length && report.opened.unique === new Set(asked.map((each) => each.ordinal)).size
  && report.clicked.unique === new Set(clicked.map((each) => each.ordinal)).size && report.opened.machine + report.clicked.machine === 0
  && links.every(({ no, clicks }) => clicks === clicked.filter((each) => each.link === no).length);
const result = {
  requests: REQUESTS, per_s: Math.round(REQUESTS / seconds), p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1), counted: countedOf(), exactly_once: isExact, report_lag_s: Number(lagSeconds.toFixed(1)), connections: CONNECTIONS, ...cpu,
};
await worker.kill('SIGTERM');
api.kill('SIGTERM');
await organization.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

/** Processor time of a process so far; ticks of 10 ms. */
function cpuMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function at(share: number): number {
  return Number(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!.toFixed(1));
}

/** Sends `count` requests and waits for every answer. @returns milliseconds each took @throws Error when one is not answered as it should be */
async function load(count: number, pathOf: (i: number) => string): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    const answer = answersOf(socket);
    while (next < count) {
      const i = next++;
      const sentAt = performance.now();
      socket.write(`GET ${pathOf(i)} HTTP/1.1\r\nHost: track.example\r\nUser-Agent: ${agents[i % agents.length]}\r\nX-Forwarded-For: 81.2.${(i >> 8) & 255}.${i & 255}\r\n\r\n`);
      const status = await answer();
      if (status !== 200 && status !== 302) throw new Error(`request ${i} was answered with ${status}`);
      times.push(performance.now() - sentAt);
    }
    socket.end();
  }));
  return times;
}

/** Reads one answer after the other from a connection: as little work as can be, so that the endpoint is measured. */
function answersOf(socket: Socket): () => Promise<number> {
  let held = '';
  let take: ((status: number) => void) | null = null;
  let fail: ((error: Error) => void) | null = null;
  socket.setEncoding('latin1').on('data', (part: string) => {
    held += part;
    const end = held.indexOf('\r\n\r\n');
    const length = end === -1 ? null : Number(/\r\ncontent-length: (\d+)/i.exec(held.slice(0, end))?.[1] ?? 0);
    if (length === null || held.length < end + 4 + length) return;
    const status = Number(held.slice(9, 12));
    held = held.slice(end + 4 + length);
    take?.(status);
  });
  socket.on('error', (error) => fail?.(error));
  socket.on('close', () => fail?.(new Error('the connection was closed')));
  return () => new Promise((resolved, rejected) => { [take, fail] = [resolved, rejected]; });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise<void>((done) => void server.close(() => done()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
