import { parseArgs } from 'node:util';
import { compileMail } from '../../infra/mail/content.ts';
import { openSmtpSession } from '../../infra/mail/smtp.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { createLaunchedCampaign, ledgerOf } from '../support/campaign.ts';
import { createTestOrganization } from '../support/organization.ts';
import { startSendWorker } from '../support/send-workers.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';

/**
 * 100,000 recipients, 5 kB of HTML with 5 tracked links and a pixel, through the real campaign workflow on 2 worker
 * processes, against a sink in a process of its own. `limit_mail_per_s`: the same SMTP client, as many sessions,
 * ready-made mail, no ledger.
 */
const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, recipients: { type: 'string', default: '100000' }, sessions: { type: 'string', default: '96' } }, allowPositionals: true });
const recipients = Number(options.recipients);
const sessions = Number(options.sessions);
const paragraph = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. '.repeat(7);
const html = `<html><body><h1>Hello {{ first_name }}</h1><p>News from {{ city }}.</p>${[1, 2, 3, 4, 5].map((n) => `<p>${paragraph}<a href="https://shop.example/product/${n}">Product ${n}</a></p>`).join('')}<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>`;
const say = (line: string) => process.stderr.write(`${line}\n`);

const external = process.env['FERMATA_BENCH_SMTP'];
const sink = external === undefined ? await startSmtpSink() : null;
const [host = '127.0.0.1', port = '0'] = external === undefined ? ['127.0.0.1', String(sink?.port)] : external.split(':');
const organization = await createTestOrganization();

say(`limit: ${sessions} sessions, ready-made mail`);
const limit = await blast(Math.min(recipients, 30_000));
say(`limit: ${limit} mail/s`);

say(`campaign: ${recipients} recipients`);
const text = 'Hello {{ first_name }}, see https://shop.example/product/1 or leave: {{ unsubscribe_url }}';
const campaign = await createLaunchedCampaign(organization, { recipients, port: Number(port), host, parallel: sessions, html, text, subject: 'Hello {{ first_name }}' });
const workers = await Promise.all([startSendWorker(), startSendWorker()]);
const { sql } = await organization.container.tenants.use(organization.orgId, async (tenant) => tenant);
const before = await Promise.all(workers.map((worker) => worker.usage()));
const launchedAt = performance.now();
await organization.container.gateway.startCampaign(campaign);
let lastSent = -1;
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  const row = await sql.first<{ state: string; sent: number }>('select c.state, coalesce(sum(n.sent), 0)::int as sent from campaign c left join mail_count n on n.mail_no = c.mail_no where c.id = $1 group by c.state', [campaign.campaignId]);
  if (row !== undefined && row.sent !== lastSent) say(`${((performance.now() - launchedAt) / 1_000).toFixed(1)} s: ${row.sent} sent`);
  lastSent = row?.sent ?? 0;
  if (row?.state !== 'running') break;
}
const after = await Promise.all(workers.map((worker) => worker.usage()));
const span = await sql.first<{ seconds: number }>('select extract(epoch from max(ended_at) - min(started_at))::float8 as seconds from message where mail_no = $1', [campaign.mailNo]);
const ledger = await ledgerOf(organization, campaign.mailNo);
const accepted = sink === null ? null : (await sink.rows()).filter((row) => row.recipient.startsWith('user') && !row.messageId.startsWith('limit'));
const distinct = accepted === null ? 0 : new Set(accepted.map((row) => row.recipient)).size;
const rate = Math.round((ledger['sent'] ?? 0) / (span?.seconds ?? 1));
const result = {
  recipients,
  mail_per_s: rate,
  limit_mail_per_s: limit,
  ratio: Number((rate / limit).toFixed(2)),
  cpu_ms_per_mail: Number((after.reduce((sum, usage, i) => sum + usage.cpuMs - (before[i]?.cpuMs ?? 0), 0) / recipients).toFixed(3)),
  sent: ledger['sent'] ?? 0,
  failed: ledger['failed'] ?? 0,
  in_doubt: ledger['in_doubt'] ?? 0,
  duplicates: accepted === null ? null : accepted.length - distinct,
  rss_mb: Math.max(...after.map((usage) => usage.rssMb)),
  seconds_to_completed: Number(((performance.now() - launchedAt) / 1_000).toFixed(1)),
  at_sink: accepted === null ? null : distinct,
};
await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
await sink?.close();
await organization.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

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
