import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { createConnectionService } from '../../api/modules/connections/service.ts';
import { ledgerOf } from '../support/campaign.ts';
import { addConnection, draftCampaign, launch, peopleOf, untilState } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** Parallel sessions of a connection are shared by all processes, counted by the server. */

/** A process takes one range at a time: two campaigns are sent by two. */
const ONE_RANGE = { SEND_SLOTS: '1' };

let organization: TestOrganization;
let workers: SendWorker[];
const sinks: SmtpSink[] = [];

beforeAll(async () => {
  organization = await createTestOrganization();
  workers = [await startSendWorker(ONE_RANGE)];
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await Promise.all(sinks.map((sink) => sink.close()));
  await organization.close();
}, 60_000);

async function over(parallel: number, people: readonly string[], campaigns = 1) {
  const sink = await startSmtpSink();
  sinks.push(sink);
  const connectionId = await addConnection(organization, { port: sink.port, parallel });
  const size = Math.ceil(people.length / campaigns);
  const drafts = await Promise.all(Array.from({ length: campaigns }, (_, i) => draftCampaign(organization, { people: people.slice(i * size, (i + 1) * size), delivery: singleDelivery(connectionId) })));
  return { sink, connectionId, drafts };
}
const claimed = async () => organization.container.tenants.use(organization.orgId, ({ sql }) =>
  sql.rows<{ sessions: number }>("select sessions from session_share where seen_at > now() - interval '10 seconds' order by sessions"));

test('one process has all of them; a second that comes takes its part and together they never have more', async () => {
  // Enough for all of the test, however long a worker takes to start on a busy machine: the rest is cancelled.
  const { sink, drafts } = await over(8, peopleOf({ 'slow-200': 4_000 }, 'a'));
  const first = drafts[0]!;
  await launch(first);
  await expect.poll(async () => (await sink.counts()).open, { timeout: 20_000, interval: 20 }).toBe(8);
  workers.push(await startSendWorker(ONE_RANGE));
  expect(await claimed()).toEqual([{ sessions: 8 }]);
  const other = await draftCampaign(organization, { people: peopleOf({ 'slow-200': 240 }, 'b'), delivery: first.delivery });
  await launch(other);
  await expect.poll(claimed, { timeout: 20_000, interval: 100 }).toEqual([{ sessions: 4 }, { sessions: 4 }]);
  await expect.poll(async () => (await sink.counts()).open, { timeout: 5_000, interval: 20 }).toBe(8);
  await untilState(other, 'completed', 90_000);
  expect((await sink.counts()).peak).toBe(8);
  await organization.container.gateway.commandCampaign({ orgId: organization.orgId, campaignId: first.id, mailNo: first.mailNo }, 'cancel');
}, 150_000);

test('where there are fewer sessions than campaigns and processes they take turns, and none waits for another’s end', async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop('SIGTERM')));
  workers.push(...(await Promise.all([startSendWorker({ SEND_SLOTS: '2' }), startSendWorker({ SEND_SLOTS: '2' })])));
  const { sink, drafts } = await over(1, peopleOf({ 'slow-40': 320 }, 'c'), 4);
  await Promise.all(drafts.map(launch));
  const halfway = async () => Promise.all(drafts.map(async (campaign) => (await ledgerOf(organization, campaign.mailNo))['sent'] ?? 0));
  await expect.poll(async () => Math.min(...(await halfway())), { timeout: 40_000, interval: 100 }).toBeGreaterThan(10);
  expect(Math.max(...(await halfway()))).toBeLessThan(80);
  await Promise.all(drafts.map((campaign) => untilState(campaign, 'completed', 60_000)));
  expect((await sink.counts()).peak).toBe(1);
}, 120_000);

test('fewer parallel sessions, set while mail flows, hold within 5 s', async () => {
  const { sink, connectionId, drafts } = await over(6, peopleOf({ 'slow-200': 400 }, 'd'));
  await launch(drafts[0]!);
  await expect.poll(async () => (await sink.counts()).open, { timeout: 20_000, interval: 20 }).toBe(6);
  const setAt = Date.now();
  await createConnectionService(organization.container).edit(organization.orgId, connectionId, { parallel: 2 });
  await expect.poll(async () => (await sink.counts()).open, { timeout: 8_000, interval: 20 }).toBeLessThanOrEqual(2);
  expect(Date.now() - setAt).toBeLessThan(5_500);
  await organization.container.gateway.commandCampaign({ orgId: organization.orgId, campaignId: drafts[0]!.id, mailNo: drafts[0]!.mailNo }, 'cancel');
}, 60_000);
