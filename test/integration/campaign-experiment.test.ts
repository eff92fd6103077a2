import { afterAll, beforeAll, expect, test } from 'vitest';
import { noDelivery, singleDelivery, type Delivery } from '#domain/campaign/delivery.ts';
import type { Experiment } from '#domain/campaign/experiment.ts';
import { createCampaignLifecycle, type CampaignLifecycle } from '../../api/modules/campaigns/lifecycle.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { ledgerOf } from '../support/campaign.ts';
import { addConnection, amend, command, draftCampaign, launch, peopleOf, sentOver, untilStanding, untilState, type FaultCampaign } from '../support/fault-campaign.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { startSendWorker, type SendWorker } from '../support/send-workers.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

/** A/B tests from the launch to the last mail, over a real server; hours are made short in the row. */

let organization: TestOrganization;
let lifecycle: CampaignLifecycle;
let workers: SendWorker[];
let sinks: SmtpSink[];

beforeAll(async () => {
  organization = await createTestOrganization();
  lifecycle = createCampaignLifecycle(organization.container, createCampaignReader(organization.container));
  sinks = await Promise.all([startSmtpSink({ keepsMessages: true }), startSmtpSink({ keepsMessages: true })]);
  workers = await Promise.all([startSendWorker(), startSendWorker()]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGTERM')));
  await Promise.all(sinks.map((sink) => sink.close()));
  await organization.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const plan = (edit: Partial<Experiment>): Experiment => ({ subjects: ['Second'], contents: [], fromNames: [], testPercent: 20, durationHours: 1, winnerBy: 'open_rate', distribution: 'random', weights: [], ...edit });
/** Whole hours in the product; a fraction in the row is a fraction of an hour. */
const seconds = (count: number) => count / 3_600;

async function begin(label: string, people: number, experiment: Experiment, delivery?: Delivery): Promise<FaultCampaign> {
  const over = delivery ?? singleDelivery(await addConnection(organization, { port: sinks[0]!.port }));
  const campaign = await draftCampaign(organization, { people: peopleOf({ ok: people }, label), delivery: over, subject: 'First' });
  await amend(campaign, { experiment: JSON.stringify(experiment) });
  await launch(campaign);
  return campaign;
}
/** Sent by variant, test group and rest apart, by the slices; the rest has one variant. */
const sentBy = async ({ mailNo }: FaultCampaign) =>
  sql<{ phase: string; variant: number; count: number }>(
    `select s.phase, m.variant::int as variant, count(*)::int as count from slice s join message m on m.mail_no = s.mail_no and m.ordinal between s.first_ordinal and s.last_ordinal
      where s.mail_no = $1 and m.state = 2 group by 1, 2 order by 1 desc, 2`, [mailNo]);
/** So many people open a variant's mail, as the report counts them. */
const engage = ({ mailNo }: FaultCampaign, variant: number, column: 'unique_opened' | 'unique_clicked' | 'complained', count: number) =>
  sql(`update mail_count set ${column} = $3 where ctid = (select ctid from mail_count where mail_no = $1 and variant = $2 order by hour limit 1)`, [mailNo, variant, count]);
const row = async ({ id }: FaultCampaign) => (await sql<{ winner: number | null; result: { winner: number; by: string | null; variants: { label: string; chance: number; sent: number }[] } | null }>('select winner, experiment_result as result from campaign where id = $1', [id]))[0]!;

test('random: equal test groups by two subjects and two contents, then the best by opens goes to the rest; the subjects that arrive are those', async () => {
  const contents = [{ html: '<p>Other {{ first_name }} <a href="https://shop.example/c">c</a> <a href="{{ unsubscribe_url }}">bye</a></p>', text: '' }];
  const campaign = await begin('r', 100, plan({ contents, durationHours: seconds(4) }));
  await untilStanding(campaign, (standing) => standing.phase === 'waiting', 60_000);
  expect(await sentBy(campaign)).toEqual([1, 2, 3, 4].map((variant) => ({ phase: 'test', variant, count: 5 })));
  await engage(campaign, 4, 'unique_opened', 3);
  await engage(campaign, 1, 'unique_opened', 1);
  await untilState(campaign, 'completed', 60_000);
  expect(await sentBy(campaign)).toEqual([...[1, 2, 3, 4].map((variant) => ({ phase: 'test', variant, count: 5 })), { phase: 'rest', variant: 4, count: 80 }]);
  const { winner, result } = await row(campaign);
  expect([winner, result?.winner, result?.by, result?.variants.map((each) => each.label)]).toEqual([4, 4, null, ['A', 'B', 'C', 'D']]);
  expect(result!.variants.reduce((sum, each) => sum + each.chance, 0)).toBeCloseTo(1);
  expect(result!.variants[3]!.chance).toBeGreaterThan(0.4);

  const variantOf = new Map((await sql<{ email: string; variant: number }>('select c.email, m.variant::int as variant from message m join customer c on c.id = m.customer_id where m.mail_no = $1', [campaign.mailNo])).map((each) => [each.email, each.variant]));
  const rows = await sinks[0]!.rows();
  for (const [place, { recipient, sender }] of rows.entries()) {
    if (sender !== campaign.sender) continue;
    const message = (await sinks[0]!.message(place)).toString().replaceAll('=\r\n', '');
    const variant = variantOf.get(recipient)!;
    expect(/^Subject: (\w+)/m.exec(message)?.[1]).toBe(variant <= 2 ? 'First' : 'Second');
    expect(message.includes('Other Ada')).toBe(variant % 2 === 0);
  }
}, 150_000);

test('weighted: groups by their weights, each at least one; over two connections by percentage the totals are exact; equal rates go to the one with fewer complaints', async () => {
  const [one, two] = await Promise.all(sinks.map((sink) => addConnection(organization, { port: sink.port })));
  const delivery: Delivery = { ...noDelivery, mode: 'split', connections: [{ id: one!, percent: 70 }, { id: two!, percent: 30 }] };
  const campaign = await begin('w', 201, plan({ subjects: ['Second', 'Third'], testPercent: 50, durationHours: seconds(3), distribution: 'weighted', weights: [90, 9, 1], winnerBy: 'click_rate' }), delivery);
  await untilStanding(campaign, (standing) => standing.phase === 'waiting', 60_000);
  expect(await sentBy(campaign)).toEqual([{ phase: 'test', variant: 1, count: 91 }, { phase: 'test', variant: 2, count: 9 }, { phase: 'test', variant: 3, count: 1 }]);
  await engage(campaign, 1, 'complained', 1);
  await untilState(campaign, 'completed', 60_000);
  expect(await row(campaign)).toMatchObject({ winner: 2 });
  expect((await sentBy(campaign)).at(-1)).toEqual({ phase: 'rest', variant: 2, count: 100 });
  expect(await Promise.all(sinks.map(async (sink) => (await sentOver(sink, campaign)).length))).toEqual([141, 60]);
}, 120_000);

test('a winner is picked by hand while the test waits, and waits itself while the campaign is paused', async () => {
  const campaign = await begin('h', 50, plan({ testPercent: 40 }));
  await expect(lifecycle.pickWinner(organization.orgId, 'owner', campaign.id, 'B', 'Ada')).rejects.toMatchObject({ code: 'conflict' });
  await untilStanding(campaign, (standing) => standing.phase === 'waiting', 60_000);
  await command(campaign, 'pause');
  await expect(lifecycle.pickWinner(organization.orgId, 'owner', campaign.id, 'B', 'Ada')).rejects.toMatchObject({ code: 'conflict' });
  await command(campaign, 'resume');
  await untilStanding(campaign, (standing) => standing.state === 'running' && standing.phase === 'waiting', 30_000);
  await lifecycle.pickWinner(organization.orgId, 'owner', campaign.id, 'B', 'Ada');
  await untilState(campaign, 'completed', 60_000);
  expect(await sentBy(campaign)).toEqual([{ phase: 'test', variant: 1, count: 10 }, { phase: 'test', variant: 2, count: 10 }, { phase: 'rest', variant: 2, count: 30 }]);
  expect((await row(campaign)).result).toMatchObject({ winner: 2, by: 'Ada' });
}, 120_000);

test('bandit: twenty batches over the duration, whose shares follow what is opened', async () => {
  const campaign = await begin('b', 800, plan({ testPercent: 100, durationHours: seconds(20), distribution: 'bandit' }));
  // The second subject is opened by half of its readers, the first by nobody.
  const readers = setInterval(() => void sql(
    `update mail_count n set unique_opened = t.sent / 2 from (select sum(sent)::int as sent from mail_count where mail_no = $1 and variant = 2) t
      where ctid = (select ctid from mail_count where mail_no = $1 and variant = 2 order by hour limit 1)`, [campaign.mailNo]), 250);
  await untilState(campaign, 'completed', 90_000).finally(() => clearInterval(readers));
  const batches = await sql<{ batch: number; variant: number; count: number; at: number }>(
    `select s.batch::int as batch, m.variant::int as variant, count(*)::int as count, extract(epoch from min(m.started_at))::float8 as at from slice s
       join message m on m.mail_no = s.mail_no and m.ordinal between s.first_ordinal and s.last_ordinal where s.mail_no = $1 group by 1, 2 order by 1, 2`, [campaign.mailNo]);
  expect(new Set(batches.map((each) => each.batch)).size).toBe(20);
  expect(batches.filter((each) => each.batch === 1).map((each) => each.count)).toEqual([20, 20]);
  const last = batches.filter((each) => each.batch > 15);
  const share = (variant: number) => last.filter((each) => each.variant === variant).reduce((sum, each) => sum + each.count, 0) / last.reduce((sum, each) => sum + each.count, 0);
  expect(share(2)).toBeGreaterThan(0.9);
  expect(batches.at(-1)!.at - batches[0]!.at).toBeGreaterThan(17);
  expect(await ledgerOf(organization, campaign.mailNo)).toEqual({ sent: 800 });
}, 150_000);
