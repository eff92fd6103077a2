import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { LEASE_MS } from '#domain/delivery/rate.ts';
import { createCampaignLifecycle } from '../../api/modules/campaigns/lifecycle.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { createConnectionService } from '../../api/modules/connections/service.ts';
import { ledgerOf } from '../support/campaign.ts';
import { addConnection, draftCampaign, launch, peopleOf, sentOver, standingOf, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SinkRow, type SmtpSink } from '../support/smtp-sink.ts';

/** Limits of connections and throttles of campaigns, by the clock of the server that takes the mail. */

/** Ranges a process sends at once: four campaigns take both. */
const SLOTS = { SEND_SLOTS: '2' };

let organization: TestOrganization;
let sinks: SmtpSink[];
let workers: SendWorker[];

beforeAll(async () => {
  organization = await createTestOrganization();
  sinks = await Promise.all(Array.from({ length: 4 }, () => startSmtpSink()));
  workers = await Promise.all([startSendWorker(SLOTS), startSendWorker(SLOTS)]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await Promise.all(sinks.map((sink) => sink.close()));
  await organization.close();
}, 60_000);

const MINUTE = 60_000;
const over = async (sink: SmtpSink, people: readonly string[], setup: { parallel?: number; limits?: Record<string, number>; throttle?: number } = {}) => {
  const connectionId = await addConnection(organization, { port: sink.port, parallel: setup.parallel ?? 8, limits: setup.limits ?? {} });
  const campaign = await draftCampaign(organization, { people, delivery: { ...singleDelivery(connectionId), throttlePerMinute: setup.throttle ?? null } });
  return { connectionId, campaign };
};
/** The shortest time in which the server took one more than the limit. */
function shortest(rows: readonly SinkRow[], limit: number): number {
  const times = rows.map((row) => row.at).sort((a, b) => a - b);
  return times.slice(limit).reduce((least, at, i) => Math.min(least, at - times[i]!), Infinity);
}
/** How much longer than tokens allow for a mail was on its way: on a machine with other work the server takes some late, and the next ones in time. */
async function lateness(rows: readonly SinkRow[], campaigns: readonly FaultCampaign[]): Promise<number> {
  const began = await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.rows<{ email: string; at: number }>(
    'select c.email, floor(extract(epoch from m.started_at) * 1000)::float8 as at from message m join customer c on c.id = m.customer_id where m.mail_no = any($1) and m.state = 2', [campaigns.map((campaign) => campaign.mailNo)]));
  const arrived = new Map(rows.map((row) => [row.recipient, row.at]));
  const ways = began.flatMap(({ email, at }) => (arrived.has(email) ? [arrived.get(email)! - at] : []));
  return Math.max(0, Math.max(...ways) - Math.min(...ways) - LEASE_MS / 2);
}
const within = (rows: readonly SinkRow[], from: number, ms: number) => rows.filter((row) => row.at >= from && row.at < from + ms).length;

test('second and minute hold together over two campaigns, two processes, a kill and test mails; a throttle holds for its campaign alone', async () => {
  const [shared, throttled] = [sinks[0]!, sinks[1]!];
  const { connectionId, campaign: first } = await over(shared, peopleOf({ ok: 70 }, 'a'), { limits: { second: 15, minute: 100 } });
  const second = await draftCampaign(organization, { people: peopleOf({ ok: 60 }, 'b'), delivery: singleDelivery(connectionId) });
  const { campaign: slow } = await over(throttled, peopleOf({ ok: 50 }, 'c'), { throttle: 40 });
  const { campaign: free } = await over(throttled, peopleOf({ ok: 100 }, 'd'));
  await Promise.all([first, second, slow, free].map(launch));
  await untilState(free, 'completed', 40_000);

  await expect.poll(async () => (await shared.rows()).length, { timeout: 30_000, interval: 50 }).toBeGreaterThan(30);
  const connections = createConnectionService(organization.container);
  for (let i = 0; i < 3; i += 1) await connections.test(organization.orgId, connectionId, `test${i}@example.com`);
  await workers[0]!.stop('SIGKILL');
  workers[0] = await startSendWorker(SLOTS);
  await untilStanding(first, (standing) => standing.phase === 'waiting_for_limit' || standing.state === 'completed', 40_000);
  const held = await untilStanding(slow, (standing) => standing.phase === 'waiting_for_limit', 40_000);
  expect(held.state).toBe('running');
  await Promise.all([first, second, slow].map((campaign) => untilState(campaign, 'completed', 2.5 * MINUTE)));

  const rows = await shared.rows();
  const late = await lateness(rows, [first, second]);
  expect(shortest(rows, 15)).toBeGreaterThanOrEqual(1_000 - late);
  expect(shortest(rows, 100)).toBeGreaterThanOrEqual(MINUTE - late);
  const slowRows = await sentOver(throttled, slow);
  expect(shortest(slowRows, 40)).toBeGreaterThanOrEqual(MINUTE - (await lateness(slowRows, [slow])));
  for (const campaign of [first, second, slow, free]) {
    const { sent = 0, in_doubt: doubted = 0, ...rest } = await ledgerOf(organization, campaign.mailNo);
    expect([sent + doubted, rest]).toEqual([campaign.people.length, {}]);
    expect(doubted).toBeLessThanOrEqual(8);
    const recipients = (await sentOver(campaign === slow || campaign === free ? throttled : shared, campaign)).map((row) => row.recipient);
    expect(new Set(recipients).size).toBe(recipients.length);
  }
}, 4 * MINUTE);

test('a limit that is raised, and a throttle that is taken away, let a campaign go on within 5 s', async () => {
  const sink = sinks[2]!;
  const { connectionId, campaign: limited } = await over(sink, peopleOf({ ok: 60 }, 'e'), { limits: { hour: 10 } });
  const { campaign: throttled } = await over(sink, peopleOf({ ok: 60 }, 'f'), { throttle: 10 });
  await Promise.all([limited, throttled].map(launch));
  for (const campaign of [limited, throttled]) await untilStanding(campaign, (standing) => standing.phase === 'waiting_for_limit', 30_000);
  expect((await standingOf(limited)).ended).toBe(10);
  const changedAt = Date.now();
  await createConnectionService(organization.container).edit(organization.orgId, connectionId, { limits: { second: null, minute: null, hour: 1_000, day: null, dayWindow: 'midnight' } });
  await createCampaignLifecycle(organization.container, createCampaignReader(organization.container)).throttle(organization.orgId, 'owner', throttled.id, null);
  const firstAfter = async (campaign: FaultCampaign) => (await sentOver(sink, campaign)).find((row) => row.at > changedAt)?.at ?? Infinity;
  await Promise.all([limited, throttled].map((campaign) => untilState(campaign, 'completed', 20_000)));
  for (const campaign of [limited, throttled]) expect((await firstAfter(campaign)) - changedAt).toBeLessThan(5_000);
}, 2 * MINUTE);

test('a limit that is set while mail flows holds within 5 s', async () => {
  const sink = sinks[3]!;
  const { connectionId, campaign } = await over(sink, peopleOf({ 'slow-200': 400 }, 'g'), { parallel: 4 });
  await launch(campaign);
  await expect.poll(async () => (await sink.rows()).length, { timeout: 30_000, interval: 50 }).toBeGreaterThan(40);
  const setAt = Date.now();
  await createConnectionService(organization.container).edit(organization.orgId, connectionId, { limits: { second: 5, minute: null, hour: null, day: null, dayWindow: 'midnight' } });
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const rows = await sink.rows();
  expect(within(rows, setAt + 5_000, 5_000)).toBeLessThanOrEqual(25);
  expect(within(rows, setAt + 5_000, 5_000)).toBeGreaterThan(5);
  const after = rows.filter((row) => row.at > setAt + 5_000);
  expect(shortest(after, 5)).toBeGreaterThanOrEqual(1_000 - (await lateness(after, [campaign])));
  await organization.container.gateway.commandCampaign({ orgId: organization.orgId, campaignId: campaign.id, mailNo: campaign.mailNo }, 'cancel');
}, MINUTE);
