import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { addConnection, draftCampaign, launchOver, peopleOf, standingOf, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { startInstallation, type Installation } from '../support/installation.ts';
import { checkCampaign } from '../support/invariants.ts';
import { send, update } from '../support/journey-dsl.ts';
import { createKeyClient, type KeyClient } from '../support/key-client.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { activeIn, countersDiffer, customers, enrollAll, overdue, publish, rowsOf, waitSeconds } from '../support/published-journey.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { storm } from '../support/storm.ts';
import { longMinutes, Timeline } from '../support/timeline.ts';

const SESSIONS = 12;
const WORKERS = 2;
const EVERY_SESSION = SESSIONS * WORKERS;
/** Sending goes on by itself this soon after a repair (reliability.md, I8). */
const RECOVERY_MS = 60_000;

let installation: Installation;
let organization: TestOrganization;
let client: KeyClient;
let sink: SmtpSink;
let labels = 0;

beforeAll(async () => {
  const timeline = new Timeline('services');
  installation = await startInstallation({ workers: WORKERS, sessionsPerWorker: SESSIONS, note: (line) => timeline.note(line) });
  [organization, sink] = await Promise.all([createTestOrganization(), startSmtpSink({ isDurable: true, rules: { everybody: 'slow-20' } })]);
  client = await createKeyClient(organization, installation.baseUrl);
}, 300_000);
afterAll(async () => {
  await organization?.close().catch(() => undefined);
  await sink?.close();
  await installation?.close();
}, 120_000);

afterEach(async () => {
  for (const victim of [installation.postgres, installation.temporal, installation.elasticsearch]) if (!victim.isUp) await victim.start();
}, 120_000);

const people = (counts: Readonly<Record<string, number>>) => peopleOf(counts, `s${(labels += 1)}n`);
const campaignOf = (count: number) => launchOver(organization, people({ ok: count }), { port: sink.port, parallel: EVERY_SESSION });
const reaches = (campaign: FaultCampaign, ended: number, withinMs = RECOVERY_MS) => untilStanding(campaign, (standing) => standing.ended >= ended, withinMs);

async function expectSound(campaign: FaultCampaign, inDoubt: number, timeline: Timeline): Promise<void> {
  await untilState(campaign, 'completed', 120_000);
  const found = await checkCampaign(campaign, await sink.rows(), { inDoubt });
  timeline.note(`completed: ${JSON.stringify(found.counts)}, ${found.taken} at the server${found.doubts.map((doubt) => `\n  ${doubt}`).join('')}`);
  expect(found.violations).toEqual([]);
}

/** Sending goes on by itself after the repair, and soon. */
async function expectRecovery(campaign: FaultCampaign, timeline: Timeline): Promise<void> {
  const repairedAt = Date.now();
  const before = (await sink.rows()).filter((row) => row.sender === campaign.sender).length;
  await expect.poll(async () => (await sink.rows()).filter((row) => row.sender === campaign.sender).length, { timeout: RECOVERY_MS, interval: 50 }).toBeGreaterThan(before);
  timeline.note(`mail leaves ${Date.now() - repairedAt} ms after the repair`);
}

test('Postgres is killed and comes back: the campaign goes on by itself', async () => {
  const timeline = new Timeline('postgres');
  const campaign = await campaignOf(3_000);
  await reaches(campaign, 500);
  await installation.postgres.kill();
  timeline.note('killed');
  expect(await client.request('GET', '/campaigns')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  await sleep(3_000);
  await installation.postgres.start();
  await expectRecovery(campaign, timeline);
  await expectSound(campaign, EVERY_SESSION, timeline);
}, 240_000);

test('Temporal is killed and comes back: the campaign goes on by itself', async () => {
  const timeline = new Timeline('temporal');
  const campaign = await campaignOf(longMinutes > 0 ? 20_000 : 8_000);
  await reaches(campaign, 500);
  await installation.temporal.kill();
  timeline.note(`killed after ${(await standingOf(campaign)).ended} mails`);
  await sleep(longMinutes > 0 ? 300_000 : 6_000);
  timeline.note(`starts again at ${(await standingOf(campaign)).ended} mails`);
  await installation.temporal.start();
  await expectSound(campaign, EVERY_SESSION, timeline);
}, 600_000);

test('Temporal comes back with an empty database, and meanwhile a campaign was launched: both go on by themselves', async () => {
  const timeline = new Timeline('wiped');
  const campaign = await campaignOf(8_000);
  const launched = await draftCampaign(organization, { people: people({ ok: 500 }), delivery: singleDelivery(await addConnection(organization, { port: sink.port })) });
  await reaches(campaign, 500);
  await installation.temporal.kill();
  installation.wipeTemporal();
  expect((await client.insist('POST', `/campaigns/${launched.id}/launch`, { acknowledgeWarnings: true })).status).toBe(200);
  timeline.note(`killed and wiped at ${(await standingOf(campaign)).ended} mails`);
  await installation.temporal.start();
  const repairedAt = Date.now();
  await reaches(launched, 1, 120_000);
  timeline.note(`the launched campaign sends ${Date.now() - repairedAt} ms after Temporal is back`);
  await expectSound(campaign, EVERY_SESSION, timeline);
  await expectSound(launched, 0, timeline);
}, 300_000);

test('Postgres is killed, then Temporal comes back empty, while people walk a journey: everybody arrives, once and whole', async () => {
  const timeline = new Timeline('journey');
  const PEOPLE = 2_000;
  const journey = await publish(organization, await addConnection(organization, { port: sink.port, parallel: EVERY_SESSION }),
    send('welcome'), update('score', { mode: 'add', amount: 10 }), waitSeconds(8), send('bye'));
  await enrollAll(journey, await customers(organization, people({ ok: PEOPLE })));
  const ended = async () => (await rowsOf<{ n: number }>(journey, 'select count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 and m.state in (2, 5)').catch(() => []))[0]?.n ?? 0;
  await expect.poll(ended, { timeout: 60_000, interval: 20 }).toBeGreaterThan(100);
  await installation.postgres.kill();
  await sleep(2_000);
  await installation.postgres.start();
  timeline.note(`Postgres was killed and is back at ${await ended()} mails`);
  await expect.poll(ended, { timeout: 120_000, interval: 50 }).toBeGreaterThanOrEqual(PEOPLE);
  await installation.temporal.kill();
  installation.wipeTemporal();
  await installation.temporal.start();
  timeline.note(`Temporal was killed and is back empty at ${await ended()} mails`);
  // Nobody tells the runs that are lost but the sweep, a minute after somebody was due.
  await expect.poll(() => activeIn(journey), { timeout: 240_000, interval: 500 }).toBe(0);

  const states = Object.fromEntries((await rowsOf<{ state: number; n: number }>(journey, 'select m.state, count(*)::int as n from message m join mail on mail.no = m.mail_no where mail.ref_id = $1 group by 1')).map(({ state, n }) => [state, n]));
  timeline.note(`over: messages by state ${JSON.stringify(states)}`);
  const doubts = states['5'] ?? 0;
  expect((states['2'] ?? 0) + doubts).toBe(2 * PEOPLE);
  expect(doubts).toBeLessThanOrEqual(EVERY_SESSION);
  const copies = Map.groupBy((await sink.rows()).filter((row) => row.sender === journey.sender), (row) => row.messageId);
  expect([...copies.values()].filter((rows) => rows.length > 1)).toEqual([]);
  expect(copies.size).toBeGreaterThanOrEqual(2 * PEOPLE - doubts);
  expect(await rowsOf(journey, 'select c.score, count(*)::int as n from enrollment e join customer c on c.id = e.customer_id where e.journey_id = $1 group by 1')).toEqual([{ score: 11, n: PEOPLE }]);
  expect(await countersDiffer(journey)).toEqual([]);
  expect(await overdue(journey)).toEqual([]);
}, 600_000);

test('Elasticsearch is killed while an audience is resolved: nothing leaves until the audience is whole', async () => {
  const timeline = new Timeline('elasticsearch');
  const { orgId, container } = organization;
  const everybody = people({ ok: 10_000 });
  const segmentId = await container.tenants.use(orgId, async (tenant) => {
    await tenant.sql.run("insert into customer (email, email_key, city) select e, lower(e), 'Bergen' from unnest($1::text[]) e", [everybody]);
    await tenant.sql.run("insert into outbox (topic, ids) select 'customer', array_agg(id) from customer where city = 'Bergen' group by id / 5000");
    container.gateway.nudgeOutbox(orgId);
    await expect.poll(async () => (await tenant.sql.first<{ waiting: number }>('select count(*)::int as waiting from outbox'))?.waiting, { timeout: 90_000, interval: 100 }).toBe(0);
    const row = await tenant.sql.first<{ id: string }>(`insert into segment (id, name, rule) values (gen_random_uuid(), 'Bergen', '{"op": "and", "parts": [{"field": "city", "operator": "equals", "value": "Bergen"}]}') returning id`);
    return row?.id ?? '';
  });
  const campaign = await draftCampaign(organization, { people: everybody, segmentId, delivery: singleDelivery(await addConnection(organization, { port: sink.port, parallel: EVERY_SESSION })) });
  expect((await client.insist('POST', `/campaigns/${campaign.id}/launch`, { acknowledgeWarnings: true })).status).toBe(200);
  await installation.elasticsearch.kill();
  timeline.note(`killed while ${JSON.stringify(await standingOf(campaign))}`);
  await sleep(3_000);
  expect((await sink.rows()).filter((row) => row.sender === campaign.sender)).toEqual([]);
  await sink.script({ everybody: null });
  await installation.elasticsearch.start();
  await expectRecovery(campaign, timeline);
  await expectSound(campaign, 0, timeline);
  await sink.script({ everybody: 'slow-20' });
}, 240_000);

test('a full disk keeps an audience from being written: nothing leaves, and with room again the campaign goes on', async () => {
  const timeline = new Timeline('full disk');
  const { orgId, container } = organization;
  // A table may not grow beyond this: what a disk without room is to the servers of Postgres.
  const limitKb = 17 * 1_024;
  await container.tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
    await tx.run("insert into mail (kind, ref_id) values ('transactional', gen_random_uuid())");
    await tx.run('insert into message (mail_no, ordinal, customer_id, state, started_at) select (select max(no) from mail), i, -i, 2, now() from generate_series(1, 150000) i');
  }));
  // What recovery has to write would not fit either.
  await container.control.run('checkpoint');
  await installation.postgres.kill();
  await installation.postgres.startLimited(limitKb);
  const campaign = await campaignOf(2_000);
  await sleep(5_000);
  timeline.note(`without room: ${JSON.stringify(await standingOf(campaign))}`);
  expect(await standingOf(campaign)).toMatchObject({ state: 'running', phase: 'resolving', ended: 0 });
  await installation.postgres.kill();
  await installation.postgres.start();
  await expectRecovery(campaign, timeline);
  await expectSound(campaign, 0, timeline);
}, 240_000);

test('a full disk for uploads: refused with its reason and nothing half kept; with room the file is taken', async () => {
  const file = `email,first_name\n${Array.from({ length: 100_000 }, (_, i) => `upload${i}@example.com,Ada`).join('\n')}\n`;
  const upload = () => client.request('POST', '/imports?fileName=people.csv', file);
  await installation.api.kill();
  await installation.api.startLimited(1_024);
  expect(await upload()).toMatchObject({ status: 503, body: { code: 'unavailable', detail: expect.stringContaining('disk of the server is full') as unknown } });
  await installation.api.kill();
  await installation.api.start();
  expect(await client.request('GET', '/imports')).toMatchObject({ status: 200, body: { data: [] } });
  expect((await upload()).status).toBe(201);
}, 120_000);

test('a storm of faults over three organizations: nobody lost, nobody twice', async () => {
  const timeline = new Timeline('storm');
  const until = Date.now() + (longMinutes > 0 ? longMinutes * 60_000 : 25_000);
  const organizations = [organization, ...(await Promise.all([1, 2].map(() => createTestOrganization({ container: organization.container }))))];
  // Each organization has a connection of its own, with sessions of its own in each worker.
  const clients = await Promise.all(organizations.map((each) => createKeyClient(each, installation.baseUrl)));
  await sink.script({ everybody: null });
  const campaigns: FaultCampaign[] = [];
  const shop = async (each: TestOrganization, through: KeyClient) => {
    const connectionId = await insisting(() => addConnection(each, { port: sink.port, parallel: EVERY_SESSION }));
    while (Date.now() < until) {
      const crowd = people({ 'slow-50': timeline.between(200, 2_000), rcpt550: 20, full: 5, 'dotdrop-fin': 2, 'dotdrop-rst': 2, vague: 3 });
      const campaign = await insisting(() => draftCampaign(each, { people: crowd, delivery: singleDelivery(connectionId) }));
      campaigns.push(campaign);
      expect((await through.insist('POST', `/campaigns/${campaign.id}/launch`, { acknowledgeWarnings: true }, 120_000)).status).toBe(200);
      if (timeline.random() < 0.4) {
        await sleep(timeline.between(500, 3_000));
        const { status } = await through.insist('POST', `/campaigns/${campaign.id}/pause`, {}, 120_000);
        timeline.note(`campaign ${campaign.mailNo} paused: ${status}`);
        await sleep(timeline.between(500, 3_000));
      }
      await ended(campaign, through);
    }
  };
  const [report] = await Promise.all([
    storm({ installation, sink, timeline, sessionsPerWorker: SESSIONS * organizations.length, gapMs: { from: 500, to: longMinutes > 0 ? 8_000 : 3_000 } }, until),
    ...organizations.map((each, i) => shop(each, clients[i]!)),
  ]);

  const rows = await sink.rows();
  let doubts = 0;
  let mails = 0;
  for (const campaign of campaigns) {
    const found = await checkCampaign(campaign, rows, { inDoubt: campaign.people.length });
    doubts += found.counts.in_doubt - 4;
    mails += found.taken;
    timeline.note(`campaign ${campaign.mailNo}: ${JSON.stringify(found.counts)}${found.doubts.filter((doubt) => !doubt.startsWith('dotdrop')).map((doubt) => `\n  ${doubt}`).join('')}`);
    expect(found.violations, `campaign ${campaign.mailNo}, seed ${timeline.seed}`).toEqual([]);
  }
  timeline.note(`${report.strikes.length} faults, ${campaigns.length} campaigns, ${mails} mails, ${doubts} in doubt of ${report.doubts} allowed`);
  expect(doubts).toBeLessThanOrEqual(report.doubts);
}, (longMinutes + 6) * 60_000);

/** Waits for the end; a campaign that a broken server has paused, or somebody, is resumed as a person would. */
async function ended(campaign: FaultCampaign, through: KeyClient): Promise<void> {
  for (;;) {
    const { state } = await untilStanding(campaign, (standing) => standing.state === 'paused' || standing.state === 'completed', 240_000);
    if (state === 'completed') return;
    await through.insist('POST', `/campaigns/${campaign.id}/resume`, {}, 120_000);
  }
}

/** Repeats what needs the database until it is there. */
async function insisting<T>(act: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await act();
    } catch (cause) {
      if (Date.now() > deadline) throw cause;
      await sleep(300);
    }
  }
}
