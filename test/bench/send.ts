import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { noDelivery, type Delivery } from '#domain/campaign/delivery.ts';
import type { Experiment } from '#domain/campaign/experiment.ts';
import { compileMail } from '../../infra/mail/content.ts';
import { openSmtpSession } from '../../infra/mail/smtp.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createLaunchedCampaign, ledgerOf, type TestCampaign } from '../support/campaign.ts';
import { createTestOrganization } from '../support/organization.ts';
import { startSendWorker } from '../support/send-workers.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';

/**
 * 100,000 recipients, 5 kB of HTML with 5 tracked links and a pixel, through the real campaign workflow on 2 worker
 * processes, against a sink in a process of its own. `ab_…`: the same people again with an A/B test of two subjects, over
 * two connections by percentage, one of them with a limit far above the rate. `limit_mail_per_s`: the same SMTP client, as
 * many sessions, ready-made mail, no ledger.
 */
const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, recipients: { type: 'string', default: '100000' }, sessions: { type: 'string', default: '96' } }, allowPositionals: true });
const recipients = Number(options.recipients);
const sessions = Number(options.sessions);
const paragraph = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. '.repeat(7);
const html = `<html><body><h1>Hello {{ first_name }}</h1><p>News from {{ city }}.</p>${[1, 2, 3, 4, 5].map((n) => `<p>${paragraph}<a href="https://shop.example/product/${n}">Product ${n}</a></p>`).join('')}<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>`;
const text = 'Hello {{ first_name }}, see https://shop.example/product/1 or leave: {{ unsubscribe_url }}';
const say = (line: string) => process.stderr.write(`${line}\n`);

const external = process.env['FERMATA_BENCH_SMTP'];
const sink = external === undefined ? await startSmtpSink() : null;
const [host = '127.0.0.1', port = '0'] = external === undefined ? ['127.0.0.1', String(sink?.port)] : external.split(':');
const organization = await createTestOrganization();
const { sql } = await organization.container.tenants.use(organization.orgId, async (tenant) => tenant);

say(`limit: ${sessions} sessions, ready-made mail`);
const limit = await blast(Math.min(recipients, 30_000));
say(`limit: ${limit} mail/s`);
const workers = await Promise.all([startSendWorker(), startSendWorker()]);

say(`campaign: ${recipients} recipients`);
const plain = await measure(await prepare('plain'));
say(`A/B test, two connections: ${recipients} recipients`);
const tested = await measure(await withTest(await prepare('tested')));

const result = {
  recipients,
  mail_per_s: plain.rate,
  ab_mail_per_s: tested.rate,
  limit_mail_per_s: limit,
  ratio: Number((plain.rate / limit).toFixed(2)),
  cpu_ms_per_mail: plain.cpuMsPerMail,
  sent: plain.sent,
  failed: plain.failed,
  in_doubt: plain.inDoubt,
  duplicates: plain.duplicates,
  ab_sent: tested.sent,
  ab_in_doubt: tested.inDoubt,
  ab_duplicates: tested.duplicates,
  ab_by_connection: await byConnection(),
  rss_mb: Math.max(plain.rssMb, tested.rssMb),
  seconds_to_first_mail: plain.secondsToFirst,
  seconds_to_completed: plain.seconds,
  ab_seconds_to_completed: tested.seconds,
  at_sink: plain.arrived,
};
await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
await sink?.close();
await organization.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

interface Prepared extends TestCampaign {
  /** Envelope sender: it tells this campaign's mail at the sink. */
  readonly sender: string;
}

async function prepare(label: string): Promise<Prepared> {
  const sender = `${label}@shop.example`;
  return { ...(await createLaunchedCampaign(organization, { recipients, port: Number(port), host, parallel: sessions, html, text, subject: 'Hello {{ first_name }}', fromEmail: sender })), sender };
}

/** Two subjects, the winner at once; 60 and 40 percent over two connections with half of the sessions each. */
async function withTest(campaign: Prepared): Promise<Prepared> {
  const experiment: Experiment = { subjects: ['Hi {{ first_name }}'], contents: [], fromNames: [], testPercent: 20, durationHours: 0, winnerBy: 'open_rate', distribution: 'random', weights: [] };
  const throttled = randomUUID();
  const [{ first }] = await sql.rows<{ first: string }>(`update connection set parallel = $2 where id::text = (select delivery->'connections'->0->>'id' from campaign where id = $1) returning id::text as first`, [campaign.campaignId, Math.ceil(sessions / 2)]) as [{ first: string }];
  await sql.run(
    `insert into connection (id, name, vendor, settings, parallel, limits) select $1, 'Throttled', vendor, settings, parallel, '{"second": 100000, "hour": 100000000}' from connection where id = $2`, [throttled, first]);
  const delivery: Delivery = { ...noDelivery, mode: 'split', connections: [{ id: first, percent: 60 }, { id: throttled, percent: 40 }] };
  await sql.run('update campaign set delivery = $2, experiment = $3 where id = $1', [campaign.campaignId, JSON.stringify(delivery), JSON.stringify(experiment)]);
  return campaign;
}

async function measure(campaign: Prepared) {
  const before = await Promise.all(workers.map((worker) => worker.usage()));
  const launchedAt = Date.now();
  await organization.container.gateway.startCampaign(campaign);
  let lastSent = -1;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const row = await sql.first<{ state: string; sent: number }>('select c.state, coalesce(sum(n.sent), 0)::int as sent from campaign c left join mail_count n on n.mail_no = c.mail_no where c.id = $1 group by c.state', [campaign.campaignId]);
    if (row !== undefined && row.sent !== lastSent) say(`${((Date.now() - launchedAt) / 1_000).toFixed(1)} s: ${row.sent} sent`);
    lastSent = row?.sent ?? 0;
    if (row?.state !== 'running') break;
  }
  const seconds = Number(((Date.now() - launchedAt) / 1_000).toFixed(1));
  const after = await Promise.all(workers.map((worker) => worker.usage()));
  say(`CPU of the workers: ${after.map((usage, i) => `${((usage.cpuMs - before[i]!.cpuMs) / 1_000).toFixed(1)} s`).join(', ')}`);
  const span = (await sql.first<{ seconds: number; first: Date }>('select extract(epoch from max(ended_at) - min(started_at))::float8 as seconds, min(started_at) as first from message where mail_no = $1', [campaign.mailNo]))!;
  const ledger = await ledgerOf(organization, campaign.mailNo);
  const arrived = sink === null ? null : await sink.copiesOf(campaign.sender);
  return {
    rate: Math.round((ledger['sent'] ?? 0) / span.seconds), seconds, secondsToFirst: Number(((span.first.getTime() - launchedAt) / 1_000).toFixed(1)),
    sent: ledger['sent'] ?? 0, failed: ledger['failed'] ?? 0, inDoubt: ledger['in_doubt'] ?? 0,
    arrived: arrived?.recipients ?? null, duplicates: arrived === null ? null : arrived.copies - arrived.recipients,
    cpuMsPerMail: Number((after.reduce((sum, usage, i) => sum + usage.cpuMs - (before[i]?.cpuMs ?? 0), 0) / recipients).toFixed(3)),
    rssMb: Math.max(...after.map((usage) => usage.rssMb)),
  };
}

/** How many of the second campaign each connection got. */
async function byConnection(): Promise<number[]> {
  return (await sql.rows<{ count: number }>('select count(*)::int as count from message where mail_no = (select max(mail_no) from campaign) group by connection_no order by connection_no')).map((row) => row.count);
}

/** The ceiling of this machine: the same sessions and mail of the same size, made beforehand, without a ledger. */
async function blast(count: number): Promise<number> {
  const mail = compileMail(
    { orgNo: 1, orgSlug: 'bench', mailNo: 1, subject: 'Hello', preheader: '', fromName: 'Shop', fromEmail: 'limit@shop.example', replyTo: '', html, text: '', tracking: { opens: true, clicks: true }, utm: {}, context: { organization: { name: 'Bench', address: '' }, campaign: { name: 'Bench' }, timezone: 'UTC' } },
    { ids: createTrackingIds(organization.container.secrets), baseUrl: 'http://localhost:3000' },
  ).render({ ordinal: 1, customerId: 1, email: 'limit@example.com', fields: new Map() }, Date.now());
  const open = () => openSmtpSession({ host, port: Number(port), secure: 'none', username: '', password: '', allowPrivate: true });
  let left = count;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: sessions }, async () => {
    let session = await open();
    while (left > 0) {
      left -= 1;
      if (!session.isUsable) {
        session.close();
        session = await open();
      }
      await session.send([mail]);
    }
    session.close();
  }));
  return Math.round(count / ((performance.now() - startedAt) / 1_000));
}
