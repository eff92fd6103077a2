import { parseArgs } from 'node:util';
import '../support/own-installation.ts';
import { applyEvents } from '../../activities/events.ts';
import { applySentRound } from '../../activities/indexing.ts';
import { startTestApi } from '../support/api.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/**
 * The report of a campaign with 1,000,000 recipients and 600,000 opens and clicks, which came through the product's own
 * counting, with twenty smaller campaigns beside it; every part of it asked 40 times through the API as a browser asks.
 * `p95_ms` is over all answers of all parts, `worst_p95_ms` that of the slowest part. Then the recipients by each filter.
 */
const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, recipients: { type: 'string', default: '1000000' }, events: { type: 'string', default: '602000' } } });
const RECIPIENTS = Number(options.recipients);
const EVENTS = Number(options.events);
const TIMES = 40;
const BATCH = 10_000;
const say = (line: string) => void process.stderr.write(`${line}\n`);

const api = await startTestApi();
const ada = await api.signIn('owner');
const { container, orgId } = api;
const { sql, org } = await container.tenants.use(orgId, (tenant) => Promise.resolve(tenant));
const use = container.tenants.use.bind(container.tenants, orgId);

say(`${RECIPIENTS} recipients`);
const urls = Array.from({ length: 12 }, (_, i) => `https://shop.example/product/${i}`);
const experiment = JSON.stringify({ subjects: ['Other words'], contents: [], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] });
const campaign = await createSentCampaign(api, { recipients: 0, urls, name: 'The million', campaign: { recipients: RECIPIENTS, experiment, winner: 2 } });
const second = await sql.first<{ no: number }>(`insert into connection (id, name, vendor) values (gen_random_uuid(), 'Second line', 'smtp') returning no`);
await sql.run(`insert into customer (email, email_key, city) select e, e, 'London' from generate_series(1, $1) i, lateral (select 'user' || i || '@d' || (i % 400) || '.example' as e) a`, [RECIPIENTS]);
// Sent over three hours two days ago, two lines, two variants; some failed, some skipped.
await sql.run(
  `insert into message (mail_no, ordinal, customer_id, connection_no, variant, state, reason, attempt, started_at, ended_at)
   select $1, n, id, case when n % 10 < 7 then $2::int2 else $3::int2 end, 1 + n % 2, case when n % 500 = 0 then 3 when n % 700 = 0 then 4 else 2 end, case when n % 500 = 0 then 'hard_bounce' when n % 700 = 0 then 'unsubscribed' end, 1,
          now() - interval '2 days' + n * interval '10 ms', now() - interval '2 days' + n * interval '10 ms'
     from (select id, row_number() over (order by id) as n from customer) c`, [campaign.mailNo, (await sql.first<{ no: number }>('select no from connection where id = $1', [campaign.connectionId]))!.no, second!.no]);
await sql.run(
  `insert into mail_count (mail_no, hour, connection_no, variant, shard, sent, failed, skipped)
   select mail_no, date_trunc('hour', ended_at, 'UTC'), connection_no, variant, ordinal % 8, count(*) filter (where state = 2), count(*) filter (where state = 3), count(*) filter (where state = 4) from message where mail_no = $1 group by 1, 2, 3, 4, 5`, [campaign.mailNo]);
await sql.run(`insert into reason_count (mail_no, state, reason, shard, count) select mail_no, state, reason, ordinal % 8, count(*) from message where mail_no = $1 and state in (3, 4) group by 1, 2, 3, 4`, [campaign.mailNo]);
await sql.run('analyze');

say(`${EVENTS} events, applied as they are in real life`);
const countries = ['DE', 'US', 'GB', 'FR', 'JP', 'BR', 'IN', ''];
const clients = ['Gmail', 'Apple Mail', 'Outlook', 'Chrome', 'Yahoo Mail', 'Thunderbird'];
const startedAt = performance.now();
for (let from = 0; from < EVENTS; from += BATCH) {
  // Most in the first hours, a sixth of them clicks, a tenth of the opens by machines, spread over two days.
  const ids = (await sql.rows<{ id: number }>(
    `insert into event (type, customer_id, mail_no, ordinal, link_no, occurred_at, source, machine, machine_reason, country, client, device)
     select case when i % 6 = 0 then 'clicked' else 'opened' end, m.customer_id, m.mail_no, m.ordinal, case when i % 6 = 0 then i % 12 end, least(now(), m.ended_at + interval '1 minute' + power((i::bigint * 48271 % 1000) / 1000.0, 3) * interval '47 hours'), 'tracking_link',
            i % 6 <> 0 and i % 10 = 1, case when i % 6 <> 0 and i % 10 = 1 then 'privacy_proxy' end, nullif(($3::text[])[1 + i % 8], ''), ($4::text[])[1 + i % 6], (array['Desktop', 'Mobile', 'Tablet'])[1 + i % 3]
       from generate_series($1::int, $2::int) i join message m on m.mail_no = $5 and m.ordinal = 1 + (i::bigint * 7919) % $6 and m.state = 2 returning id`,
    [from + 1, Math.min(EVENTS, from + BATCH), countries, clients, campaign.mailNo, RECIPIENTS])).map((row) => row.id);
  const outbox = await sql.first<{ id: number }>(`insert into outbox (topic, ids) values ('event', $1) returning id`, [ids]);
  await use((tenant) => applyEvents(tenant, [outbox!]));
  await sql.run(`delete from outbox where topic = 'customer'`);
  if ((from / BATCH) % 10 === 9) say(`${from + BATCH} events, ${Math.round((from + BATCH) / ((performance.now() - startedAt) / 1_000))}/s`);
}
const appliedPerSecond = Math.round(EVENTS / ((performance.now() - startedAt) / 1_000));
for (let first = 1; first <= RECIPIENTS; first += 50_000) {
  await sql.run(`insert into outbox (topic, ids, payload) values ('sent', $1, jsonb_build_object('mail', $2::int))`, [[first, Math.min(RECIPIENTS, first + 49_999)], campaign.mailNo]);
  await use(applySentRound);
  await sql.run(`delete from outbox where topic = 'customer'`);
}
const others = [];
for (let i = 0; i < 20; i += 1) others.push(await createSentCampaign(api, { recipients: 100, name: `Beside ${i}` }));
await sql.run('vacuum analyze message');
await sql.run('analyze');

const base = `/campaigns/${campaign.campaignId}`;
const parts = ['/report', '/report/timeline', '/report/links', '/report/links?link=3', '/report/geography', '/report/clients', '/report/domains', `/compare?with=${others.slice(0, 4).map((each) => each.campaignId).join(',')}`];
const lists = ['/recipients', '/recipients?state=failed', '/recipients?state=in_doubt', '/recipients?engagement=clicked', '/recipients?engagement=unsubscribed', '/recipients?variant=B&engagement=not_opened', '/recipients?search=user777777%40d377.example', '/recipients?count=true'];
const all: number[] = [];
let worst = { part: '', p95: 0 };
for (const part of parts) {
  const times = await timed(part);
  all.push(...times);
  const p95 = at(times, 0.95);
  if (p95 > worst.p95) worst = { part, p95 };
  say(`${part.split('?')[0]}: p50 ${at(times, 0.5)} ms, p95 ${p95} ms`);
}
let slowest = { part: '', p95: 0 };
for (const part of lists) {
  const times = await timed(part, 10);
  const p95 = at(times, 0.95);
  if (p95 > slowest.p95) slowest = { part, p95 };
  say(`${part}: p50 ${at(times, 0.5)} ms, p95 ${p95} ms`);
}
const dashboard = await timed('', 10, '/dashboard?days=90');
say(`/dashboard: p50 ${at(dashboard, 0.5)} ms, p95 ${at(dashboard, 0.95)} ms`);
const report = (await ada.get(`${base}/report`)).body as { opened: { total: number; machine: number }; clicked: { total: number; machine: number } };
const result = {
  recipients: RECIPIENTS, events: report.opened.total + report.opened.machine + report.clicked.total + report.clicked.machine, p95_ms: at(all, 0.95), p50_ms: at(all, 0.5), worst_part: worst.part, worst_p95_ms: worst.p95,
  recipients_worst: slowest.part, recipients_worst_p95_ms: slowest.p95, dashboard_p95_ms: at(dashboard, 0.95), events_applied_per_s: appliedPerSecond, zone: org.timezone,
};
await api.close();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

async function timed(part: string, times = TIMES, path = `${base}${part}`): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const askedAt = performance.now();
    const reply = await ada.get(path);
    took.push(performance.now() - askedAt);
    if (reply.status !== 200) throw new Error(`${path} was answered with ${reply.status}: ${JSON.stringify(reply.body)}`);
  }
  return took;
}

function at(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1));
}
