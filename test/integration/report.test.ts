import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reportColumns, type ReportKind } from '../../infra/exports/columns.ts';
import { openExport } from '../../infra/exports/rows.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';
import { createSentCampaign, listenForTracking, type SentCampaign, type SentCampaignSetup } from '../support/sent-campaign.ts';

/** What a campaign's report says, from real opens and clicks on. */

let api: TestApi;
let ada: TestUser;
let base: string;
let closeTracking: () => void;
let stop: () => Promise<void>;
beforeAll(async () => {
  api = await startTestApi();
  ada = await api.signIn('member');
  const tracking = await listenForTracking(api.container);
  base = tracking.base;
  closeTracking = () => void tracking.server.close();
  stop = followOutbox(api);
}, 90_000);
afterAll(async () => {
  await stop?.();
  closeTracking();
  await api.close();
});

const use = <T>(work: (tenant: Tenant) => Promise<T>) => api.container.tenants.use(api.orgId, work);
const run = (text: string, values: unknown[] = []) => use((tenant) => tenant.sql.run(text, values));
/** Everything that arrived is applied. */
const applied = () => expect.poll(() => use(async (tenant) => (await tenant.sql.first<{ n: number }>('select count(*)::int as n from outbox'))!.n), { timeout: 20_000, interval: 20 }).toBe(0);
const send = (setup: SentCampaignSetup) => createSentCampaign(api, setup);
const opens = (campaign: SentCampaign, ordinal: number, headers: Record<string, string> = {}) => fetch(`${base}/open/${campaign.id('open', ordinal)}`, { headers });
const clicks = (campaign: SentCampaign, ordinal: number, link = 0, headers: Record<string, string> = {}) => fetch(`${base}/click/${campaign.id('click', ordinal, link)}`, { redirect: 'manual', headers });
const report = async (campaign: SentCampaign, part = '') => {
  await applied();
  const reply = await ada.get(`/campaigns/${campaign.campaignId}/report${part}`);
  expect(reply.status).toBe(200);
  return reply.body;
};

describe('a campaign that was read', () => {
  let campaign: SentCampaign;
  beforeAll(async () => {
    campaign = await send({ recipients: 8, urls: ['https://shop.example/a', 'https://shop.example/b', 'https://shop.example/c'] });
    await run(`insert into outbox (topic, ids, payload) values ('sent', '{1,8}', jsonb_build_object('mail', $1::int))`, [campaign.mailNo]);
    for (const ordinal of [1, 1, 2, 3]) await opens(campaign, ordinal, { 'x-forwarded-for': '81.2.69.142', 'user-agent': 'Thunderbird/115.0' });
    await opens(campaign, 4, { 'user-agent': 'Mozilla/5.0' });
    await clicks(campaign, 1, 0);
    await clicks(campaign, 1, 0);
    await clicks(campaign, 5, 1);
    await fetch(`${base}/unsubscribe/${campaign.id('unsubscribe', 2)}`, { method: 'POST' });
  });

  test('counts people once, everything in total, machines apart, with the rates as defined', async () => {
    expect(await report(campaign)).toMatchObject({
      recipients: 8, sent: 8, delivered: null, opened: { unique: 4, total: 4, machine: 1 }, clicked: { unique: 2, total: 3, machine: 0 }, unsubscribed: 1, complained: 0, bounced: 0, failed: 0, skipped: 0, inDoubt: 0,
      openRate: 50, clickRate: 25, clickToOpenRate: 50, bounceRate: 0, complaintRate: 0, unsubscribeRate: 12.5, deliveryRate: null,
      machines: [{ reason: 'privacy_proxy', opened: 1, clicked: 0 }], failures: [], variants: [], experiment: null,
      connections: [{ connectionId: campaign.connectionId, sent: 8, openRate: 50 }],
    });
  });

  test('links with totals, unique clicks and who clicked most', async () => {
    const links = await report(campaign, '/links');
    expect(links.links).toEqual([
      { no: 0, url: 'https://shop.example/a', variant: null, clicks: 2, uniqueClicks: 1, machineClicks: 0, share: 66.67 },
      { no: 1, url: 'https://shop.example/b', variant: null, clicks: 1, uniqueClicks: 1, machineClicks: 0, share: 33.33 },
      { no: 2, url: 'https://shop.example/c', variant: null, clicks: 0, uniqueClicks: 0, machineClicks: 0, share: 0 },
    ]);
    expect(links.topClickers.map(({ email, clicks }: { email: string; clicks: number }) => [email, clicks])).toEqual([['user1@example.com', 2], ['user5@example.com', 1]]);
    expect((await report(campaign, '/links?link=1')).topClickers).toMatchObject([{ email: 'user5@example.com', clicks: 1, links: 1 }]);
  });

  test('places, programs and devices', async () => {
    expect((await report(campaign, '/geography')).countries).toEqual([
      { country: 'GB', opened: 4, clicked: 0, uniqueOpened: 3, uniqueClicked: 0 }, { country: '', opened: 0, clicked: 3, uniqueOpened: 1, uniqueClicked: 2 },
    ]);
    const { clients } = await report(campaign, '/clients');
    expect(clients).toContainEqual({ client: 'Thunderbird', opened: 4, clicked: 0, uniqueOpened: 3, uniqueClicked: 0, machineOpened: 0, machineClicked: 0 });
    expect(clients).toContainEqual({ client: 'Apple Mail Privacy Protection', opened: 0, clicked: 0, uniqueOpened: 0, uniqueClicked: 0, machineOpened: 1, machineClicked: 0 });
  });

  test('recipient domains', async () => {
    expect((await report(campaign, '/domains')).domains).toMatchObject([{ domain: 'example.com', sent: 8, opened: { unique: 4 }, clicked: { unique: 2 }, unsubscribed: 1, openRate: 50 }]);
  });

  test.for([
    ['engagement=opened', [1, 2, 3, 5]], ['engagement=not_opened', [4, 6, 7, 8]], ['engagement=clicked', [1, 5]], ['engagement=unsubscribed', [2]], ['state=sent&engagement=not_clicked&search=user2', [2]],
    ['search=user3%40example.com', [3]], ['search=ser7', [7]], ['search=nobody', []], ['state=failed', []],
  ] as const)('recipients by %s', async ([query, expected]) => {
    await applied();
    const reply = await ada.get(`/campaigns/${campaign.campaignId}/recipients?count=true&${query}`);
    expect(reply.status).toBe(200);
    expect(reply.body.data.map((row: { email: string }) => row.email)).toEqual(expected.map((i) => `user${i}@example.com`));
    expect(reply.body.count).toBe(expected.length);
  });

  test.each(Object.keys(reportColumns) as ReportKind[])('the file %s has its columns and the rows of the screen', async (kind) => {
    await applied();
    const rows = await use(async (tenant) => {
      const today = new Date().toISOString().slice(0, 10);
      const source = await openExport(tenant, kind, { raw: true, ...(kind.startsWith('report_') ? { from: today, to: today } : { campaignId: campaign.campaignId }) }, () => undefined);
      expect(source.columns).toEqual(reportColumns[kind]);
      const all = [];
      for await (const page of source.pages) all.push(...page);
      return all;
    });
    if (kind !== 'certificate') expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(Object.keys(row)).toEqual(expect.arrayContaining([...reportColumns[kind]]));
    const first: Partial<Record<ReportKind, object>> = {
      campaign_summary: { part: 'campaign', name: 'Spring', sent: 8, opened: 4, opened_machine: 1, open_rate: 50 }, campaign_links: { url: 'https://shop.example/a', clicks: 2, share: 66.67 }, campaign_domains: { domain: 'example.com', sent: 8, open_rate: 50 },
      campaign_geography: { country: 'GB', city: '', unique_opened: 3 }, campaign_reasons: { what: 'machine_opened', reason: 'privacy_proxy', count: 1 }, report_campaigns: { name: 'Spring', sent: 8 },
    };
    expect(rows[0] ?? {}).toMatchObject(first[kind] ?? {});
  });

  test('a recipient with all that is known of her, in pages', async () => {
    const first = await ada.get(`/campaigns/${campaign.campaignId}/recipients?limit=3`);
    const second = await ada.get(`/campaigns/${campaign.campaignId}/recipients?limit=5&cursor=${first.body.nextCursor}`);
    expect([...first.body.data, ...second.body.data].map((row) => row.email)).toEqual(Array.from({ length: 8 }, (_, i) => `user${i + 1}@example.com`));
    expect(second.body.nextCursor).toBeNull();
    expect(first.body.data[0]).toMatchObject({
      state: 'sent', attempt: 1, opens: 2, clicks: 2, connectionId: campaign.connectionId, variant: null, messageId: expect.stringMatching(/^<?[\w-]{22}@shop\.example/), openedAt: expect.any(String), clickedAt: expect.any(String), unsubscribedAt: null,
    });
  });
});

test('the timeline is of the organization’s hours', async () => {
  const campaign = await send({ recipients: 3 });
  await opens(campaign, 1);
  const { zone, hours } = await report(campaign, '/timeline');
  expect(zone).toBe('UTC');
  expect(hours.reduce((sum: number, hour: { sent: number }) => sum + hour.sent, 0)).toBe(3);
  expect(hours.reduce((sum: number, hour: { uniqueOpened: number }) => sum + hour.uniqueOpened, 0)).toBe(1);
  for (const hour of hours) expect(hour.local).toBe(hour.at.slice(0, 16));
});

test('rates over nothing are none', async () => {
  const campaign = await send({ recipients: [] });
  expect(await report(campaign)).toMatchObject({ sent: 0, openRate: null, clickRate: null, clickToOpenRate: null, bounceRate: null });
});

test('an A/B test by variant, with who won and how sure that is', async () => {
  const experiment = { subjects: ['Other words'], contents: [], fromNames: [], testPercent: 100, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] };
  const campaign = await send({
    recipients: 20, variant: '1 + (o % 2)', campaign: { subject: 'Own words', experiment: JSON.stringify(experiment), winner: 2, experiment_result: JSON.stringify({ winner: 2, by: null, at: '2026-11-25T10:00:00.000Z', variants: [] }) },
  });
  for (const ordinal of [1, 3, 5, 7, 9]) await opens(campaign, ordinal);
  await opens(campaign, 2);
  const { variants, experiment: shown } = await report(campaign);
  expect(variants).toMatchObject([
    { no: 1, label: 'A', subject: 'Own words', sent: 10, opened: { unique: 1 }, openRate: 10, isWinner: false }, { no: 2, label: 'B', subject: 'Other words', sent: 10, opened: { unique: 5 }, openRate: 50, isWinner: true },
  ]);
  expect(variants[0].chance + variants[1].chance).toBeCloseTo(1);
  expect(variants[1].chance).toBeGreaterThan(0.9);
  expect(shown).toEqual({ winnerBy: 'open_rate', testPercent: 100, winner: 2, pickedBy: null, pickedAt: '2026-11-25T10:00:00.000Z' });
  const filtered = await ada.get(`/campaigns/${campaign.campaignId}/recipients?variant=B&engagement=opened`);
  expect(filtered.body.data).toHaveLength(5);
  expect(filtered.body.data[0].variant).toBe('B');
});

describe('bounces', () => {
  const arrives = (campaign: SentCampaign, ordinal: number, type: string, detail: object | null = null) => use(({ sql }) => sql.transaction(async (tx) => {
    const event = await tx.first<{ id: number }>(
      `insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, detail) select $3, customer_id, mail_no, ordinal, now(), 'webhook', $4 from message where mail_no = $1 and ordinal = $2 returning id`, [campaign.mailNo, ordinal, type, detail]);
    await tx.run(`insert into outbox (topic, ids) values ('event', $1)`, [[event!.id]]);
  }));

  test('a message bounces, is delivered and complained about once, however often that is told', async () => {
    const campaign = await send({ recipients: 10, vendor: 'sendgrid' });
    for (let again = 0; again < 3; again += 1) {
      await arrives(campaign, 1, 'bounced', { class: 'hard' });
      await arrives(campaign, 2, 'bounced', { class: 'block' });
      await arrives(campaign, 3, 'bounced', { class: 'soft' });
      await arrives(campaign, 4, 'complained');
      await arrives(campaign, 5, 'delivered');
    }
    expect(await report(campaign)).toMatchObject({ bounced: 3, hardBounced: 1, blocked: 1, softBounced: 1, complained: 1, delivered: 2, bounceRate: 30, complaintRate: 10, deliveryRate: 20 });
    expect((await ada.get(`/campaigns/${campaign.campaignId}/recipients?engagement=bounced`)).body.data).toHaveLength(3);
  });
});

describe('comparing', () => {
  test('up to five campaigns side by side', async () => {
    const [one, two] = [await send({ recipients: 4, name: 'One' }), await send({ recipients: 4, name: 'Two' })];
    await opens(two, 1);
    await applied();
    const reply = await ada.get(`/campaigns/${one.campaignId}/compare?with=${two.campaignId}`);
    expect(reply.body.data).toMatchObject([{ name: 'One', sent: 4, openRate: 0 }, { name: 'Two', sent: 4, openRate: 25 }]);
    const tooMany = Array.from({ length: 5 }, () => crypto.randomUUID()).join(',');
    expect((await ada.get(`/campaigns/${one.campaignId}/compare?with=${tooMany}`)).status).toBe(422);
    expect((await ada.get(`/campaigns/${one.campaignId}/compare?with=${crypto.randomUUID()}`)).body.errors).toMatchObject([{ field: 'with' }]);
  });
});

describe('why', () => {
  const why = async (campaign: SentCampaign, email: string) => {
    const reply = await ada.get(`/campaigns/${campaign.campaignId}/explain?email=${encodeURIComponent(email)}`);
    expect(reply.status).toBe(200);
    return reply.body;
  };
  let campaign: SentCampaign;
  let list: { id: string };
  let segment: { id: string };
  beforeEach(async () => {
    const suffix = crypto.randomUUID().slice(0, 8);
    list = (await ada.post('/lists', { name: `In ${suffix}` })).body;
    segment = (await ada.post('/segments', { name: `Londoners ${suffix}`, rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'London' }] } })).body;
    const targets = JSON.stringify([{ kind: 'list', id: list.id, mode: 'include' }, { kind: 'segment', id: segment.id, mode: 'exclude' }]);
    campaign = await send({ recipients: ['got@why.example', 'failed@why.example'], campaign: { targets, frozen_at: new Date(Date.now() - 120_000).toISOString() } });
    await run(`update message m set state = 3, reason = 'hard_bounce', reply = '550 5.1.1 no such user' from customer c where c.id = m.customer_id and m.mail_no = $1 and c.email = 'failed@why.example'`, [campaign.mailNo]);
  });
  const add = (email: string, more: object = {}) => ada.request('PUT', `/customers/by-email/${encodeURIComponent(email)}`, { listIds: [list.id], ...more });

  test('sent, when and over what; failed, with the reply', async () => {
    expect(await why(campaign, 'GOT@why.example')).toMatchObject({ verdict: 'sent', email: 'got@why.example', says: [expect.stringMatching(/^Sent on .* over Line /)], message: { state: 'sent', attempts: 1 } });
    const failed = await why(campaign, 'failed@why.example');
    expect(failed).toMatchObject({ verdict: 'failed', message: { reason: 'hard_bounce' } });
    expect(failed.says.join(' ')).toMatch(/address is dead.*550 5\.1\.1 no such user/);
  });

  test('an address that is no customer’s, also a suppressed one', async () => {
    expect(await why(campaign, 'stranger@why.example')).toMatchObject({ verdict: 'unknown_address', customerId: null, message: null });
    await ada.post('/suppressions', { email: 'blocked@why.example', reason: 'manual' });
    expect(await why(campaign, 'blocked@why.example')).toMatchObject({ verdict: 'unknown_address', suppression: { reason: 'manual' }, says: ['No customer has this address.', expect.stringContaining('suppressed since')] });
    expect((await ada.get(`/campaigns/${campaign.campaignId}/explain?email=nonsense`)).status).toBe(422);
  });

  test('who came after the audience was frozen; who is excluded; who would be in today', async () => {
    await add('late@why.example');
    expect(await why(campaign, 'late@why.example')).toMatchObject({ verdict: 'not_in_audience', says: [expect.stringContaining('frozen'), expect.stringContaining('became a customer later')] });
    await add('london@why.example', { city: 'London' });
    await run(`update customer set created_at = now() - interval '1 day' where email like '%@why.example'`);
    const excluded = await why(campaign, 'london@why.example');
    expect(excluded.says.join(' ')).toMatch(/excluded by the segment “Londoners/);
    expect(excluded.targets).toMatchObject([{ kind: 'list', mode: 'include', matches: true }, { kind: 'segment', mode: 'exclude', matches: true, tree: { holds: true } }]);
    expect((await why(campaign, 'late@why.example')).says[1]).toMatch(/would be in it today/);
  });

  test('a draft says who would get it, and who would not', async () => {
    const draft = (await ada.post('/campaigns', { name: 'Draft' })).body;
    await ada.patch(`/campaigns/${draft.id}`, { version: draft.version, targets: [{ kind: 'list', id: list.id, mode: 'include' }, { kind: 'segment', id: segment.id, mode: 'exclude' }] });
    await add('yes@why.example', { city: 'Paris' });
    await add('no@why.example', { city: 'London' });
    await add('left@why.example', { city: 'Paris' });
    await ada.post('/suppressions', { email: 'left@why.example', reason: 'unsubscribed' });
    const verdict = async (email: string) => (await ada.get(`/campaigns/${draft.id}/explain?email=${email}`)).body.verdict;
    expect([await verdict('yes@why.example'), await verdict('no@why.example'), await verdict('left@why.example'), await verdict('got@why.example')]).toEqual(['would_get', 'excluded', 'unmailable', 'not_included']);
    expect((await ada.get(`/campaigns/${draft.id}/drift`)).status).toBe(409);
  });

  test('drift: who would join or leave the frozen audience today', async () => {
    await run(`insert into outbox (topic, ids, payload) values ('sent', '{1,2}', jsonb_build_object('mail', $1::int))`, [campaign.mailNo]);
    await add('got@why.example', { city: 'Paris' });
    await add('joins@why.example', { city: 'Paris' });
    await add('failed@why.example', { city: 'Paris' });
    const drift = async () => (await ada.get(`/campaigns/${campaign.campaignId}/drift`)).body;
    expect(await drift()).toMatchObject({ frozen: 2, today: 3, join: 1, leave: 0, unmailable: 0 });
    await ada.post('/suppressions', { email: 'failed@why.example', reason: 'manual' });
    expect(await drift()).toMatchObject({ frozen: 2, today: 2, join: 1, leave: 1, unmailable: 1 });
    await ada.delete(`/suppressions/failed%40why.example`, { note: 'Again.' });
  });
});

describe('the certificate', () => {
  test('is there when the campaign has one, with the addresses that differ', async () => {
    const campaign = await send({ recipients: 2 });
    expect((await ada.get(`/campaigns/${campaign.campaignId}/certificate`)).status).toBe(404);
    const counts = { sent: 2, failed: 0, skipped: 0, inDoubt: 0 };
    const certificate = { audience: { frozen: 'a', recounted: 'a' }, resolved: 2, ledger: counts, reasons: [], counters: counts, events: { sent: 1, erased: 0 }, verdict: 'differs', issuedAt: '2026-11-25T10:00:00.000Z' };
    await run(`update campaign set certificate = $2::jsonb || jsonb_build_object('differing', (select array_agg(customer_id) from message where mail_no = $3 and ordinal = 1)) where id = $1`, [campaign.campaignId, JSON.stringify(certificate), campaign.mailNo]);
    expect((await ada.get(`/campaigns/${campaign.campaignId}/certificate`)).body).toMatchObject({ ...certificate, differing: [{ email: 'user1@example.com' }] });
  });
});
