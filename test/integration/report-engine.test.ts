import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createLaunchedCampaign } from '../support/campaign.ts';
import { createTrackingIds, type TrackingKind } from '../../infra/mail/tracking-id.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** From a launch to the report: the engine, a server, readers, the outbox and the endpoints, all real. */

let api: TestApi;
let ada: TestUser;
let sink: SmtpSink;
let worker: WorkerProcess;
beforeAll(async () => {
  [api, sink] = await Promise.all([startTestApi(), startSmtpSink()]);
  worker = await startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
  ada = await api.signIn('member');
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await sink?.close();
  await api?.close();
}, 60_000);

test('what the server and the readers did stands in the report, the recipients, the certificate and the answer to why', async () => {
  const people = Array.from({ length: 20 }, (_, i) => `reader${i}@${i < 15 ? 'one' : 'two'}.example`);
  const organization = { orgId: api.orgId, container: api.container, close: () => Promise.resolve() };
  const campaign = await createLaunchedCampaign(organization, { recipients: [...people, 'rcpt550.gone@two.example', 'left@one.example'], port: sink.port });
  await api.container.gateway.startCampaign(campaign);
  const path = `/campaigns/${campaign.campaignId}`;
  const get = async (part: string) => {
    const reply = await ada.get(`${path}${part}`);
    expect(reply.status, part).toBe(200);
    return reply.body;
  };
  await expect.poll(async () => (await ada.get(path)).body.state, { timeout: 60_000 }).toBe('completed');
  const { org, ordinals } = await api.container.tenants.use(api.orgId, async (tenant) => ({
    org: tenant.org, ordinals: new Map((await tenant.sql.rows<{ email: string; ordinal: number }>('select c.email, m.ordinal from message m join customer c on c.id = m.customer_id where m.mail_no = $1', [campaign.mailNo])).map((row) => [row.email, row.ordinal])),
  }));
  const link = (kind: TrackingKind, email: string, no = 0) => createTrackingIds(api.container.secrets).mint({ orgNo: org.no, mailNo: campaign.mailNo, ordinal: ordinals.get(email)! }, [{ kind, link: no }])[0]!;
  const track = (page: string, kind: TrackingKind, email: string, no = 0, init: RequestInit = {}) => fetch(`${api.baseUrl}/api/track/${page}/${link(kind, email, no)}`, { redirect: 'manual', ...init });
  // Nobody reads within two seconds of sending.
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  for (const email of people.slice(0, 5)) expect((await track('open', 'open', email)).status).toBe(200);
  expect((await track('click', 'click', people[0]!, 1)).headers.get('location')).toContain('https://shop.example/b');
  await track('click', 'hiddenLink', people[9]!);
  await track('unsubscribe', 'unsubscribe', 'left@one.example', 0, { method: 'POST' });

  await expect.poll(async () => (await get('/report')).unsubscribed, { timeout: 20_000 }).toBe(1);
  await expect.poll(async () => (await get('/report')).opened.unique, { timeout: 20_000 }).toBe(5);
  const report = await get('/report');
  expect(report).toMatchObject({
    recipients: 22, sent: 21, failed: 1, bounced: 1, hardBounced: 1, opened: { unique: 5, total: 5 }, clicked: { unique: 1, total: 1, machine: 1 }, unsubscribed: 1, openRate: 23.81, clickRate: 4.76, bounceRate: 4.76,
    failures: [{ state: 'failed', reason: 'hard_bounce', count: 1 }], machines: [{ reason: 'hidden_link', opened: 0, clicked: 1 }],
  });
  await expect.poll(async () => (await get('/report/domains')).domains.map(({ domain, sent, bounced, opened }: { domain: string; sent: number; bounced: number; opened: { unique: number } }) => [domain, sent, bounced, opened.unique]), { timeout: 20_000 })
    .toEqual([['one.example', 16, 0, 5], ['two.example', 5, 1, 0]]);
  expect((await get('/recipients?engagement=bounced')).data).toMatchObject([{ email: 'rcpt550.gone@two.example', state: 'failed', reason: 'hard_bounce' }]);
  expect((await get('/explain?email=rcpt550.gone@two.example')).says.join(' ')).toMatch(/^Not sent: the address is dead.*suppressed since/);
  expect((await get(`/explain?email=${people[0]}`)).says.join(' ')).toMatch(/^Sent on .*She first opened it.*She first clicked/);
  await expect.poll(async () => (await ada.get(`${path}/certificate`)).status, { timeout: 30_000 }).toBe(200);
  expect(await get('/certificate')).toMatchObject({ verdict: 'balanced', resolved: 22, ledger: { sent: 21, failed: 1, skipped: 0, inDoubt: 0 } });
  expect(await get('/drift')).toMatchObject({ frozen: 22, today: 20, join: 0, leave: 2, unmailable: 2 });
}, 150_000);
