import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Certificate } from '#domain/campaign/certificate.ts';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { estimate } from '../../api/modules/campaigns/estimate.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { addConnection, amend, command, draftCampaign, launch, peopleOf, sentOver, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { listenForTracking } from '../support/sent-campaign.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** What a campaign proves: its estimate is its audience, its books balance or say where not, its doubts stay doubts. */

let organization: TestOrganization;
let worker: SendWorker;
let sink: SmtpSink;
let tracking: Awaited<ReturnType<typeof listenForTracking>>;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  worker = await startSendWorker();
  tracking = await listenForTracking(organization.container);
}, 120_000);
afterAll(async () => {
  tracking.server.close();
  await worker.stop('SIGTERM');
  await sink.close();
  await organization.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const connect = async () => singleDelivery(await addConnection(organization, { port: sink.port }));
const certificateOf = async ({ id }: FaultCampaign) => (await sql<{ certificate: Certificate | null }>('select certificate from campaign where id = $1', [id]))[0]!.certificate;
const certified = async (campaign: FaultCampaign) => {
  await expect.poll(() => certificateOf(campaign), { timeout: 60_000, interval: 100 }).not.toBeNull();
  return (await certificateOf(campaign))!;
};
/** Sends the books back and closes them again. */
async function certifyAgain(campaign: FaultCampaign): Promise<Certificate> {
  await amend(campaign, { certificate: null });
  expect(await asActivity(createCampaignActivities(organization.container).certifyCampaign, { orgId: organization.orgId, campaignId: campaign.id, mailNo: campaign.mailNo })).toBe(true);
  return (await certificateOf(campaign))!;
}

test('a finished campaign has a certificate that balances, with a reason for everybody who was not sent to', async () => {
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 40, rcpt550: 3, policy: 2, dot554: 1, 'dotdrop-rst': 2, gone: 4 }, 'x'), delivery: await connect() });
  await launch(campaign);
  await untilStanding(campaign, (standing) => standing.phase === 'sending' || standing.ended > 0, 30_000);
  const certificate = await untilState(campaign, 'completed', 60_000).then(() => certified(campaign));
  expect(certificate).toMatchObject({
    verdict: 'balanced', resolved: 52, differing: [], ledger: { sent: 44, failed: 6, skipped: 0, inDoubt: 2 }, counters: { sent: 44, failed: 6, skipped: 0, inDoubt: 2 }, events: { sent: 44, erased: 0 },
    reasons: [{ state: 'failed', reason: 'blocked', count: 2 }, { state: 'failed', reason: 'hard_bounce', count: 3 }, { state: 'in_doubt', reason: 'no_answer', count: 2 }, { state: 'failed', reason: 'content', count: 1 }]
      .sort((a, b) => b.count - a.count || a.reason.localeCompare(b.reason)),
  });
  expect(certificate.audience.frozen).toBe(certificate.audience.recounted);
  expect(Date.parse(certificate.issuedAt)).toBeGreaterThan(Date.now() - 60_000);
}, 120_000);

test('books that were tampered with differ, and name the customers', async () => {
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 20 }, 'y'), delivery: await connect() });
  await launch(campaign);
  await untilState(campaign, 'completed', 60_000);
  const first = await certified(campaign);
  expect(first.verdict).toBe('balanced');

  const [{ customerId }] = await sql<{ customerId: number }>('update message set state = 3 where mail_no = $1 and ordinal = 7 returning customer_id as "customerId"', [campaign.mailNo]) as [{ customerId: number }];
  expect(await certifyAgain(campaign)).toMatchObject({ verdict: 'differs', differing: [customerId], ledger: { sent: 19, failed: 1 }, counters: { sent: 20, failed: 0 }, events: { sent: 20 } });
  await sql('update message set state = 2 where mail_no = $1 and ordinal = 7', [campaign.mailNo]);

  await sql('update mail_count set sent = sent + 1 where ctid = (select ctid from mail_count where mail_no = $1 and sent > 0 limit 1)', [campaign.mailNo]);
  expect(await certifyAgain(campaign)).toMatchObject({ verdict: 'differs', differing: [], ledger: { sent: 20 }, counters: { sent: 21 } });
  await sql('update mail_count set sent = sent - 1 where ctid = (select ctid from mail_count where mail_no = $1 and sent > 0 limit 1)', [campaign.mailNo]);

  const [taken] = await sql<{ ordinal: number }>('delete from message where mail_no = $1 and ordinal = 20 returning ordinal', [campaign.mailNo]);
  expect(taken).toBeDefined();
  const shorter = await certifyAgain(campaign);
  expect(shorter).toMatchObject({ verdict: 'differs', resolved: 20, ledger: { sent: 19 } });
  expect(shorter.audience.recounted).not.toBe(shorter.audience.frozen);
}, 120_000);

test('a cancelled campaign has one too: the rest is skipped', async () => {
  const campaign = await draftCampaign(organization, { people: peopleOf({ 'slow-50': 200 }, 'z'), delivery: await connect() });
  await launch(campaign);
  await untilStanding(campaign, (standing) => standing.ended > 10, 30_000);
  await command(campaign, 'cancel');
  const { verdict, resolved, ledger, reasons } = await certified(campaign);
  expect([verdict, resolved, ledger.sent + ledger.skipped, ledger.failed + ledger.inDoubt]).toEqual(['balanced', 200, 200, 0]);
  expect(reasons).toEqual([{ state: 'skipped', reason: 'cancelled', count: ledger.skipped }]);
}, 90_000);

test('a doubt is never sent again, whatever is started anew; what its reader does proves it, and the campaign did not wait for it', async () => {
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 3, 'dotdrop-fin': 1, 'dotdrop-rst': 1 }, 'd'), delivery: await connect() });
  await launch(campaign);
  await untilState(campaign, 'completed', 60_000);
  await certified(campaign);
  const { orgId, container } = organization;
  await container.gateway.startCampaign({ orgId, campaignId: campaign.id, mailNo: campaign.mailNo });
  await asActivity(createSweepActivities(container).sweep);
  const doubts = () => sql<{ ordinal: number; email: string; reason: string | null; state: number }>('select m.ordinal, c.email, m.reason, m.state from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and c.email like $2 order by 2', [campaign.mailNo, 'dotdrop%']);
  expect(await doubts()).toMatchObject([{ reason: 'no_answer', state: 5 }, { reason: 'no_answer', state: 5 }]);

  const orgNo = await container.tenants.use(orgId, (tenant) => Promise.resolve(tenant.org.no));
  const [id] = createTrackingIds(container.secrets).mint({ orgNo, mailNo: campaign.mailNo, ordinal: (await doubts())[0]!.ordinal }, [{ kind: 'open', link: 0 }]);
  expect((await fetch(`${tracking.base}/open/${id}`)).status).toBe(200);
  await expect.poll(doubts, { timeout: 30_000, interval: 100 }).toMatchObject([{ reason: null, state: 2 }, { reason: 'no_answer', state: 5 }]);
  expect(await sql('select sum(sent)::int as sent, sum(in_doubt)::int as doubted from mail_count where mail_no = $1', [campaign.mailNo])).toEqual([{ sent: 4, doubted: 1 }]);
  const copies = (await sentOver(sink, campaign)).map((row) => row.recipient);
  expect(copies.sort()).toEqual([...campaign.people].sort());
  // Counted again, the books balance with what is known now.
  await expect.poll(() => sql(`select 1 from outbox where topic = 'sent'`), { timeout: 30_000 }).toEqual([]);
  expect(await certifyAgain(campaign)).toMatchObject({ verdict: 'balanced', ledger: { sent: 4, inDoubt: 1 }, events: { sent: 4 } });
}, 120_000);

test('the estimate is the frozen audience, to the person: overlapping lists, one excluded, a segment, people who cannot be mailed', async () => {
  const people = Array.from({ length: 60 }, (_, i) => `ok.e${i}@example.com`);
  const campaign = await draftCampaign(organization, { people: people.slice(0, 30), delivery: await connect() });
  const second = await draftCampaign(organization, { people: people.slice(20, 60), delivery: await connect() });
  const third = await draftCampaign(organization, { people: people.slice(0, 5), delivery: await connect() });
  await sql("update customer set is_unsubscribed = true, version = version + 1 where email = any($1)", [['ok.e10@example.com', 'ok.e50@example.com']]);
  await sql("update customer set is_bounced = true, version = version + 1 where email = 'ok.e11@example.com'");
  await sql("update customer set city = 'Rome', version = version + 1 where email = any($1)", [people.slice(40, 50)]);
  await sql("insert into outbox (topic, ids) select 'customer', array_agg(id) from customer");
  organization.container.gateway.nudgeOutbox(organization.orgId);
  const segment = (await sql<{ id: string }>(`insert into segment (id, name, rule) values (gen_random_uuid(), 'Romans', '{"op": "and", "parts": [{"field": "city", "operator": "equals", "value": "Rome"}]}') returning id::text`))[0]!.id;
  const targets = [
    { kind: 'list', id: campaign.listId, mode: 'include' }, { kind: 'list', id: second.listId, mode: 'include' }, { kind: 'list', id: third.listId, mode: 'exclude' }, { kind: 'segment', id: segment, mode: 'exclude' },
  ] as const;
  const estimated = await organization.container.tenants.use(organization.orgId, (tenant) => estimate(tenant, targets));
  // 60 people, 10 of them in both lists; 5 and 10 are excluded; of the rest 2 are unsubscribed and 1 bounced.
  expect(estimated).toMatchObject({ included: 70, duplicates: 10, excluded: 15, suppressed: 0, unsubscribed: 2, bounced: 1, final: 42 });
  await amend(campaign, { targets: JSON.stringify(targets) });
  await launch(campaign);
  await untilState(campaign, 'completed', 60_000);
  const frozen = (await sql<{ email: string }>('select c.email from message m join customer c on c.id = m.customer_id where m.mail_no = $1', [campaign.mailNo])).map((row) => row.email);
  const expected = people.filter((_, i) => i >= 5 && ![10, 11, 50].includes(i) && !(i >= 40 && i < 50));
  expect(frozen.sort()).toEqual(expected.sort());
  expect(frozen).toHaveLength(estimated.final);
}, 120_000);
