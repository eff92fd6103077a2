import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import type { Schedule } from '#domain/campaign/schedule.ts';
import { createCampaignLifecycle, type CampaignLifecycle } from '../../api/modules/campaigns/lifecycle.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { createCampaignService, type CampaignService } from '../../api/modules/campaigns/service.ts';
import { workflowIds } from '../../workflows/contracts.ts';
import { addConnection, amend, command, draftCampaign, peopleOf, sentOver, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** When campaigns begin: by the organization's clock, by each recipient's own, late, or not at all. */

let organization: TestOrganization;
let lifecycle: CampaignLifecycle;
let campaigns: CampaignService;
let worker: SendWorker;
let sink: SmtpSink;
let temporal: { client: Client; close(): Promise<void> };

beforeAll(async () => {
  organization = await createTestOrganization({ timezone: 'America/New_York' });
  const reader = createCampaignReader(organization.container);
  lifecycle = createCampaignLifecycle(organization.container, reader);
  campaigns = createCampaignService(organization.container, reader, lifecycle);
  sink = await startSmtpSink();
  worker = await startSendWorker();
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = organization.container.config;
  const connection = await Connection.connect({ address });
  temporal = { client: new Client({ connection, namespace }), close: () => connection.close() };
}, 120_000);
afterAll(async () => {
  await temporal.close();
  await worker.stop('SIGTERM');
  await sink.close();
  await organization.close();
}, 60_000);

const org = () => organization.orgId;
const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(org(), (tenant) => tenant.sql.rows<T>(text, values));
const draft = async (label: string, people = 5) =>
  draftCampaign(organization, { people: peopleOf({ ok: people }, label), delivery: singleDelivery(await addConnection(organization, { port: sink.port })) });
const statusOf = async ({ id }: FaultCampaign) => (await temporal.client.workflow.getHandle(workflowIds.campaign(org(), id)).describe()).status.name;
const start = ({ id, mailNo }: FaultCampaign) => organization.container.gateway.startCampaign({ orgId: org(), campaignId: id, mailNo });
/** Wall time like `2026-12-01T09:00` in a zone. */
const wall = (at: number, timeZone: string) => new Date(at).toLocaleString('sv-SE', { timeZone }).replace(' ', 'T').slice(0, 16);
/** Scheduled as the API does it, for a moment that no person could choose. */
async function due(campaign: FaultCampaign, inMs: number, schedule: Partial<Schedule> = {}): Promise<number> {
  const at = Date.now() + inMs;
  await amend(campaign, { state: 'scheduled', schedule: JSON.stringify({ at: wall(at, 'America/New_York'), zone: 'organization', past: 'next_day', ...schedule }), scheduled_at: new Date(at).toISOString() });
  await start(campaign);
  return at;
}

test('scheduled by the organization’s clock it holds; unscheduled it is a draft and its run is over', async () => {
  const campaign = await draft('u');
  const tomorrow = wall(Date.now() + 86_400_000, 'America/New_York');
  const scheduled = await lifecycle.schedule(org(), 'owner', campaign.id, { at: tomorrow, zone: 'organization', past: 'next_day' }, true);
  expect([scheduled.state, wall(Date.parse(scheduled.scheduledAt!), 'America/New_York')]).toEqual(['scheduled', tomorrow]);
  await expect.poll(() => statusOf(campaign), { timeout: 20_000 }).toBe('RUNNING');
  const unscheduled = await lifecycle.command(org(), 'owner', campaign.id, 'unschedule');
  expect(unscheduled).toMatchObject({ state: 'draft', scheduledAt: null });
  await expect.poll(() => statusOf(campaign), { timeout: 20_000 }).toBe('COMPLETED');
  await expect(lifecycle.command(org(), 'owner', campaign.id, 'unschedule')).rejects.toMatchObject({ code: 'conflict' });
  // The draft can be scheduled again, and launched instead.
  await lifecycle.schedule(org(), 'owner', campaign.id, { at: tomorrow, zone: 'organization', past: 'next_day' }, true);
  await lifecycle.command(org(), 'owner', campaign.id, 'unschedule');
  await lifecycle.launch(org(), 'owner', campaign.id, true);
  await untilState(campaign, 'completed', 30_000);
}, 90_000);

test('an edit returns a scheduled campaign to draft; one that is refused leaves it scheduled', async () => {
  const campaign = await draft('e');
  const tomorrow = { at: wall(Date.now() + 86_400_000, 'America/New_York'), zone: 'organization', past: 'next_day' } as const;
  const { version } = await lifecycle.schedule(org(), 'owner', campaign.id, tomorrow, true);
  await expect(campaigns.edit(org(), 'owner', campaign.id, { version: version - 1, subject: 'Stale' })).rejects.toMatchObject({ code: 'conflict', message: 'Somebody else saved this campaign meanwhile. Load it again.' });
  await expect(campaigns.edit(org(), 'owner', campaign.id, { version, targets: [{ kind: 'list', id: campaign.id, mode: 'include' }] })).rejects.toMatchObject({ code: 'invalid' });
  expect(await campaigns.get(org(), 'owner', campaign.id)).toMatchObject({ state: 'scheduled', version });
  expect(await campaigns.edit(org(), 'owner', campaign.id, { version, subject: 'Better' }, 'Ada')).toMatchObject({ state: 'draft', subject: 'Better', scheduledAt: null, schedule: tomorrow });
  await expect.poll(() => statusOf(campaign), { timeout: 20_000 }).toBe('COMPLETED');
  expect(await sql('select state, by from campaign_move where campaign_id = $1 order by id desc limit 1', [campaign.id])).toEqual([{ state: 'draft', by: 'Ada' }]);
  await lifecycle.launch(org(), 'owner', campaign.id, true);
  await untilState(campaign, 'completed', 30_000);
  await expect(campaigns.edit(org(), 'owner', campaign.id, { subject: 'Late' })).rejects.toMatchObject({ code: 'conflict', message: 'A campaign that is completed cannot be edited.' });
}, 90_000);

test('it begins on time, with the audience of that moment', async () => {
  const campaign = await draft('t');
  const at = await due(campaign, 4_000);
  await sql(`with late as (insert into customer (email, email_key) values ('ok.late@example.com', 'ok.late@example.com') returning id) insert into list_member (list_id, customer_id) select $1, id from late`, [campaign.listId]);
  await untilState(campaign, 'completed', 30_000);
  const rows = await sentOver(sink, campaign);
  expect(rows.map((row) => row.recipient)).toContain('ok.late@example.com');
  expect(Math.min(...rows.map((row) => row.at))).toBeGreaterThanOrEqual(at);
  expect(Math.min(...rows.map((row) => row.at))).toBeLessThan(at + 5_000);
}, 60_000);

test('seven hours late it is paused as it missed its time, one hour late it starts; Resume starts the other', async () => {
  const [missed, late] = [await draft('m'), await draft('l')];
  await due(missed, -7 * 3_600_000);
  await due(late, -3_600_000);
  await untilState(late, 'completed', 30_000);
  expect((await untilState(missed, 'paused', 30_000)).reason).toBe('missed_time');
  expect(await sql('select 1 from message where mail_no = $1', [missed.mailNo])).toEqual([]);
  await command(missed, 'resume');
  await untilState(missed, 'completed', 30_000);
  expect((await sentOver(sink, missed)).length).toBe(5);
}, 90_000);

test('by each recipient’s own clock: whose time is over gets it now or on the next day, the others in waves, in the end those without a zone by the organization’s', async () => {
  // The next full minute of London, at least 12 seconds ahead.
  const at = Math.ceil((Date.now() + 12_000) / 60_000) * 60_000;
  const local = wall(at, 'Europe/London');
  const zones = { tokyo: 'Asia/Tokyo', london: 'Europe/London', chicago: 'America/Chicago', nowhere: null, wrong: 'Mars/Olympus' } as const;
  const [now, nextDay] = await Promise.all((['now', 'next_day'] as const).map(async (past) => {
    const campaign = await draftCampaign(organization, { people: Object.keys(zones).map((name) => `ok.${name}.${past}@example.com`), delivery: singleDelivery(await addConnection(organization, { port: sink.port })) });
    for (const [name, zone] of Object.entries(zones)) await sql('update customer set timezone = $2 where email = $1', [`ok.${name}.${past}@example.com`, zone]);
    await due(campaign, -1_000, { at: local, zone: 'recipient', past });
    return campaign;
  })) as [FaultCampaign, FaultCampaign];

  for (const campaign of [now, nextDay]) await untilStanding(campaign, (standing) => standing.phase === 'waiting_for_zone', 30_000);
  const arrived = async (campaign: FaultCampaign) => Object.fromEntries((await sentOver(sink, campaign)).map((row) => [row.recipient.split('.')[1]!, row.at]));
  expect(Object.keys(await arrived(now))).toEqual(['tokyo']);
  expect(await arrived(nextDay)).toEqual({});
  await Promise.all([now, nextDay].map((campaign) => untilStanding(campaign, (standing) => standing.ended === (campaign === now ? 2 : 1), 90_000)));
  expect((await arrived(now))['london']!).toBeGreaterThanOrEqual(at);
  expect((await arrived(now))['london']! - at).toBeLessThan(5_000);
  expect(Object.keys(await arrived(nextDay))).toEqual(['london']);

  const waves = async (campaign: FaultCampaign) => (await sql<{ at: number; names: string[] }>(
    `select floor(extract(epoch from s.not_before) * 1000)::float8 as at, array_agg(split_part(c.email, '.', 2) order by c.email) as names
       from slice s join message m on m.mail_no = s.mail_no and m.ordinal between s.first_ordinal and s.last_ordinal join customer c on c.id = m.customer_id
      where s.mail_no = $1 and s.not_before is not null group by 1 order by 1`, [campaign.mailNo])).map((wave) => ({ ...wave, at: wave.at }));
  const newYork = ['nowhere', 'wrong'];
  const hour = 3_600_000;
  const offset = (zone: string) => Date.parse(`${wall(at, zone)}Z`) - at;
  expect(await waves(now)).toEqual([
    { at, names: ['london'] }, { at: at + offset('Europe/London') - offset('America/New_York'), names: newYork }, { at: at + offset('Europe/London') - offset('America/Chicago'), names: ['chicago'] },
  ]);
  expect((await waves(nextDay)).at(-1)).toEqual({ at: at - (offset('Asia/Tokyo') - offset('Europe/London')) + 24 * hour, names: ['tokyo'] });
  await untilStanding(now, (standing) => standing.phase === 'waiting_for_zone', 10_000);
  for (const campaign of [now, nextDay]) await command(campaign, 'cancel');
  await Promise.all([now, nextDay].map((campaign) => expect.poll(() => statusOf(campaign), { timeout: 30_000 }).toBe('COMPLETED')));
  expect(await sql('select reason, count(*)::int as count from message where mail_no = $1 and state = 4 group by 1', [now.mailNo])).toEqual([{ reason: 'cancelled', count: 3 }]);
}, 180_000);
