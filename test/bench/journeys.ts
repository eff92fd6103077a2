import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import '../support/own-installation.ts';
import { queueJob } from '../../infra/journeys/jobs.ts';
import { addConnection } from '../support/fault-campaign.ts';
import { addTo, condition, enters, exit, opened, send, update, waitFor } from '../support/journey-dsl.ts';
import { createKeyClient } from '../support/key-client.ts';
import { createTestOrganization } from '../support/organization.ts';
import { publish, rowsOf, waitSeconds, type PublishedJourney } from '../support/published-journey.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { startWorker } from '../support/worker-process.ts';

/**
 * Journeys on two worker processes.
 * `bulk`: customers of a list enrolled by hand into send, wait 5 s, engagement condition, update field or add to list, wait 5 s,
 * send, exit, with real sends into a sink of its own process; from the enrolling to the last one's end.
 * `single`: customers enter one by one by an event through the API: at 10 a second for the time from entry to her first mail,
 * then as fast as they are taken for how many complete a second.
 * `waiting`: customers rest in a wait of 30 days; what that costs, how long until those woken by an event are through, and how
 * long the journey's page then asks the API: its overview, and its people.
 */
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' }, only: { type: 'string', multiple: true, default: ['bulk', 'single', 'waiting'] }, customers: { type: 'string', default: '100000' }, waiting: { type: 'string', default: '1000000' },
    woken: { type: 'string', default: '10000' }, seconds: { type: 'string', default: '30' },
  },
  allowPositionals: true,
});
const say = (line: string) => void process.stderr.write(`${line}\n`);
const root = resolve(import.meta.dirname, '../..');
/** How often a page is opened for its p95. */
const PAGE_OPENED = 40;

const sink = await startSmtpSink();
const organization = await createTestOrganization();
const { container, orgId } = organization;
const { sql } = await container.tenants.use(orgId, async (tenant) => tenant);
const connectionId = await addConnection(organization, { port: sink.port, parallel: 96 });
const worker = () => startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
const workers = await Promise.all([worker(), worker()]);

const result: Record<string, unknown> = {};
if (options.only.includes('bulk')) result['bulk'] = await bulk(Number(options.customers));
if (options.only.includes('single')) result['single'] = await single(Number(options.seconds));
if (options.only.includes('waiting')) result['waiting'] = await waiting(Number(options.waiting), Number(options.woken));
await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
await sink.close();
await organization.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

async function bulk(customers: number): Promise<object> {
  say(`bulk: ${customers} customers`);
  const [listId, extraId] = [await list('Everybody'), await list('Silent')];
  await sql.run(`insert into customer (email, email_key, first_name, score) select e, e, 'First' || i, 1 from (select i, 'bulk' || i || '@example.com' as e from generate_series(1, $1::int) i) x`, [customers]);
  await sql.run(`insert into list_member (list_id, customer_id) select $1, id from customer where email like 'bulk%'`, [listId]);
  await sql.run('analyze');
  const journey = await publish(organization, connectionId,
    send('welcome'), waitSeconds(5), condition(opened('welcome'), update('score', { mode: 'add', amount: 10 }), addTo(extraId)), waitSeconds(5), send('offer'), exit('done'));
  const cpu = workers.map((worker) => cpuMs(worker.child));
  const startedAt = Date.now();
  await sql.transaction((tx) => queueJob(tx, { journeyId: journey.id, action: 'enroll', options: { list: { id: listId, name: 'Everybody' }, createUnknown: false }, by: 'bench' }));
  container.gateway.nudgeJourney({ orgId, journeyId: journey.id });
  const isOver = async () => {
    const row = await sql.first<{ completed: number; sent: number }>(
      `select (select coalesce(sum(n), 0)::int from enrollment_count where journey_id = $1 and state = 'completed') as completed, (select coalesce(sum(sent), 0)::int from mail_count c join mail m on m.no = c.mail_no where m.ref_id = $1) as sent`, [journey.id]);
    say(`${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${row!.sent} sent, ${row!.completed} completed`);
    return row!.completed >= customers;
  };
  while (!(await isOver())) await sleep(1_000);
  const span = (await sql.first<{ seconds: number }>(`select extract(epoch from max(ended_at) - $2::timestamptz)::float8 as seconds from enrollment where journey_id = $1`, [journey.id, new Date(startedAt).toISOString()]))!;
  const arrived = await sink.copiesOf(journey.sender);
  // Each recipient gets two different mails: what is above that is a copy, what is below is lost.
  const steps = (await rowsOf<{ n: number }>(journey, `select count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 and m.state = 2`))[0]!.n;
  return {
    customers, seconds: Number(span.seconds.toFixed(1)), per_s: Math.round(customers / span.seconds), mail_per_s: Math.round((2 * customers) / span.seconds), duplicates: Math.max(0, arrived.copies - steps), lost: Math.max(0, 2 * customers - arrived.copies),
    recipients: arrived.recipients, in_doubt: (await rowsOf<{ n: number }>(journey, `select count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 and m.state = 5`))[0]!.n,
    worker_cpu_s: Number((workers.reduce((sum, worker, i) => sum + cpuMs(worker.child) - cpu[i]!, 0) / 1_000).toFixed(1)),
  };
}

async function single(seconds: number): Promise<object> {
  const perSecond = 10;
  const measured = perSecond * seconds;
  const flood = 50 * seconds;
  say(`single: ${measured} entries at ${perSecond}/s, then ${flood}`);
  await sql.run(`insert into customer (email, email_key, first_name) select e, e, 'One' from (select 'single' || i || '@example.com' as e from generate_series(1, $1::int) i) x`, [measured + flood]);
  const journey = await publish(organization, connectionId, enters({ kind: 'custom', name: 'signed_up', filters: [] }), send('hello'), condition(opened('hello'), update('score', { mode: 'add', amount: 1 })), update('city', { mode: 'set', value: 'Rome' }), send('bye'), exit('done'));
  const api = await startApi();
  const client = await createKeyClient(organization, api.baseUrl, ['events:write']);
  const enter = async (i: number) => {
    const answer = await client.request('POST', '/events', { events: [{ name: 'signed_up', email: `single${i}@example.com` }] });
    if (answer.status !== 202) throw new Error(`the API answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  };
  const accepted = new Map<string, number>();
  const started = performance.now();
  await Promise.all(Array.from({ length: measured }, async (_, i) => {
    await sleep(Math.max(0, (i * 1_000) / perSecond - (performance.now() - started)));
    accepted.set(`single${i + 1}@example.com`, Date.now());
    await enter(i + 1);
  }));
  await completed(journey, measured);
  const firsts = new Map<string, number>();
  for (const row of await sink.rows()) if (row.sender === journey.sender && !firsts.has(row.recipient)) firsts.set(row.recipient, row.at);
  const latencies = [...accepted].map(([email, at]) => (firsts.get(email) ?? Infinity) - at).sort((a, b) => a - b);
  const floodedAt = Date.now();
  for (let i = 0; i < flood; i += 20) await Promise.all(Array.from({ length: Math.min(20, flood - i) }, (_, k) => enter(measured + i + k + 1)));
  const acceptedIn = (Date.now() - floodedAt) / 1_000;
  await completed(journey, measured + flood);
  const took = (Date.now() - floodedAt) / 1_000;
  api.child.kill('SIGTERM');
  const cohorts = (await rowsOf<{ n: number }>(journey, 'select count(*)::int as n from cohort where journey_id = $1'))[0]!.n;
  const at = (share: number) => Math.round(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!);
  return { enrollments: measured + flood, per_s: Number((flood / took).toFixed(1)), accepted_per_s: Number((flood / acceptedIn).toFixed(1)), entry_to_first_send_p50_ms: at(0.5), entry_to_first_send_p95_ms: at(0.95), cohorts };
}

async function waiting(count: number, woken: number): Promise<object> {
  say(`waiting: ${count} customers`);
  await sql.run(`insert into customer (email, email_key) select e, e from (select 'wait' || i || '@example.com' as e from generate_series(1, $1::int) i) x`, [count]);
  const journey = await publish(organization, null, waitFor('order_placed', '30d', update('city', { mode: 'set', value: 'Buyer' }), []));
  // As their cohorts left them: they entered a minute ago and rest.
  await sql.run(
    `with people as (select id, (row_number() over (order by id) - 1) / 1000 as block from customer where email like 'wait%'),
     made as (insert into cohort (journey_id, version_no, size) select $1, 1, count(*) from people group by block order by block returning id),
     numbered as (select id, row_number() over (order by id) - 1 as block from made)
     insert into enrollment (journey_id, version_no, cohort_id, customer_id, node_id, entered_at, arrived_at, due_at, wake_event)
     select $1, 1, n.id, p.id, 'wait-for-order-placed', now() - interval '1 minute', now() - interval '1 minute', now() + interval '30 days', 'custom:order_placed' from people p join numbered n using (block)`, [journey.id]);
  await sql.run('analyze');
  const cohorts = await rowsOf<{ id: number }>(journey, 'select id from cohort where journey_id = $1 order by id');
  say(`${cohorts.length} cohorts begin`);
  for (let i = 0; i < cohorts.length; i += 20) await Promise.all(cohorts.slice(i, i + 20).map(({ id }) => container.gateway.startCohort({ orgId, journeyId: journey.id, versionNo: 1, cohortId: id })));
  await sleep(15_000);
  const before = workers.map((worker) => cpuMs(worker.child));
  await sleep(20_000);
  const idle = workers.reduce((sum, worker, i) => sum + cpuMs(worker.child) - before[i]!, 0) / 20_000;
  say(`idle: ${(100 * idle).toFixed(1)} % of a core; ${woken} are woken`);
  const startedAt = Date.now();
  await sql.run(
    `with happened as (
       insert into event (type, customer_id, occurred_at, source, detail)
       select 'custom', customer_id, now(), 'api', '{"name": "order_placed", "properties": {}}' from enrollment where journey_id = $1 and state = 'active' and customer_id % ($2::int / $3::int) = 0 limit $3 returning id),
     numbered as (select id, row_number() over () / 500 as block from happened)
     insert into outbox (topic, ids) select 'event', array_agg(id) from numbered group by block`, [journey.id, count, woken]);
  container.gateway.nudgeOutbox(orgId);
  await completed(journey, woken, 100);
  const wakeSeconds = Number(((Date.now() - startedAt) / 1_000).toFixed(1));
  return { customers: count, idle_cpu_percent: Number((100 * idle).toFixed(1)), woken, wake_s: wakeSeconds, ...(await pageOf(journey)) };
}

/** What the screens of a journey ask for as they open, each time all at once, until the last answer is there. */
async function pageOf(journey: PublishedJourney): Promise<object> {
  say('its page');
  const api = await startApi();
  const client = await createKeyClient(organization, api.baseUrl, ['journeys:read']);
  const open = async (paths: readonly string[]) => {
    const took: number[] = [];
    for (let i = 0; i < PAGE_OPENED; i += 1) {
      const openedAt = performance.now();
      const answers = await Promise.all(paths.map((path) => client.request('GET', `/journeys/${journey.id}${path}`)));
      const refused = answers.find((answer) => answer.status !== 200);
      if (refused !== undefined) throw new Error(`the API answered ${refused.status}: ${JSON.stringify(refused.body)}`);
      took.push(performance.now() - openedAt);
    }
    took.sort((a, b) => a - b);
    return Math.round(took[Math.floor(took.length * 0.95)]!);
  };
  const [overview, people] = [await open(['', '/graph', '/analytics']), await open(['', '/versions', '/enrollments?limit=50'])];
  api.child.kill('SIGTERM');
  return { overview_p95_ms: overview, people_p95_ms: people };
}

async function completed(journey: PublishedJourney, count: number, everyMs = 200): Promise<void> {
  for (;;) {
    const [row] = await rowsOf<{ n: number }>(journey, `select coalesce(sum(n), 0)::int as n from enrollment_count where journey_id = $1 and state = 'completed'`);
    if (row!.n >= count) return;
    await sleep(everyMs);
  }
}

async function list(name: string): Promise<string> {
  return (await sql.first<{ id: string }>('insert into list (id, name) values (gen_random_uuid(), $1) returning id::text', [name]))!.id;
}

async function startApi(): Promise<{ readonly baseUrl: string; readonly child: ChildProcess }> {
  const port = await new Promise<number>((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => done(free));
    });
  });
  const child = spawn(process.execPath, ['api/main.ts'], {
    cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, FERMATA_SECRET_KEY: process.env['FERMATA_SECRET_KEY'] ?? Buffer.alloc(32, 7).toString('base64'), FERMATA_PORT: String(port), FERMATA_LOG_LEVEL: 'warn' },
  });
  const baseUrl = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${baseUrl}/health/live`).then((answer) => answer.ok, () => false))) await sleep(100);
  return { baseUrl, child };
}

/** Processor time of a process so far; ticks of 10 ms. */
function cpuMs({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
