import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLaunchedCampaign, ledgerOf } from '../support/campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

const RECIPIENTS = 50_000;
const KILLS = 5;
/** Sessions of one worker process at most: what a kill can leave in doubt. */
const SESSIONS_PER_WORKER = 24;

let organization: TestOrganization;
let sink: SmtpSink;
let workers: SendWorker[] = [];

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  workers = await Promise.all([startWorker(), startWorker()]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await sink.close();
  await organization.close();
}, 120_000);

const startWorker = () => startSendWorker({ FERMATA_SEND_CONNECTIONS: String(SESSIONS_PER_WORKER) });

test(`${KILLS} times kill -9 of a worker during ${RECIPIENTS} mails: nothing lost, nothing twice, and the campaign completes by itself`, async () => {
  const timeline: string[] = [];
  const startedAt = performance.now();
  const note = (line: string) => timeline.push(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s ${line}`);
  const campaign = await createLaunchedCampaign(organization, { recipients: RECIPIENTS, port: sink.port, parallel: 2 * SESSIONS_PER_WORKER });
  await organization.container.gateway.startCampaign(campaign);
  const standing = () =>
    organization.container.tenants.use(organization.orgId, ({ sql }) =>
      sql.first<{ state: string; ended: number }>('select c.state, coalesce(sum(n.sent + n.in_doubt), 0)::int as ended from campaign c left join mail_count n on n.mail_no = c.mail_no where c.id = $1 group by c.state', [campaign.campaignId]));

  for (let kill = 1; kill <= KILLS; kill += 1) {
    const goal = (RECIPIENTS * kill) / (KILLS + 2);
    await expect.poll(async () => (await standing())?.ended ?? 0, { timeout: 120_000, interval: 50 }).toBeGreaterThan(goal);
    const victim = workers.shift();
    await victim?.stop('SIGKILL');
    note(`killed a worker after ${(await standing())?.ended} mails`);
    workers.push(await startWorker());
  }
  await expect.poll(async () => (await standing())?.state, { timeout: 180_000, interval: 250 }).toBe('completed');
  note('completed');

  const ledger = await ledgerOf(organization, campaign.mailNo);
  const rows = await sink.rows();
  const recipients = new Set(rows.map((row) => row.recipient));
  process.stderr.write(`${timeline.join('\n')}\n${JSON.stringify(ledger)} at the sink: ${rows.length}\n`);
  expect(rows.length - recipients.size, 'sent twice').toBe(0);
  expect((ledger['sent'] ?? 0) + (ledger['in_doubt'] ?? 0), 'everybody is accounted for').toBe(RECIPIENTS);
  expect(ledger['in_doubt'] ?? 0, 'in doubt').toBeLessThanOrEqual(KILLS * SESSIONS_PER_WORKER);
  // Whoever is `sent` is at the sink; whoever is in doubt may be.
  const sent = await organization.container.tenants.use(organization.orgId, ({ sql }) =>
    sql.rows<{ email: string }>('select c.email from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.state = 2', [campaign.mailNo]));
  expect(sent.filter((row) => !recipients.has(row.email))).toEqual([]);
}, 420_000);
