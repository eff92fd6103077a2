import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import '../support/own-installation.ts';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import type { Sql } from '../../infra/db/sql.ts';
import { createLaunchedCampaign } from '../support/campaign.ts';
import { untilIndexRests } from '../support/index-at-rest.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker } from '../support/send-workers.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';

/**
 * Many campaigns at once against one of as many people, on 2 worker processes over one connection: `together_s` from the
 * first launch until the last is completed, `single_s` of the one, `ratio` of the two (goal 1.5). Then two organizations:
 * while the campaign of one is sent, the other launches a small one; `other_first_mail_s` and `other_completed_s` from its launch.
 */
const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, campaigns: { type: 'string', default: '100' }, recipients: { type: 'string', default: '1000' }, sessions: { type: 'string', default: '96' } }, allowPositionals: true,
});
const campaigns = Number(options.campaigns);
const recipients = Number(options.recipients);
const everybody = campaigns * recipients;
const sessions = Number(options.sessions);
const WARM_UP = Math.min(30_000, everybody);
const paragraph = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. '.repeat(7);
const html = `<html><body><h1>Hello {{ first_name }}</h1>${[1, 2, 3, 4, 5].map((n) => `<p>${paragraph}<a href="https://shop.example/product/${n}">Product ${n}</a></p>`).join('')}<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>`;
const say = (line: string) => process.stderr.write(`${line}\n`);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Launched { readonly orgId: string; readonly campaignId: string; readonly mailNo: number }

const sink = await startSmtpSink();
const [first, second] = [await createTestOrganization(), await createTestOrganization()];
const workers = await Promise.all([startSendWorker(), startSendWorker()]);
const sql = await sqlOf(first);

say(`before it: ${WARM_UP} recipients, for servers that have just started compile themselves`);
await timed(first, [await prepare(first, WARM_UP, 'cold')]);
say(`one campaign of ${everybody}`);
const single = await prepare(first, everybody, 'single');
const singleSeconds = await timed(first, [single]);
say(`${singleSeconds} s; ${campaigns} campaigns of ${recipients}`);
const many = await prepareMany();
const togetherSeconds = await timed(first, many);
say(`${togetherSeconds} s; another organization beside a campaign of ${everybody}`);
const beside = await fairness();

const result = {
  campaigns, recipients: everybody, single_s: singleSeconds, together_s: togetherSeconds, ratio: Number((togetherSeconds / singleSeconds).toFixed(2)), goal: 1.5,
  together_sent: await sentOf(many), ...beside, duplicates: await duplicates(),
};
await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
await sink.close();
for (const organization of [first, second]) await organization.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

function sqlOf({ container, orgId }: TestOrganization): Promise<Sql> {
  return container.tenants.use(orgId, (tenant) => Promise.resolve(tenant.sql));
}

/** Its people are in the index before it begins, as customers are. */
async function prepare(organization: TestOrganization, people: number, label: string): Promise<Launched> {
  const launched = await createLaunchedCampaign(organization, { recipients: people, port: sink.port, parallel: sessions, html, subject: 'Hello {{ first_name }}', fromEmail: `${label}@shop.example` });
  const on = await sqlOf(organization);
  await on.run(`insert into outbox (topic, ids) select 'customer', array_agg(id) from customer group by id / 1000`);
  organization.container.gateway.nudgeOutbox(organization.orgId);
  await untilFollowed(organization, on);
  return launched;
}

async function untilFollowed(organization: TestOrganization, on: Sql): Promise<void> {
  while ((await on.first('select 1 as found from outbox limit 1')) !== undefined) await sleep(200);
  await organization.container.tenants.use(organization.orgId, untilIndexRests);
}

/** The people of the one campaign, shared out among many over its connection. */
async function prepareMany(): Promise<Launched[]> {
  const connection = (await sql.first<{ id: string }>(`select delivery->'connections'->0->>'id' as id from campaign where id = $1`, [single.campaignId]))!.id;
  const made: Launched[] = [];
  for (let i = 0; i < campaigns; i += 1) {
    const [campaignId, listId] = [randomUUID(), randomUUID()];
    await sql.run('insert into list (id, name) values ($1, $2)', [listId, `Part ${i + 1}`]);
    await sql.run('insert into list_member (list_id, customer_id) select $1, id from customer order by id offset $2 limit $3', [listId, i * recipients, recipients]);
    const mail = await sql.first<{ no: number }>("insert into mail (kind, ref_id) values ('campaign', $1) returning no", [campaignId]);
    await sql.run(
      `insert into campaign (id, mail_no, name, subject, from_name, from_email, html, targets, delivery, state, phase, created_by, launched_at)
       values ($1, $2, $3, 'Hello {{ first_name }}', 'Shop', 'many@shop.example', $4, $5, $6, 'running', 'resolving', 'bench', now())`,
      [campaignId, mail!.no, `Part ${i + 1}`, html, JSON.stringify([{ kind: 'list', id: listId, mode: 'include' }]), JSON.stringify(singleDelivery(connection))]);
    made.push({ orgId: first.orgId, campaignId, mailNo: mail!.no });
  }
  await sql.run('analyze');
  return made;
}

/** Seconds from the launch of all until the last is completed. What the index learns of it, its merges and the certificates do not fall into the next. */
async function timed(organization: TestOrganization, launched: readonly Launched[]): Promise<number> {
  const on = await sqlOf(organization);
  const launchedAt = Date.now();
  await Promise.all(launched.map((campaign) => organization.container.gateway.startCampaign(campaign)));
  await untilCompleted(on, launched);
  const seconds = secondsSince(launchedAt);
  const ids = launched.map((campaign) => campaign.campaignId);
  while ((await on.first('select 1 as found from campaign where id = any($1::uuid[]) and certificate is null limit 1', [ids])) !== undefined) await sleep(200);
  await untilFollowed(organization, on);
  return seconds;
}

async function untilCompleted(on: Sql, launched: readonly Launched[]): Promise<void> {
  const ids = launched.map((campaign) => campaign.campaignId);
  for (let said = -1; ;) {
    const rows = await on.rows<{ state: string; n: number }>('select state, count(*)::int as n from campaign where id = any($1::uuid[]) group by 1', [ids]);
    const done = rows.find((row) => row.state === 'completed')?.n ?? 0;
    const stopped = rows.find((row) => row.state !== 'completed' && row.state !== 'running');
    if (stopped !== undefined) throw new Error(`${stopped.n} campaigns are ${stopped.state}`);
    if (done === ids.length) return;
    if (done !== said) say(`${done} of ${ids.length} completed`);
    said = done;
    await sleep(100);
  }
}

/** One organization is in the middle of a large campaign when the other launches a small one. */
async function fairness(): Promise<{ other_first_mail_s: number; other_completed_s: number; large_completed_s: number }> {
  const [large, small] = [await prepare(first, everybody, 'large'), await prepare(second, recipients, 'small')];
  const other = await sqlOf(second);
  const largeAt = Date.now();
  await first.container.gateway.startCampaign(large);
  while ((await sentOf([large])) < everybody / 20) await sleep(20);
  const launchedAt = Date.now();
  await second.container.gateway.startCampaign(small);
  await untilCompleted(other, [small]);
  const completed = secondsSince(launchedAt);
  const begun = (await other.first<{ at: Date }>('select min(started_at) as at from message where mail_no = $1', [small.mailNo]))!.at;
  await untilCompleted(sql, [large]);
  return { other_first_mail_s: Number(((begun.getTime() - launchedAt) / 1_000).toFixed(2)), other_completed_s: completed, large_completed_s: secondsSince(largeAt) };
}

async function sentOf(launched: readonly Launched[]): Promise<number> {
  return (await sql.first<{ n: number }>('select coalesce(sum(sent), 0)::int as n from mail_count where mail_no = any($1::int[])', [launched.map((campaign) => campaign.mailNo)]))!.n;
}

async function duplicates(): Promise<number> {
  const { recipients: people, copies } = await sink.copiesOf('large@shop.example');
  return copies - people;
}

function secondsSince(at: number): number {
  return Number(((Date.now() - at) / 1_000).toFixed(1));
}
