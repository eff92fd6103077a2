import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createAuditService } from '../../api/modules/audit/service.ts';
import { createSendingSettingsService, type SendingSettings } from '../../api/modules/organization/sending.ts';
import { findHarm } from '../../infra/mail/safety.ts';
import { ledgerOf } from '../support/campaign.ts';
import { addConnection, command, draftCampaign, launch, peopleOf, sentOver, standingOf, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** The organization's own rules: how often a person gets mail, and when a campaign does so much harm that it stops itself. */

let organization: TestOrganization;
let workers: SendWorker[];
let sink: SmtpSink;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  workers = await Promise.all([startSendWorker({ SEND_SLOTS: '1' }), startSendWorker({ SEND_SLOTS: '1' })]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await sink.close();
  await organization.close();
}, 60_000);
beforeEach(() => settle({ frequencyCap: null, safetyStops: true }));

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const settle = (change: Partial<SendingSettings>) => createSendingSettingsService(organization.container, createAuditService(organization.container)).update(organization.orgId, 'Ada', change);
const draft = async (people: readonly string[], parallel = 8) => draftCampaign(organization, { people, delivery: singleDelivery(await addConnection(organization, { port: sink.port, parallel })) });
const harmOf = (mailNo: number) => organization.container.tenants.use(organization.orgId, (tenant) => findHarm(tenant.sql, mailNo));
const reasonsOf = async ({ mailNo }: FaultCampaign) =>
  Object.fromEntries((await sql<{ reason: string; count: number }>('select reason, count(*)::int as count from message where mail_no = $1 and state = 4 group by 1', [mailNo])).map((row) => [row.reason, row.count]));

test('two campaigns to the same people at the same moment, one mail a week: each person gets one of them and is counted in the other', async () => {
  await settle({ frequencyCap: { mails: 1, days: 7 } });
  const people = peopleOf({ 'slow-10': 400 }, 'cap');
  const [one, other] = [await draft(people), await draft(people)];
  await Promise.all([one, other].map(launch));
  await Promise.all([one, other].map((campaign) => untilState(campaign, 'completed', 60_000)));
  const recipients = [...(await sentOver(sink, one)), ...(await sentOver(sink, other))].map((row) => row.recipient);
  expect(recipients).toHaveLength(400);
  expect(new Set(recipients).size).toBe(400);
  const [first, second] = await Promise.all([one, other].map((campaign) => ledgerOf(organization, campaign.mailNo)));
  expect([first!['sent'], second!['sent']].every((count) => count! > 20)).toBe(true);
  expect(first!['sent']! + second!['sent']!).toBe(400);
  expect([await reasonsOf(one), await reasonsOf(other)]).toEqual([{ frequency_cap: 400 - first!['sent']! }, { frequency_cap: 400 - second!['sent']! }]);
  expect(await sql(`select sum(count)::int as count from reason_count where reason = 'frequency_cap' and mail_no = any($1)`, [[one.mailNo, other.mailNo]])).toEqual([{ count: 400 }]);
}, 120_000);

test('mails of longer ago do not count, and without a cap nobody is held back', async () => {
  const people = peopleOf({ ok: 10 }, 'old');
  const first = await draft(people);
  await launch(first);
  await untilState(first, 'completed', 30_000);
  await settle({ frequencyCap: { mails: 1, days: 3 } });
  await sql("update message set started_at = now() - interval '4 days' where mail_no = $1 and ordinal <= 4", [first.mailNo]);
  const second = await draft(people);
  await launch(second);
  await untilState(second, 'completed', 30_000);
  expect([await ledgerOf(organization, second.mailNo), await reasonsOf(second)]).toEqual([{ sent: 4, skipped: 6 }, { frequency_cap: 6 }]);
  await settle({ frequencyCap: null });
  const third = await draft(people);
  await launch(third);
  await untilState(third, 'completed', 30_000);
  expect(await ledgerOf(organization, third.mailNo)).toEqual({ sent: 10 });
}, 90_000);

test('more than 10 % hard bounces after 500 pause the campaign; resumed in spite of it, it is judged by what comes after', async () => {
  // Shuffled as every audience is: a quarter of any part bounces.
  const campaign = await draft(peopleOf({ 'slow-40': 1_800, rcpt550: 600 }, 'bounce'), 8);
  await launch(campaign);
  const stopped = await untilState(campaign, 'paused', 60_000);
  expect(stopped.reason).toBe('bounce_rate');
  expect(stopped.ended).toBeGreaterThanOrEqual(500);
  expect(stopped.ended).toBeLessThan(2_300);
  const [{ detail }] = await sql<{ detail: string }>('select state_detail as detail from campaign where id = $1', [campaign.id]) as [{ detail: string }];
  expect(detail).toMatch(/^\d+ bounced hard, 2\d\.\d % of [\d,]+\.$/);

  await command(campaign, 'resume');
  const again = await untilStanding(campaign, (standing) => standing.state === 'paused' || standing.state === 'completed', 60_000);
  expect(again.ended).toBeGreaterThan(stopped.ended + 400);
  if (again.state === 'paused') {
    await settle({ safetyStops: false });
    await command(campaign, 'resume');
    await untilState(campaign, 'completed', 60_000);
  }
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 1_800, failed: 600 });
}, 180_000);

test('a fast campaign does not outrun the rule', async () => {
  const campaign = await draft(peopleOf({ ok: 3_000, rcpt550: 1_000 }, 'fast'), 20);
  await launch(campaign);
  const stopped = await untilState(campaign, 'paused', 60_000);
  expect(stopped.reason).toBe('bounce_rate');
  expect(stopped.ended).toBeLessThan(2_500);
  await command(campaign, 'cancel');
}, 90_000);

test('complaints above 0.3 % of 500 or more are harm, fewer are not; switched off nothing is', async () => {
  const { mailNo } = await createSentCampaign(organization, { recipients: 1 });
  const counted = (sent: number, complained: number, bounced = 0) => sql('update mail_count set sent = $2, complained = $3, hard_bounced = $4 where mail_no = $1', [mailNo, sent, complained, bounced]);
  await counted(499, 5);
  expect(await harmOf(mailNo)).toBeNull();
  await counted(1_000, 3);
  expect(await harmOf(mailNo)).toBeNull();
  await counted(1_000, 4);
  expect(await harmOf(mailNo)).toEqual({ kind: 'unsafe', reason: 'complaint_rate', detail: '4 complained, 0.4 % of 1,000.' });
  await counted(900, 0, 100);
  expect(await harmOf(mailNo)).toBeNull();
  await counted(899, 0, 101);
  expect(await harmOf(mailNo)).toMatchObject({ reason: 'bounce_rate' });
  await settle({ safetyStops: false });
  expect(await harmOf(mailNo)).toBeNull();
  expect((await standingOf({ organization, id: (await sql<{ id: string }>('select id::text from campaign where mail_no = $1', [mailNo]))[0]!.id } as FaultCampaign)).state).toBe('completed');
});
