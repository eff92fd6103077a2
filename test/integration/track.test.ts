import type { Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyEvents } from '../../activities/events.ts';
import { drainRound } from '../../activities/indexing.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { countRule } from '../../search/population.ts';
import { followOutbox } from '../support/indexing.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign, listenForTracking, type SentCampaign } from '../support/sent-campaign.ts';

let organization: TestOrganization;
let campaign: SentCampaign;
let server: Server;
let base: string;

beforeAll(async () => {
  organization = await createTestOrganization();
  ({ base, server } = await listenForTracking(organization.container));
}, 60_000);
afterAll(async () => {
  server.close();
  await organization.close();
});

const use = <T>(work: (tenant: Tenant) => Promise<T>) => organization.container.tenants.use(organization.orgId, work);
const sql = <R extends object>(text: string, values: unknown[] = []) => use((tenant) => tenant.sql.first<R>(text, values));
const rows = <R extends object>(text: string, values: unknown[] = []) => use((tenant) => tenant.sql.rows<R>(text, values));
/** What waits in the outbox is applied, as the worker does it. */
const applied = async () => { while ((await use((tenant) => drainRound(tenant, () => undefined))) > 0); };
const COLUMNS = ['sent', 'opened', 'clicked', 'unique_opened', 'unique_clicked', 'machine_opened', 'machine_clicked', 'unsubscribed', 'delivered', 'bounced', 'in_doubt'] as const;
const counts = async (): Promise<Record<string, number>> => {
  await applied();
  const row = await sql<Record<string, number>>(`select ${COLUMNS.map((column) => `sum(${column})::int as ${column}`).join(', ')} from mail_count where mail_no = $1`, [campaign.mailNo]);
  return Object.fromEntries(Object.entries(row!).filter(([, n]) => n !== 0));
};
const open = (ordinal: number, headers: Record<string, string> = {}, method = 'GET') => fetch(`${base}/open/${campaign.id('open', ordinal)}`, { method, headers });
const click = (ordinal: number, link: number, headers: Record<string, string> = {}) => fetch(`${base}/click/${campaign.id('click', ordinal, link)}`, { redirect: 'manual', headers });

const urls = ['https://shop.example/a', 'https://shop.example/b', 'https://shop.example/caf\u00e9'];
beforeEach(async () => {
  campaign = await createSentCampaign(organization, { recipients: 12, urls });
});

describe('opens and clicks', () => {
  test('an open is counted once per person and answered with the pixel, as is an unknown id', async () => {
    const answers = await Promise.all([open(1), open(1), open(2)]);
    const unknown = await fetch(`${base}/open/nonsense`);
    for (const answer of [...answers, unknown]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toContain('no-store');
      expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin'); // webmail shows it inside its own page
      expect((await answer.arrayBuffer()).byteLength).toBe(43);
    }
    expect(await counts()).toEqual({ sent: 12, opened: 3, unique_opened: 2 });
  });

  test('a click goes to the stored destination, counts per link, and is also an open', async () => {
    const first = await click(1, 1);
    expect(first.status).toBe(302);
    expect(first.headers.get('location')).toBe('https://shop.example/b');
    expect(first.headers.get('referrer-policy')).toBe('no-referrer');
    expect((await click(3, 2)).headers.get('location')).toBe('https://shop.example/caf%C3%A9');
    await click(1, 1);
    await click(2, 1);
    expect(await counts()).toEqual({ sent: 12, clicked: 4, unique_clicked: 3, unique_opened: 3 });
    expect(await sql('select clicks, unique_clicks from link_count where mail_no = $1 and link_no = 1', [campaign.mailNo])).toEqual({ clicks: 3, unique_clicks: 2 });
    expect(await rows('select ordinal, clicks from link_clicker where mail_no = $1 and link_no = 1 order by ordinal', [campaign.mailNo])).toEqual([{ ordinal: 1, clicks: 2 }, { ordinal: 2, clicks: 1 }]);
  });

  test('an altered id is a page that says so, and leads nowhere', async () => {
    const altered = campaign.id('click', 1, 1).replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
    for (const bad of [altered, campaign.id('open', 1), campaign.id('click', 1, 99)]) {
      const answer = await fetch(`${base}/click/${bad}`, { redirect: 'manual' });
      expect(answer.status).toBe(404);
      expect(answer.headers.get('location')).toBeNull();
    }
    expect(await counts()).toEqual({ sent: 12 });
  });

  test('what was answered is stored, whatever happens next, and is counted once however often it is applied', async () => {
    await Promise.all([open(1), open(2), click(2, 0)]);
    const outbox = await rows<{ id: number }>(`select id from outbox where topic = 'event'`);
    expect(outbox.length).toBeGreaterThan(0);
    // Two workers take the same rows, and one of them comes again.
    await Promise.all([use((tenant) => applyEvents(tenant, outbox)), use((tenant) => applyEvents(tenant, outbox))]);
    await use((tenant) => applyEvents(tenant, outbox));
    expect(await counts()).toEqual({ sent: 12, opened: 2, clicked: 1, unique_opened: 2, unique_clicked: 1 });
  });

  test('a batch that fails halfway leaves nothing behind and is applied whole the next time', async () => {
    await Promise.all([open(1), click(2, 0)]);
    const outbox = await rows<{ id: number }>(`select id from outbox where topic = 'event'`);
    await sql(`create function refuse_clickers() returns trigger language plpgsql as $$begin raise exception 'the disk is full'; end$$`);
    await sql('create trigger refuse_clickers before insert on link_clicker for each row execute function refuse_clickers()');
    try {
      await expect(use((tenant) => applyEvents(tenant, outbox))).rejects.toThrow('the disk is full');
      expect(await rows('select id from outbox where id = any($1)', [outbox.map((row) => row.id)])).toHaveLength(outbox.length);
      expect(await sql('select sum(opened)::int as opened, sum(clicked)::int as clicked from mail_count where mail_no = $1', [campaign.mailNo])).toEqual({ opened: 0, clicked: 0 });
    } finally {
      await sql('drop trigger refuse_clickers on link_clicker');
      await sql('drop function refuse_clickers');
    }
    expect(await counts()).toEqual({ sent: 12, opened: 1, clicked: 1, unique_opened: 2, unique_clicked: 1 });
  });

  test('gives way to who holds a message, and comes again', async () => {
    await open(1);
    const held = use(({ sql: db }) => db.transaction(async (tx) => {
      await tx.rows('select 1 from message where mail_no = $1 and ordinal = 1 for update', [campaign.mailNo]);
      await new Promise((resolve) => setTimeout(resolve, 800));
    }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const counted = counts();
    await held;
    expect(await counted).toEqual({ sent: 12, opened: 1, unique_opened: 1 });
  });

  test('an id of an erased person counts, and names nobody', async () => {
    await use((tenant) => tenant.sql.run('delete from customer where id = (select customer_id from message where mail_no = $1 and ordinal = 12)', [campaign.mailNo]));
    await open(12);
    expect(await counts()).toEqual({ sent: 12, opened: 1, unique_opened: 1 });
    expect(await rows('select customer_id from event where mail_no = $1', [campaign.mailNo])).toEqual([{ customer_id: null }]);
  });

  test('opens and clicks in any batches and any order come to the same', async () => {
    const asks = [() => open(1), () => click(1, 0), () => open(1), () => click(2, 1), () => open(2), () => click(2, 1)];
    const come = async (batches: number[][]) => {
      campaign = await createSentCampaign(organization, { recipients: 3, urls });
      for (const batch of batches) {
        for (const i of batch) await asks[i]!();
        await applied();
      }
      return counts();
    };
    const expected = { sent: 3, opened: 3, clicked: 3, unique_opened: 2, unique_clicked: 2 };
    for (const batches of [[[0, 1, 2, 3, 4, 5]], [[0], [1], [2], [3], [4], [5]], [[5, 4], [3, 0], [2, 1]]]) expect(await come(batches)).toEqual(expected);
  });
});

describe('an open one second ago', () => {
  let stop: () => Promise<void>;
  beforeEach(() => { stop = followOutbox(organization); });
  afterEach(() => stop());

  test('counts in a segment and in the report, exactly once', async () => {
    await open(4);
    const asks = async (event: string) => (await use((tenant) => countRule(tenant, { op: 'and', parts: [{ event, operator: 'has_done', campaign: campaign.campaignId, window: { last: 1, unit: 'MINUTE' } }] }))).total;
    expect(await asks('opened')).toBe(1);
    await click(4, 0);
    expect([await asks('opened'), await asks('clicked')]).toEqual([1, 1]);
    expect(await counts()).toEqual({ sent: 12, opened: 1, clicked: 1, unique_opened: 1, unique_clicked: 1 });
  });
});

describe('machines', () => {
  const reasons = async () => Object.fromEntries((await rows<{ reason: string; n: number }>(`select machine_reason as reason, count(*)::int as n from event where mail_no = $1 and machine group by 1`, [campaign.mailNo])).map((row) => [row.reason, row.n]));

  test('HEAD, prefetching, privacy proxies and scanners are counted apart with the reason', async () => {
    const head = await open(1, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), (await head.arrayBuffer()).byteLength]).toEqual([200, '43', 0]);
    await open(2, { 'sec-purpose': 'prefetch;prerender' });
    await open(3, { 'user-agent': 'Mozilla/5.0' });
    await click(4, 0, { 'user-agent': 'Barracuda Sentinel (EE)' });
    expect(await counts()).toEqual({ sent: 12, machine_opened: 3, machine_clicked: 1 });
    expect(await reasons()).toEqual({ head: 1, prefetch: 1, privacy_proxy: 1, scanner: 1 });
    expect(await rows('select reason, opened, clicked from machine_count where mail_no = $1 order by 1', [campaign.mailNo])).toEqual([
      { reason: 'head', opened: 1, clicked: 0 }, { reason: 'prefetch', opened: 1, clicked: 0 }, { reason: 'privacy_proxy', opened: 1, clicked: 0 }, { reason: 'scanner', opened: 0, clicked: 1 },
    ]);
  });

  test('who opens within two seconds of sending is no person; nor is who does before the server has answered', async () => {
    await use((tenant) => tenant.sql.run('update message set ended_at = now() where mail_no = $1 and ordinal = 7', [campaign.mailNo]));
    await use((tenant) => tenant.sql.run('update message set state = 1, ended_at = null where mail_no = $1 and ordinal = 8', [campaign.mailNo]));
    await open(7);
    await open(8);
    await open(9);
    expect(await counts()).toEqual({ sent: 12, opened: 1, unique_opened: 1, machine_opened: 2 });
    expect(await reasons()).toEqual({ too_soon: 2 });
  });

  const opened = (id: number) => sql('select first_opened_at is not null as opened, first_clicked_at is not null as clicked, open_count as opens, click_count as clicks from message where mail_no = $1 and ordinal = $2', [campaign.mailNo, id]);

  test('all links of a mail within five seconds are a scanner’s, also when the first ones had counted', async () => {
    await open(6);
    await click(6, 0);
    expect(await counts()).toEqual({ sent: 12, opened: 1, clicked: 1, unique_opened: 1, unique_clicked: 1 });
    await click(6, 1);
    await click(6, 2);
    expect(await counts()).toEqual({ sent: 12, opened: 1, unique_opened: 1, machine_clicked: 3 });
    expect(await opened(6)).toEqual({ opened: true, clicked: false, opens: 1, clicks: 0 });
    expect(await rows('select link_no, clicks, unique_clicks, machine_clicks from link_count where mail_no = $1 order by 1', [campaign.mailNo])).toEqual([0, 1, 2].map((link_no) => ({ link_no, clicks: 0, unique_clicks: 0, machine_clicks: 1 })));
    expect(await rows('select * from link_clicker where mail_no = $1', [campaign.mailNo])).toEqual([]);
    const activity = await sql('select clicked_count, clicked_last, clicked_in, opened_count, clicked_any_count from customer_activity a join message m using (customer_id) where m.mail_no = $1 and m.ordinal = 6', [campaign.mailNo]);
    expect(activity).toEqual({ clicked_count: 0, clicked_last: null, clicked_in: null, opened_count: 1, clicked_any_count: 3 });
  });

  test('the scanner’s clicks taken back leave those of the person', async () => {
    await click(5, 0);
    await use((tenant) => tenant.sql.run(`update event set occurred_at = occurred_at - interval '20 seconds' where mail_no = $1`, [campaign.mailNo]));
    expect(await counts()).toEqual({ sent: 12, clicked: 1, unique_clicked: 1, unique_opened: 1 });
    await click(5, 1);
    await click(5, 2);
    expect(await counts()).toMatchObject({ clicked: 3, unique_clicked: 1 });
    await click(5, 0);
    expect(await counts()).toEqual({ sent: 12, clicked: 1, unique_clicked: 1, unique_opened: 1, machine_clicked: 3 });
    expect(await opened(5)).toEqual({ opened: true, clicked: true, opens: 0, clicks: 1 });
    expect(await rows('select link_no, ordinal, clicks from link_clicker where mail_no = $1', [campaign.mailNo])).toEqual([{ link_no: 0, ordinal: 5, clicks: 1 }]);
  });

  test('who follows the link that nobody sees is a scanner, with all she clicked at that time', async () => {
    await click(5, 0);
    await applied();
    const trap = await fetch(`${base}/click/${campaign.id('hiddenLink', 5)}`, { redirect: 'manual' });
    expect(trap.status).toBe(204);
    expect(await counts()).toEqual({ sent: 12, machine_clicked: 2 });
    expect(await reasons()).toEqual({ hidden_link: 2 });
  });
});

describe('what the requests tell', () => {
  const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
  test('country, program and device are counted, addresses kept nowhere; the place of a proxy is not the reader’s', async () => {
    await open(1, { 'x-forwarded-for': '81.2.69.142', 'user-agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148' });
    await click(1, 0, { 'x-forwarded-for': '81.2.69.142', 'user-agent': chrome });
    await open(2, { 'x-forwarded-for': '66.249.84.1', 'user-agent': 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)' });
    await open(3, { 'x-forwarded-for': '2003:e0:1::1', 'user-agent': chrome, referer: 'https://outlook.live.com/' });
    await applied();
    expect(await rows('select country, city, opened, clicked, unique_opened, unique_clicked from place_count where mail_no = $1 order by 1', [campaign.mailNo])).toEqual([
      { country: '', city: '', opened: 1, clicked: 0, unique_opened: 1, unique_clicked: 0 },
      { country: 'DE', city: '', opened: 1, clicked: 0, unique_opened: 1, unique_clicked: 0 },
      { country: 'GB', city: '', opened: 1, clicked: 1, unique_opened: 1, unique_clicked: 1 },
    ]);
    expect(await rows('select client, device, opened, clicked, unique_opened from client_count where mail_no = $1 order by 1', [campaign.mailNo])).toEqual([
      { client: 'Apple Mail', device: 'Mobile', opened: 1, clicked: 0, unique_opened: 1 }, { client: 'Chrome', device: 'Desktop', opened: 0, clicked: 1, unique_opened: 0 },
      { client: 'Gmail', device: '', opened: 1, clicked: 0, unique_opened: 1 }, { client: 'Outlook on the web', device: 'Desktop', opened: 1, clicked: 0, unique_opened: 1 },
    ]);
    const everything = await sql<{ text: string }>(`select string_agg(e::text, '') as text from event e where mail_no = $1`, [campaign.mailNo]);
    expect(everything!.text).not.toMatch(/81\.2\.69|66\.249|2003:e0/);
  });
});

describe('evidence', () => {
  test('whatever arrives about a message in doubt makes it sent', async () => {
    await use(async (tenant) => {
      await tenant.sql.run(`update message set state = 5, reason = 'interrupted' where mail_no = $1 and ordinal in (1, 2)`, [campaign.mailNo]);
      await tenant.sql.run('update mail_count set sent = sent - 2, in_doubt = 2 where mail_no = $1', [campaign.mailNo]);
      await tenant.sql.run(`insert into reason_count (mail_no, state, reason, count) values ($1, 5, 'interrupted', 2)`, [campaign.mailNo]);
    });
    await open(1);
    await open(1, {}, 'HEAD');
    expect(await counts()).toEqual({ sent: 11, in_doubt: 1, opened: 1, unique_opened: 1, machine_opened: 1 });
    expect(await rows('select state, reason from message where mail_no = $1 and ordinal in (1, 2) order by ordinal', [campaign.mailNo])).toEqual([{ state: 2, reason: null }, { state: 5, reason: 'interrupted' }]);
    expect(await sql('select sum(count)::int as n from reason_count where mail_no = $1 and state = 5', [campaign.mailNo])).toEqual({ n: 1 });
    expect(await sql(`select ids, payload from outbox where topic = 'sent' and (payload->>'mail')::int = $1`, [campaign.mailNo])).toEqual({ ids: [1, 1], payload: { mail: campaign.mailNo } });
  });

  test('an open implies a delivery where the connection tells of deliveries, and only there', async () => {
    await open(1);
    expect(await counts()).toEqual({ sent: 12, opened: 1, unique_opened: 1 });
    campaign = await createSentCampaign(organization, { recipients: 2, urls, vendor: 'sendgrid' });
    await use(({ sql: db }) => db.transaction(async (tx) => {
      const event = await tx.first<{ id: number }>(
        `insert into event (type, customer_id, mail_no, ordinal, occurred_at, source) select 'delivered', customer_id, mail_no, ordinal, now(), 'webhook' from message where mail_no = $1 and ordinal = 1 returning id`, [campaign.mailNo]);
      await tx.run(`insert into outbox (topic, ids) values ('event', $1)`, [[event!.id]]);
    }));
    await open(1);
    await click(2, 0);
    expect(await counts()).toEqual({ sent: 2, opened: 1, clicked: 1, unique_opened: 2, unique_clicked: 1, delivered: 2 });
  });
});

describe('unsubscribing', () => {
  test('looking at the page changes nothing; the POST suppresses at once and counts once, without login or redirect', async () => {
    const url = `${base}/unsubscribe/${campaign.id('unsubscribe', 3)}`;
    const page = await fetch(url);
    expect(await page.text()).toContain('<button');
    const state = () => sql<{ u: boolean; s: number }>(
      `select c.is_unsubscribed as u, (select count(*)::int from suppression x where x.email_key = c.email_key and reason = 'unsubscribed' and source = 'tracking_link') as s
         from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = 3`, [campaign.mailNo]);
    expect(await state()).toEqual({ u: false, s: 0 });
    for (let i = 0; i < 2; i += 1) {
      const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }), redirect: 'manual' });
      expect(answer.status).toBe(200);
      // Nothing was applied yet: she gets no mail from this moment on.
      expect(await state()).toEqual({ u: true, s: 1 });
    }
    expect(await counts()).toEqual({ sent: 12, unsubscribed: 1 });
    await fetch(url, { method: 'POST' });
    expect(await counts()).toEqual({ sent: 12, unsubscribed: 1 });
    expect(await sql('select unsubscribed_count as n from customer_activity a join message m using (customer_id) where m.mail_no = $1 and m.ordinal = 3', [campaign.mailNo])).toEqual({ n: 1 });
  });

  test('the link of a test mail changes nothing', async () => {
    const answer = await fetch(`${base}/unsubscribe/${campaign.id('testUnsubscribe', 0)}`, { method: 'POST' });
    expect(await answer.text()).toContain('test mail');
  });
});

describe('the web version', () => {
  const html = '<html><body><p>Hello {{ first_name | default: "you" }}</p><a href="https://shop.example/a">A</a><script>alert(1)</script></body></html>';
  test('is the mail as she got it, in her words, and can do nothing; reading it is an open', async () => {
    campaign = await createSentCampaign(organization, { recipients: 2, campaign: { html } });
    await use((tenant) => tenant.sql.run(`update customer set first_name = '<Ada>' where email = 'user1@example.com'`));
    const answer = await fetch(`${base}/web/${campaign.id('web', 1)}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none';.*sandbox(?!.*allow-(scripts|same-origin|forms))/);
    const text = await answer.text();
    expect(text).toContain('Hello &lt;Ada&gt;');
    expect(text).toContain(`/api/track/click/${campaign.id('click', 1, 0)}`);
    expect(await counts()).toEqual({ sent: 2, opened: 1, unique_opened: 1 });
  });

  test('of a variant, of an erased reader, of nobody, of a test mail', async () => {
    const experiment = { subjects: [], contents: [{ html: '<p>The other words</p>', text: '' }], fromNames: [], testPercent: 100, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] };
    campaign = await createSentCampaign(organization, { recipients: 3, variant: '1 + (o % 2)', campaign: { html, experiment: JSON.stringify(experiment) } });
    expect(await (await fetch(`${base}/web/${campaign.id('web', 1)}`)).text()).toContain('The other words');
    expect(await (await fetch(`${base}/web/${campaign.id('web', 2)}`)).text()).toContain('Hello');
    await use((tenant) => tenant.sql.run('delete from customer where id = (select customer_id from message where mail_no = $1 and ordinal = 3)', [campaign.mailNo]));
    for (const id of [campaign.id('web', 3), campaign.id('web', 99), campaign.id('open', 1), 'nonsense']) expect((await fetch(`${base}/web/${id}`)).status).toBe(404);
    expect(await (await fetch(`${base}/web/${campaign.id('web', 0)}`)).text()).toContain('test mail');
  });
});
