import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createStageActivities } from '../../activities/campaign-stage.ts';
import { engineOf } from '../../infra/mail/create-engine.ts';
import type { SendEngine } from '../../infra/mail/engine.ts';
import { asActivity } from '../support/activity.ts';
import { createLaunchedCampaign, ledgerOf, type CampaignSetup, type TestCampaign } from '../support/campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

let organization: TestOrganization;
let sink: SmtpSink;
let engine: SendEngine;

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink();
  engine = engineOf(organization.container);
}, 60_000);
afterAll(async () => {
  engine.close();
  await sink.close();
  await organization.close();
});

async function frozen(setup: Omit<CampaignSetup, 'port'> & { readonly port?: number }): Promise<{ campaign: TestCampaign; lane: number; last: number }> {
  const activities = createCampaignActivities(organization.container);
  const campaign = await createLaunchedCampaign(organization, { port: sink.port, ...setup });
  const last = await asActivity(activities.freezeAudience, campaign);
  const stage = await createStageActivities(organization.container).nextStage(campaign);
  if (stage.kind !== 'send') throw new Error(`the campaign does not send but ${stage.kind}`);
  return { campaign, lane: stage.lanes[0]!.id, last };
}

const alive = () => undefined;
const rowsOf = async (recipients: readonly string[]) => (await sink.rows()).filter((row) => recipients.includes(row.recipient));

test('every recipient gets one mail and the ledger says so', async () => {
  const { campaign, lane, last } = await frozen({ recipients: 300 });
  expect(last).toBe(300);
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result).toMatchObject({ sent: 300, failed: 0, inDoubt: 0, next: 301, stop: null });
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 300 });
  const sent = (await sink.rows()).filter((row) => row.recipient.startsWith('user'));
  expect(new Set(sent.map((row) => row.recipient)).size).toBe(300);
  expect(sent).toHaveLength(300);
  const again = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(again.sent).toBe(0);
});

test('each answer of a server ends where it belongs', async () => {
  const recipients = ['rcpt550.1@x.example', 'rcpt450.1@x.example', 'dot451.1@x.example', 'dot454.1@x.example', 'dot550.1@x.example', 'dotdrop-fin.1@x.example', 'dotdrop-rst.1@x.example', 'ok.1@x.example'];
  const { campaign, lane, last } = await frozen({ recipients });
  await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  const rows = await organization.container.tenants.use(organization.orgId, ({ sql }) =>
    sql.rows<{ email: string; state: number; reason: string | null; attempt: number; bounced: boolean; retry: boolean }>(
      `select c.email, m.state, m.reason, m.attempt, c.is_bounced as bounced, r.ordinal is not null as retry from message m join customer c on c.id = m.customer_id
         left join retry r on r.mail_no = m.mail_no and r.ordinal = m.ordinal where m.mail_no = $1`,
      [campaign.mailNo],
    ));
  const by = Object.fromEntries(rows.map((row) => [row.email.split('.')[0], [row.state, row.reason, row.attempt, row.bounced, row.retry]]));
  expect(by).toEqual({
    'rcpt550': [3, 'hard_bounce', 1, true, false],
    'rcpt450': [0, null, 1, false, true],
    'dot451': [0, null, 1, false, true],
    'dot454': [0, null, 0, false, true],
    'dot550': [3, 'blocked', 1, false, false],
    'dotdrop-fin': [5, 'no_answer', 1, false, false],
    'dotdrop-rst': [5, 'no_answer', 1, false, false],
    'ok': [2, null, 1, false, false],
  });
  const suppressed = await organization.container.tenants.use(organization.orgId, ({ sql }) =>
    sql.rows('select s.reason, s.source from suppression s where email_key = $1', ['rcpt550.1@x.example']));
  expect(suppressed).toEqual([{ reason: 'hard_bounce', source: 'webhook' }]);
});

test('a deferred recipient is tried again when due, and only once', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['rcpt450.2@x.example'] });
  await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  const early = await engine.sendRetries({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(early.deferred).toBe(0);
  await organization.container.tenants.use(organization.orgId, async ({ sql }) => {
    await sql.run("update retry set due_at = now() - interval '1 second'");
    await sql.run("update customer set email = 'ok.2@x.example' where email = 'rcpt450.2@x.example'");
  });
  const due = await engine.sendRetries({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(due.sent).toBe(1);
  expect(await rowsOf(['ok.2@x.example'])).toHaveLength(1);
});

test('who is suppressed after the freeze is skipped', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['gone.3@x.example', 'here.3@x.example'] });
  await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.run("update customer set is_unsubscribed = true where email = 'gone.3@x.example'"));
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result).toMatchObject({ sent: 1, skipped: 1 });
  expect(await rowsOf(['gone.3@x.example'])).toHaveLength(0);
});

test('a closed mail lets nothing out and the range comes back', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['a.4@x.example', 'b.4@x.example'] });
  await createCampaignActivities(organization.container).pauseCampaign(campaign, { reason: 'user', detail: null });
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result).toMatchObject({ sent: 0, next: 1, stop: { kind: 'closed' } });
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ pending: 2 });
});

test('a refused sender stops the campaign and blames nobody', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['a.5@x.example', 'b.5@x.example'], fromEmail: 'mail550@shop.example' });
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result.stop).toMatchObject({ kind: 'broken', reason: 'sender_refused' });
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ pending: 2 });
});

test('a message before which every session breaks loses nobody and is tried again later', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['data354drop.6@x.example'] });
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result).toMatchObject({ sent: 0, inDoubt: 0, deferred: 1, stop: null });
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ pending: 1 });
});

test('the index is told who was sent, also by a run that is fenced and by a campaign that fails', async () => {
  const { campaign, lane, last } = await frozen({ recipients: Array.from({ length: 60 }, (_, i) => `slow-100.${i}.7@x.example`), parallel: 4 });
  const sql = <T extends object>(text: string) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, [campaign.mailNo]));
  const told = async () => (await sql<{ ids: number[] }>(`select ids from outbox where topic = 'sent' and (payload->>'mail')::int = $1`))
    .flatMap(({ ids }) => ids.flatMap((from, i) => (i % 2 === 0 ? Array.from({ length: ids[i + 1]! - from + 1 }, (_, k) => from + k) : [])));
  const run = engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  const ended = expect(run).rejects.toMatchObject({ code: 'unavailable' });
  await expect.poll(async () => (await ledgerOf(organization, campaign.mailNo))['sent'] ?? 0, { interval: 10 }).toBeGreaterThan(8);
  await sql('update lane set epoch = epoch + 100 where mail_no = $1');
  await ended;
  const sent = (await sql<{ ordinal: number }>('select ordinal from message where mail_no = $1 and state = 2')).map((row) => row.ordinal);
  expect(new Set(await told())).toEqual(new Set(sent));

  await sql(`delete from outbox where topic = 'sent' and (payload->>'mail')::int = $1`);
  for (let i = 0; i < 2; i++) await createCampaignActivities(organization.container).failCampaign(campaign, { reason: 'unreadable', detail: 'x' });
  expect(await told()).toEqual(expect.arrayContaining(sent));
  expect(await sql(`select 1 from outbox where topic = 'sent' and (payload->>'mail')::int = $1`)).toHaveLength(1);
});

test('a server that takes everything and answers nothing is left before the audience is in doubt', async () => {
  const { campaign, lane, last } = await frozen({ recipients: Array.from({ length: 200 }, (_, i) => `dotdrop-fin.${i}.8@x.example`), parallel: 10 });
  const result = await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(result.stop).toMatchObject({ kind: 'broken', reason: 'connection_failures' });
  const { in_doubt: doubts, pending } = await ledgerOf(organization, campaign.mailNo);
  expect(doubts).toBeLessThanOrEqual(20 + 10);
  expect([doubts! + pending!, result.inDoubt]).toEqual([200, doubts]);
}, 60_000);

test('of whom something was heard before her attempt was given up it is known that she got it', async () => {
  const { campaign, lane, last } = await frozen({ recipients: ['heard.9@x.example', 'silent.9@x.example'] });
  const sql = <T extends object>(text: string) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, [campaign.mailNo]));
  await sql('update message set state = 1, attempt = 1, started_at = now(), connection_no = (select connection_no from lane where mail_no = $1 limit 1) where mail_no = $1');
  await sql(`insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, machine)
    select 'opened', customer_id, $1, ordinal, now(), 'tracking', true from message join customer c on c.id = customer_id where mail_no = $1 and c.email like 'heard%'`);
  await engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 1, in_doubt: 1 });
  expect(await sql('select sum(sent)::int as sent, sum(in_doubt)::int as doubts from mail_count where mail_no = $1')).toEqual([{ sent: 1, doubts: 1 }]);
  expect(await sql(`select reason, sum(count)::int as count from reason_count where mail_no = $1 group by 1`)).toEqual([{ reason: 'interrupted', count: 1 }]);
});

test('evidence that arrives while the books are closed counts once, in the ledger and in the reasons', async () => {
  const { campaign } = await frozen({ recipients: ['late.10@x.example', 'never.10@x.example'] });
  const { pool, sql } = await organization.container.tenants.use(organization.orgId, (tenant) => Promise.resolve(tenant));
  await sql.run("update message set state = 5, reason = 'no_answer', connection_no = 1, ended_at = now() where mail_no = $1", [campaign.mailNo]);
  await sql.run(`insert into reason_count (mail_no, state, reason, shard, count) values ($1, 5, 'no_answer', 1, 2)`, [campaign.mailNo]);
  await sql.run(`insert into mail_count (mail_no, hour, connection_no, in_doubt) values ($1, date_trunc('hour', now(), 'UTC'), 1, 2)`, [campaign.mailNo]);
  const other = await pool.connect();
  await other.query('begin');
  await other.query('update message set state = 2, reason = null where mail_no = $1 and ordinal = 1', [campaign.mailNo]);
  await other.query(`insert into reason_count (mail_no, state, reason, count) values ($1, 5, 'no_answer', -1)`, [campaign.mailNo]);
  await other.query(`insert into mail_count (mail_no, hour, connection_no, shard, sent, in_doubt) values ($1, date_trunc('hour', now(), 'UTC'), 1, 9, 1, -1)`, [campaign.mailNo]);
  const finishing = asActivity(createCampaignActivities(organization.container).finishCampaign, campaign);
  const isOver = finishing.then(() => true, () => true);
  await expect.poll(async () => (await Promise.race([isOver, Promise.resolve(false)])) || (await sql.rows(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0).toBe(true);
  await other.query('commit');
  other.release();
  expect(await finishing).toBe(0);
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 1, in_doubt: 1 });
  expect(await sql.rows('select sum(sent)::int as sent, sum(in_doubt)::int as doubts from mail_count where mail_no = $1', [campaign.mailNo])).toEqual([{ sent: 1, doubts: 1 }]);
  expect(await sql.rows('select reason, sum(count)::int as count from reason_count where mail_no = $1 group by 1', [campaign.mailNo])).toEqual([{ reason: 'no_answer', count: 1 }]);
});

test('a server that asks for time is asked less and less, nobody uses an attempt, and mail flows again when it is ready', async () => {
  const { campaign, lane, last } = await frozen({ recipients: Array.from({ length: 200 }, (_, i) => `busy.${i}.11@x.example`), parallel: 10 });
  const askedFor = () => organization.container.tenants.use(organization.orgId, async ({ sql }) => (await sql.first<{ n: number }>('select count(*)::int as n from retry where mail_no = $1', [campaign.mailNo]))!.n);
  await sink.script({ everybody: 'rcpt421' });
  const run = engine.sendRange({ ...campaign, laneId: lane, from: 1, to: last, variant: null, withRetries: false }, alive);
  await expect.poll(askedFor).toBeGreaterThan(5);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const asked = await askedFor();
  expect(asked).toBeLessThan(40);
  await sink.script({ everybody: null });
  const result = await run;
  expect(result.stop).toBeNull();
  expect(result.sent).toBeGreaterThan(200 - asked - 10);
  expect(await organization.container.tenants.use(organization.orgId, ({ sql }) => sql.rows('select distinct attempt from message where mail_no = $1 and state = 0', [campaign.mailNo]))).toEqual([{ attempt: 0 }]);
}, 60_000);

test('an audience that was read and never frozen goes with its campaign', async () => {
  const activities = createCampaignActivities(organization.container);
  for (const end of ['cancel', 'fail'] as const) {
    const campaign = await createLaunchedCampaign(organization, { port: sink.port, recipients: [`${end}.12@x.example`] });
    const { sql } = await organization.container.tenants.use(organization.orgId, (tenant) => Promise.resolve(tenant));
    await sql.run('insert into audience_staging (mail_no, attempt, customer_id) select $1, 1, generate_series(1, 100)', [campaign.mailNo]);
    if (end === 'cancel') {
      await activities.cancelCampaign(campaign);
      expect(await asActivity(activities.finishCampaign, campaign)).toBe(0);
    } else await activities.failCampaign(campaign, { reason: 'unreadable', detail: 'x' });
    expect(await sql.rows('select 1 from audience_staging where mail_no = $1 limit 1', [campaign.mailNo])).toEqual([]);
  }
});

test('retries of a connection without a piece of its own have a lane beside the others, and the next wave is known', async () => {
  const { campaign } = await frozen({ recipients: ['a.13@x.example', 'b.13@x.example', 'c.13@x.example'] });
  const { sql } = await organization.container.tenants.use(organization.orgId, (tenant) => Promise.resolve(tenant));
  const other = (await sql.first<{ no: number }>(`insert into connection (id, name, vendor) values (gen_random_uuid(), 'Beside', 'catcher') returning no`))!.no;
  await sql.run('update message set connection_no = $2 where mail_no = $1 and ordinal = 1', [campaign.mailNo, other]);
  await sql.run(`insert into retry (mail_no, ordinal, due_at) values ($1, 1, now() - interval '1 second')`, [campaign.mailNo]);
  const [slice] = await sql.rows<{ no: number }>('update slice set last_ordinal = 2 where mail_no = $1 returning connection_no as no', [campaign.mailNo]);
  const wave = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000);
  await sql.run(`insert into slice (mail_no, phase, connection_no, not_before, first_ordinal, last_ordinal, next_ordinal) values ($1, 'main', $2, $3, 3, 3, 3)`, [campaign.mailNo, slice!.no, wave]);
  const stage = await createStageActivities(organization.container).nextStage(campaign);
  expect(stage).toMatchObject({ kind: 'send', nextAt: wave.getTime(), pieces: [{ from: 1, to: 2, connectionNo: slice!.no }], lanes: [{ connectionNo: slice!.no, withRetries: true }, { connectionNo: other, withRetries: true }] });
  await sql.run('delete from retry where mail_no = $1', [campaign.mailNo]);
});
