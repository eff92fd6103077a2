import { afterAll, beforeAll, expect, test } from 'vitest';
import { noDelivery, totalsByConnection, type Delivery } from '#domain/campaign/delivery.ts';
import { createStageActivities } from '../../activities/campaign-stage.ts';
import { createConnectionService } from '../../api/modules/connections/service.ts';
import { addConnection, command, draftCampaign, launch, peopleOf, sentOver, standingOf, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** Over which of several connections people get their mail, through pauses, kills and connections that break. */

let organization: TestOrganization;
let workers: SendWorker[];
const sinks: SmtpSink[] = [];

beforeAll(async () => {
  organization = await createTestOrganization();
  workers = await Promise.all([startSendWorker(), startSendWorker()]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await Promise.all(sinks.map((sink) => sink.close()));
  await organization.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
interface Line { readonly sink: SmtpSink; readonly id: string }

async function lines(count: number, setup: { parallel?: number } = {}): Promise<Line[]> {
  return Promise.all(Array.from({ length: count }, async () => {
    const sink = await startSmtpSink();
    sinks.push(sink);
    return { sink, id: await addConnection(organization, { port: sink.port, parallel: setup.parallel ?? 8 }) };
  }));
}
const over = (mode: Delivery['mode'], used: readonly Line[], edit: Partial<Delivery> & { percents?: readonly number[] } = {}): Delivery => {
  const { percents = [], ...rest } = edit;
  return { ...noDelivery, mode, connections: used.map(({ id }, i) => ({ id, percent: percents[i] ?? 0 })), ...rest };
};
/** How many the ledger says were given to each connection, in doubt included. */
const splitOf = async ({ mailNo }: FaultCampaign, used: readonly Line[]) => {
  const rows = await sql<{ id: string; count: number }>('select n.id::text, count(*)::int as count from message m join connection n on n.no = m.connection_no where m.mail_no = $1 and m.state in (2, 5) group by 1', [mailNo]);
  return used.map(({ id }) => rows.find((row) => row.id === id)?.count ?? 0);
};
const arrivedAt = async (campaign: FaultCampaign, used: readonly Line[]) => Promise.all(used.map(async ({ sink }) => (await sentOver(sink, campaign)).map((row) => row.recipient)));

test('a percentage split is exact to the person and fixed through a pause and a kill', async () => {
  const used = await lines(2, { parallel: 3 });
  const campaign = await draftCampaign(organization, { people: peopleOf({ 'slow-20': 501 }, 's'), delivery: over('split', used, { percents: [70, 30] }) });
  await launch(campaign);
  await untilStanding(campaign, (standing) => standing.ended > 60, 40_000);
  await command(campaign, 'pause');
  const assigned = await sql('select connection_no, first_ordinal, last_ordinal from slice where mail_no = $1 order by 2', [campaign.mailNo]);
  await workers[0]!.stop('SIGKILL');
  workers[0] = await startSendWorker();
  await command(campaign, 'resume');
  await untilStanding(campaign, (standing) => standing.ended > 200, 40_000);
  await workers[1]!.stop('SIGKILL');
  workers[1] = await startSendWorker();
  await untilState(campaign, 'completed', 60_000);
  expect(await splitOf(campaign, used)).toEqual([351, 150]);
  expect(await sql('select connection_no, first_ordinal, last_ordinal from slice where mail_no = $1 order by 2', [campaign.mailNo])).toEqual(assigned);
  const recipients = (await arrivedAt(campaign, used)).flat();
  expect(new Set(recipients).size).toBe(recipients.length);
  const [{ doubted }] = await sql<{ doubted: number }>('select count(*)::int as doubted from message where mail_no = $1 and state = 5', [campaign.mailNo]) as [{ doubted: number }];
  expect(doubted).toBeLessThanOrEqual(2 * 6);
  expect(recipients.length).toBeGreaterThanOrEqual(501 - doubted);
}, 180_000);

test('round robin gives each connection its turns', async () => {
  const used = await lines(3);
  const delivery = over('round_robin', used);
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 100 }, 'r'), delivery });
  await launch(campaign);
  await untilState(campaign, 'completed', 60_000);
  expect(await splitOf(campaign, used)).toEqual(totalsByConnection(100, delivery));
  expect((await arrivedAt(campaign, used)).map((each) => each.length)).toEqual([36, 32, 32]);
}, 90_000);

test('when one breaks and the campaign carries on, its untouched recipients go to the others', async () => {
  const used = await lines(3);
  const campaign = await draftCampaign(organization, { people: peopleOf({ 'slow-20': 300 }, 'c'), delivery: over('split', used, { percents: [50, 25, 25], onBreak: 'carry_on' }) });
  await launch(campaign);
  await expect.poll(async () => (await sentOver(used[0]!.sink, campaign)).length, { timeout: 40_000, interval: 20 }).toBeGreaterThan(20);
  await used[0]!.sink.script({ sender: '550' });
  await untilState(campaign, 'completed', 60_000);
  const [broken = 0, ...others] = await splitOf(campaign, used);
  expect(broken).toBeLessThan(150);
  expect(broken + others[0]! + others[1]!).toBe(300);
  expect(Math.abs(others[0]! - others[1]!)).toBeLessThanOrEqual(60);
  expect((await arrivedAt(campaign, used)).map((each) => each.length)).toEqual([broken, ...others]);
  expect(await sql('select health, health_reason from connection where id = $1', [used[0]!.id])).toEqual([{ health: 'broken', health_reason: expect.stringContaining('550') }]);
  expect(await sql('select count(*)::int as count from suppression')).toEqual([{ count: 0 }]);
}, 120_000);

test('a backup takes over from the one connection there is', async () => {
  const [first, backup] = await lines(2) as [Line, Line];
  await sql('update connection set backup_id = $2 where id = $1', [first.id, backup.id]);
  await first.sink.script({ sender: '550' });
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 50 }, 'b'), delivery: over('single', [first]) });
  await launch(campaign);
  await untilState(campaign, 'completed', 60_000);
  expect(await splitOf(campaign, [first, backup])).toEqual([0, 50]);
}, 90_000);

test('with nobody to take over it pauses with the reason, blames nobody, and goes on when it was mended', async () => {
  const [first, second] = await lines(2) as [Line, Line];
  await first.sink.script({ sender: '550' });
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: 60 }, 'p'), delivery: over('split', [first, second], { percents: [50, 50] }) });
  await launch(campaign);
  const paused = await untilState(campaign, 'paused', 40_000);
  expect(paused.reason).toBe('sender_refused');
  expect(await sql('select state, count(*)::int as count from message where mail_no = $1 and state not in (0, 2) group by 1', [campaign.mailNo])).toEqual([]);
  await first.sink.script({ sender: 'ok' });
  await command(campaign, 'resume');
  await untilState(campaign, 'completed', 40_000);
  expect(await splitOf(campaign, [first, second])).toEqual([30, 30]);
  expect(await standingOf(campaign)).toMatchObject({ reason: null, ended: 60 });
}, 120_000);

const enable = (line: Line, enabled: boolean) => createConnectionService(organization.container).edit(organization.orgId, line.id, { enabled });

test('nothing goes over a connection that is disabled meanwhile: the campaign pauses, again when it is resumed too early, and goes on when it is enabled', async () => {
  const [line] = await lines(1, { parallel: 2 }) as [Line];
  const campaign = await draftCampaign(organization, { people: peopleOf({ 'slow-20': 700 }, 'd'), delivery: over('single', [line]) });
  await launch(campaign);
  await untilStanding(campaign, (standing) => standing.ended > 20, 40_000);
  await enable(line, false);
  expect(await untilState(campaign, 'paused', 10_000)).toMatchObject({ reason: 'connection_disabled' });
  const arrived = (await sentOver(line.sink, campaign)).length;
  expect(await sql('select state_detail, (select health from connection where id = $2) as health from campaign where id = $1', [campaign.id, line.id])).toEqual([{ state_detail: `The connection “Server ${line.id}” is disabled.`, health: 'unknown' }]);
  await command(campaign, 'resume');
  await expect.poll(() => sql('select state from campaign_move where campaign_id = $1 order by id desc limit 2', [campaign.id]), { timeout: 20_000 }).toEqual([{ state: 'paused' }, { state: 'running' }]);
  expect((await sentOver(line.sink, campaign)).length).toBe(arrived);
  await enable(line, true);
  await command(campaign, 'resume');
  await untilState(campaign, 'completed', 60_000);
  expect(new Set((await sentOver(line.sink, campaign)).map((row) => row.recipient)).size).toBe(700);
}, 150_000);

test('when one is disabled and the campaign carries on, the others take over its untouched recipients', async () => {
  const used = await lines(2, { parallel: 2 });
  const campaign = await draftCampaign(organization, { people: peopleOf({ 'slow-20': 1_000 }, 'e'), delivery: over('split', used, { percents: [60, 40], onBreak: 'carry_on' }) });
  await launch(campaign);
  await untilStanding(campaign, (standing) => standing.ended > 20, 40_000);
  await enable(used[0]!, false);
  await untilState(campaign, 'completed', 90_000);
  const [first = 0, second = 0] = await splitOf(campaign, used);
  expect(first).toBeLessThan(600);
  expect(first + second).toBe(1_000);
  expect(await sql('select health from connection where id = $1', [used[0]!.id])).toEqual([{ health: 'unknown' }]);
}, 150_000);

test('a probe asks the broken connections that still have mail to send: one that is replaced is not asked, one that is disabled waits for a person', async () => {
  const [first, second] = await lines(2) as [Line, Line];
  const { mailNo, id } = await draftCampaign(organization, { people: peopleOf({ ok: 10 }, 'q'), delivery: over('split', [first, second], { percents: [50, 50] }) });
  await sql(`insert into slice (mail_no, phase, connection_no, first_ordinal, last_ordinal, next_ordinal)
    select $1, 'main', no, case when id = $2 then 1 else 6 end, case when id = $2 then 5 else 10 end, case when id = $2 then 1 else 11 end from connection where id in ($2, $3)`, [mailNo, first.id, second.id]);
  await sql("update connection set health = 'broken', health_reason = 'refused' where id in ($1, $2)", [first.id, second.id]);
  const probe = () => createStageActivities(organization.container).probeConnections({ orgId: organization.orgId, campaignId: id, mailNo });
  await second.sink.kill();
  await sql('update connection set enabled = false where id = $1', [first.id]);
  expect(await probe()).toBe(false);
  await sql('update connection set enabled = true where id = $1', [first.id]);
  await first.sink.kill();
  expect(await probe()).toBe(false);
  await first.sink.start();
  expect(await probe()).toBe(true);
  expect(await sql('select health, health_reason from connection where id in ($1, $2) order by id = $2', [first.id, second.id])).toEqual([{ health: 'healthy', health_reason: null }, { health: 'broken', health_reason: 'refused' }]);
}, 60_000);
