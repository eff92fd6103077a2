import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLaunchedCampaign, ledgerOf } from '../support/campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

let organization: TestOrganization;
let sink: SmtpSink;
let worker: SendWorker;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  worker = await startSendWorker();
}, 120_000);
afterAll(async () => {
  await worker.stop('SIGTERM');
  await sink.close();
  await organization.close();
}, 60_000);

const stateOf = async (campaignId: string) =>
  (await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.first<{ state: string }>('select state from campaign where id = $1', [campaignId])))?.state;
/** 200 people whose server takes 100 ms for each, over two sessions: ten seconds of sending. */
const slowPeople = (name: string) => Array.from({ length: 200 }, (_, i) => `slow-100.${name}${i}@x.example`);

test('a paused campaign sends nothing more, and resumed it reaches everyone exactly once', async () => {
  const { gateway } = organization.container;
  const campaign = await createLaunchedCampaign(organization, { recipients: slowPeople('p'), port: sink.port, parallel: 2 });
  await gateway.startCampaign(campaign);
  await expect.poll(async () => (await ledgerOf(organization, campaign.mailNo))['sent'] ?? 0, { timeout: 60_000 }).toBeGreaterThan(3);
  await gateway.commandCampaign(campaign, 'pause');
  expect(await stateOf(campaign.campaignId)).toBe('paused');
  await expect(gateway.commandCampaign(campaign, 'pause')).rejects.toMatchObject({ code: 'conflict' });
  await expect.poll(async () => (await ledgerOf(organization, campaign.mailNo))['sending'] ?? 0, { timeout: 5_000 }).toBe(0);
  const standing = await ledgerOf(organization, campaign.mailNo);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual(standing);
  await gateway.commandCampaign(campaign, 'resume');
  await expect.poll(() => stateOf(campaign.campaignId), { timeout: 90_000 }).toBe('completed');
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 200 });
  const rows = (await sink.rows()).filter((row) => row.recipient.includes('.p'));
  expect(rows).toHaveLength(200);
}, 180_000);

test('a cancelled campaign skips the rest and keeps what was sent', async () => {
  const { gateway } = organization.container;
  const campaign = await createLaunchedCampaign(organization, { recipients: slowPeople('c'), port: sink.port, parallel: 2 });
  await gateway.startCampaign(campaign);
  await expect.poll(async () => (await ledgerOf(organization, campaign.mailNo))['sent'] ?? 0, { timeout: 60_000 }).toBeGreaterThan(3);
  await gateway.commandCampaign(campaign, 'cancel');
  expect(await stateOf(campaign.campaignId)).toBe('cancelled');
  await expect.poll(async () => (await ledgerOf(organization, campaign.mailNo))['pending'] ?? 0, { timeout: 30_000 }).toBe(0);
  const ledger = await ledgerOf(organization, campaign.mailNo);
  expect((ledger['sent'] ?? 0) + (ledger['skipped'] ?? 0)).toBe(200);
  await expect(gateway.commandCampaign(campaign, 'resume')).rejects.toMatchObject({ code: 'conflict' });
}, 120_000);

test('a campaign whose sender is refused pauses itself and says why', async () => {
  const campaign = await createLaunchedCampaign(organization, { recipients: ['a.s@x.example', 'b.s@x.example'], port: sink.port, fromEmail: 'mail550@shop.example' });
  await organization.container.gateway.startCampaign(campaign);
  await expect.poll(() => stateOf(campaign.campaignId), { timeout: 60_000 }).toBe('paused');
  const row = await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.first('select reason, state_detail as detail from campaign where id = $1', [campaign.campaignId]));
  expect(row).toMatchObject({ reason: 'sender_refused', detail: expect.stringContaining('5.7.1') });
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ pending: 2 });
}, 120_000);
