import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainRound } from '../../activities/indexing.ts';
import { lastDays } from '../../infra/reports/organization.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createSentCampaign } from '../support/sent-campaign.ts';

/** Dashboard and reports over a range of days: sums of counters on the organization's clock. */

let api: TestApi;
let ada: TestUser;
const ZONE = 'America/New_York';
const today = lastDays(1, ZONE, Date.now()).to;
const day = (back: number) => new Date(Date.parse(today) - back * 86_400_000).toISOString().slice(0, 10);
const use = <T>(work: (tenant: Tenant) => Promise<T>) => api.container.tenants.use(api.orgId, work);

beforeAll(async () => {
  api = await startTestApi();
  await api.container.control.run('update tenant set timezone = $2 where id = $1', [api.orgId, ZONE]);
  api.container.tenants.forget(api.orgId);
  ada = await api.signIn('member');
  const recent = await createSentCampaign(api, { recipients: 10, name: 'Recent', ago: '2 days', vendor: 'sendgrid' });
  const older = await createSentCampaign(api, { recipients: 4, name: 'Older', ago: '40 days' });
  await use(async ({ sql }) => {
    await sql.run('update mail_count set unique_opened = 5, opened = 7, machine_opened = 2, unique_clicked = 1, clicked = 1, bounced = 2, hard_bounced = 1, delivered = 8 where mail_no = $1', [recent.mailNo]);
    await sql.run('update mail_count set unique_opened = 1, opened = 1 where mail_no = $1', [older.mailNo]);
    // One hour before and one after midnight of the organization.
    await sql.run(`insert into mail_count (mail_no, hour, connection_no, shard, sent) select $1, ($2::date - interval '1 hour') at time zone $3, n.no, 1, 100 from connection n where n.id = $4`, [recent.mailNo, day(5), ZONE, recent.connectionId]);
    await sql.run(`insert into mail_count (mail_no, hour, connection_no, shard, sent) select $1, $2::timestamp at time zone $3, n.no, 1, 50 from connection n where n.id = $4`, [recent.mailNo, day(5), ZONE, recent.connectionId]);
    await sql.run(`insert into domain_count (mail_no, on_day, domain, sent, opened) select $1, $2::date, 'd' || i || '.example', 100 - i, 10 from generate_series(1, 60) i`, [recent.mailNo, day(2)]);
    await sql.run(`insert into domain_count (mail_no, on_day, domain, sent) values ($1, $2::date, 'd1.example', 7)`, [recent.mailNo, day(60)]);
  });
}, 90_000);
afterAll(() => api?.close());

const get = async (path: string) => {
  const reply = await ada.get(path);
  expect(reply.status, path).toBe(200);
  return reply.body;
};

test('the dashboard compares a period with the one before, day by day on the organization’s clock', async () => {
  const { overview, running, scheduled, mailable } = await get('/dashboard?days=30');
  expect(overview).toMatchObject({ to: today, from: day(29), zone: ZONE, totals: { sent: 160, opened: { unique: 5, total: 7, machine: 2 }, openRate: 3.13 }, before: { from: day(59), to: day(30), totals: { sent: 4, openRate: 25 } } });
  expect(overview.daily).toHaveLength(30);
  const on = (date: string) => overview.daily.find((each: { date: string }) => each.date === date).sent;
  expect([on(day(6)), on(day(5)), on(day(4))]).toEqual([100, 50, 0]);
  expect(overview.daily.reduce((sum: number, each: { sent: number }) => sum + each.sent, 0)).toBe(160);
  expect([running, scheduled, mailable]).toEqual([[], [], 0]);
  // Customers the index has not got yet are counted by the database.
  await use(({ sql }) => sql.run(`insert into outbox (topic, ids) select 'customer', array_agg(id) from customer`));
  expect((await get('/dashboard')).mailable).toBe(10);
  await use((tenant) => drainRound(tenant, () => undefined));
  expect((await get('/dashboard')).mailable).toBe(10);
  expect((await get('/dashboard?days=90')).overview.totals.sent).toBe(164);
  expect((await ada.get('/dashboard?days=14')).status).toBe(422);
});

test('what wants attention: paused by itself, failed, broken, unreadable; not what a person paused', async () => {
  const [self, byHand, failed] = await Promise.all(['Self', 'By hand', 'Failed'].map((name) => createSentCampaign(api, { recipients: 1, name })));
  await use(async ({ sql }) => {
    await sql.run(`update campaign set state = 'paused', reason = 'login_refused', state_detail = 'The server refused the login.' where id = $1`, [self!.campaignId]);
    await sql.run(`update campaign set state = 'paused', reason = 'user' where id = $1`, [byHand!.campaignId]);
    await sql.run(`update campaign set state = 'failed', reason = 'unreadable', ended_at = now() where id = $1`, [failed!.campaignId]);
    await sql.run(`update connection set health = 'broken', health_reason = 'refused' where id = $1`, [self!.connectionId]);
    await sql.run(`insert into import_job (id, list_name, file_name, file_size, options, state, problem, created_by) values (gen_random_uuid(), 'L', 'people.csv', 1, '{}', 'failed', 'No email column.', 'test')`);
  });
  const { attention, running } = await get('/dashboard');
  expect(attention.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`).sort()).toEqual([
    'campaign_failed Failed', 'campaign_paused Self', expect.stringMatching(/^connection_broken Line /), 'import_failed people.csv',
  ]);
  expect(running.map(({ name }: { name: string }) => name).sort()).toEqual(['By hand', 'Self']);
});

test('reports over a range of days: totals, campaigns, domains, connections', async () => {
  const range = `from=${day(9)}&to=${today}`;
  expect((await get(`/reports/overview?${range}`)).totals).toMatchObject({ sent: expect.any(Number), delivered: 8, hardBounced: 1, softBounced: 1 });
  const campaigns = await get(`/reports/campaigns?from=${day(50)}&to=${day(1)}`);
  expect(campaigns.data.map(({ name, sent, openRate }: { name: string; sent: number; openRate: number }) => [name, sent, openRate])).toEqual([['Recent', 160, 3.13], ['Older', 4, 25]]);
  const first = await get(`/reports/campaigns?from=${day(50)}&to=${day(1)}&limit=1`);
  expect((await get(`/reports/campaigns?from=${day(50)}&to=${day(1)}&limit=1&cursor=${first.nextCursor}`)).data).toMatchObject([{ name: 'Older' }]);
  const { domains, others } = await get(`/reports/domains?${range}`);
  expect(domains).toHaveLength(50);
  expect(domains[0]).toMatchObject({ domain: 'd1.example', sent: 99, opened: { unique: 10 }, openRate: 10.1 });
  expect(others).toMatchObject({ domains: 10, sent: 445 });
  expect((await get(`/reports/connections?from=${day(50)}&to=${day(3)}`)).data).toMatchObject([{ vendor: 'sendgrid', sent: 150 }, { vendor: 'smtp', sent: 4, delivered: null }]);
});

test('a range that is none is refused by its field', async () => {
  const fields = async (query: string) => (await ada.get(`/reports/overview?${query}`)).body.errors.map(({ field }: { field: string }) => field);
  expect([await fields('from=yesterday'), await fields('from=2026-02-30&to=2026-03-01'), await fields('from=2026-03-02&to=2026-03-01'), await fields('from=1990-01-01&to=2026-01-01')]).toEqual([['from'], ['from'], ['to'], ['from']]);
});
