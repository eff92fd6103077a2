import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createLaunchedCampaign } from '../support/campaign.ts';

/** Previews, and clicks on links that hold merge tags. */

let api: TestApi;
let member: TestUser;
beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
});
afterAll(() => api.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, (tenant) => tenant.sql.rows<T>(text, values));
const render = async (body: object) => (await member.post('/render', body)).body;

describe('a preview', () => {
  test('shows the sample person, with something in every custom field', async () => {
    await member.post('/fields', { key: 'plan', label: 'Plan', type: 'text' });
    await member.post('/fields', { key: 'since', label: 'Since', type: 'date' });
    const shown = await render({ subject: 'Hi {{ first_name }}', preheader: 'P {{ city }}', fromName: '{{ organization.name }}', html: '<p>{{ custom.plan }} {{ custom.since | date: "%Y" }} {{ email }}</p>' });
    expect(shown).toMatchObject({ subject: 'Hi Ada', preheader: 'P London', fromName: expect.stringMatching(/^Test /), text: 'Plan 2026 ada@example.com', tags: ['first_name', 'city', 'organization.name', 'custom.plan', 'custom.since', 'email'], choices: 0 });
    expect(shown.html).toContain('P London</div><p>Plan 2026 ada@example.com</p>');
    expect(shown.sizeBytes).toBe(Buffer.byteLength(shown.html));
  });

  test('shows a customer, her choices as she will get them, and others when asked', async () => {
    const campaign = (await member.post('/campaigns', { name: 'Frühling' })).body;
    const customers = await Promise.all(Array.from({ length: 12 }, async (_, i) => (await member.post('/customers', { email: `c${i}@x.example`, firstName: `C${i}` })).body.id as number));
    const subject = '{a|b|c|d|e|f} {{ first_name }}';
    await member.patch(`/campaigns/${campaign.id}`, { subject, html: '<p>Stored</p>' });
    const subjects = await Promise.all(customers.map(async (customerId) => (await render({ subject, campaignId: campaign.id, customerId })).subject as string));
    expect(new Set(subjects.map((shown) => shown[0])).size).toBeGreaterThan(2);
    expect(subjects.map((shown) => shown.slice(2))).toEqual(customers.map((_, i) => `C${i}`));
    // What is not given is the campaign's own, with the same choice.
    const stored = await render({ campaignId: campaign.id, customerId: customers[3] });
    expect([stored.subject, stored.html, stored.choices]).toEqual([subjects[3], '<p>Stored</p>', 1]);
    const others = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(async (seed) => (await render({ subject, campaignId: campaign.id, customerId: customers[3], seed })).subject as string));
    expect(new Set(others).size).toBeGreaterThan(1);
  });

  test('shows a variant of an A/B test', async () => {
    const campaign = (await member.post('/campaigns', { name: 'Two subjects' })).body;
    const experiment = { subjects: ['Second'], contents: [], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: 'open_rate', distribution: 'random', weights: [] };
    await member.patch(`/campaigns/${campaign.id}`, { subject: 'First', html: '<a href="https://x.shop/">x</a>', experiment });
    const b = await render({ campaignId: campaign.id, variant: 'B' });
    expect(b.subject).toBe('Second');
    expect(b.links[0].url).toContain('utm_campaign=two-subjects&utm_content=B');
    expect((await member.post('/render', { campaignId: campaign.id, variant: 'C' })).body.errors).toEqual([{ field: 'variant', message: 'This campaign has no variant C.' }]);
  });

  test('lists links as they lead, and everything against it with its place', async () => {
    const html = '<a href="https://x.shop/?for={{ email }}">a</a>\n<a data-track="off" href="https://x.shop/off">b</a>\n{{ nothing }} <img src="https://x.shop/a.png"> {a|b';
    const { slug } = await api.container.tenants.use(api.orgId, ({ org }) => Promise.resolve(org));
    const shown = await render({ html });
    expect(shown.links).toEqual([
      { written: 'https://x.shop/?for={{ email }}', url: `https://x.shop/?for=ada%40example.com&utm_source=${slug}&utm_medium=email`, tracked: true },
      { written: 'https://x.shop/off', url: 'https://x.shop/off', tracked: false },
    ]);
    expect(shown.problems).toEqual(expect.arrayContaining([
      { field: 'html', severity: 'error', line: 3, column: 48, message: 'This { is not closed. Write \\{ for a brace that means itself.' },
      { field: 'html', severity: 'warning', line: 3, column: 1, message: expect.stringContaining('There is no field nothing.') },
      { field: 'html', severity: 'error', line: null, column: null, message: 'The HTML needs a link to {{ unsubscribe_url }}.' },
    ]));
    expect(shown.html).not.toContain('/track/');
  });

  test('its unsubscribe link says that it is a test', async () => {
    const { html } = await render({ html: '<a href="{{ unsubscribe_url }}">x</a>' });
    const path = new URL(/href="([^"]+)"/.exec(html)![1]!).pathname;
    expect(await (await fetch(api.baseUrl + path, { method: 'POST' })).text()).toContain('link of a test mail');
  });

  test('is made from MJML, whose mistakes it says; so are the links of what is sent', async () => {
    const mjml = (inner: string) => `<mjml><mj-body><mj-section><mj-column>\n${inner}</mj-column></mj-section></mj-body></mjml>`;
    const html = mjml('<mj-text>{Hi|Hello} {{ first_name }} <a href="{{ unsubscribe_url }}">Leave</a></mj-text><mj-button href="https://x.shop/mjml">Go</mj-button>');
    const shown = await render({ html });
    expect(shown.html).toMatch(/^<!doctype html>[\s\S]*(Hi|Hello) Ada/);
    expect(shown).toMatchObject({ links: [{ written: 'https://x.shop/mjml' }], choices: 1 });
    expect(shown.problems.filter((problem: { severity: string }) => problem.severity === 'error')).toEqual([]);
    expect((await render({ html: mjml('<mj-txt>x</mj-txt>') })).problems).toContainEqual({ field: 'html', severity: 'error', line: 2, column: 1, message: 'There is no element mj-txt.' });

    const campaign = await createLaunchedCampaign({ orgId: api.orgId, container: api.container, close: () => Promise.resolve() }, { recipients: ['mjml@x.example'], port: 1, html });
    await asActivity(createCampaignActivities(api.container).freezeAudience, campaign);
    expect(await sql('select no, url from link where mail_no = $1', [campaign.mailNo])).toEqual([{ no: 0, url: expect.stringMatching(/^https:\/\/x\.shop\/mjml\?utm_source=/) }]);
  });

  test('runs no hostile template for long', async () => {
    const startedAt = performance.now();
    for (const piece of ['{{', '{% if a %}', '{a|', '<a href="{{', '<style>', '<!--', '{{ x | default: "']) expect((await member.post('/render', { html: piece.repeat(Math.floor(400_000 / piece.length)) })).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});

describe('a click on a link that holds merge tags', () => {
  const html = '<a href="https://shop.example/?for={{ first_name }}&amp;c={{ campaign.name }}">1</a> <a href="{{ custom.page }}">2</a> <a href="https://{{ custom.shop }}.example.com/">3</a> <a href="{{ unsubscribe_url }}">x</a>';
  let click: (link: number, ordinal?: number) => Promise<{ status: number; location: string | null }>;
  const hers = (page: string, shop: string, name: string) => sql('update customer set custom = jsonb_build_object($1::text, $2::text, $3::text, $4::text), first_name = $5 where email = $6', ['page', page, 'shop', shop, name, 'clicker@x.example']);

  beforeAll(async () => {
    const campaign = await createLaunchedCampaign({ orgId: api.orgId, container: api.container, close: () => Promise.resolve() }, { recipients: ['clicker@x.example'], port: 1, html });
    await asActivity(createCampaignActivities(api.container).freezeAudience, campaign);
    const orgNo = await api.container.tenants.use(api.orgId, ({ org }) => Promise.resolve(org.no));
    click = async (link, ordinal = 1) => {
      const [id] = createTrackingIds(api.container.secrets).mint({ orgNo, mailNo: campaign.mailNo, ordinal }, [{ kind: 'click', link }]);
      const answer = await fetch(`${api.baseUrl}/api/track/click/${id}`, { redirect: 'manual' });
      return { status: answer.status, location: answer.headers.get('location') };
    };
  });

  test('leads where her values say, with UTM', async () => {
    await hers('https://club.example/ada?ref=1#top', 'vip', 'Zoë & Co?');
    const utm = /utm_source=[\w-]+&utm_medium=email&utm_campaign=spring$/;
    const [first, second, third] = [await click(0), await click(1), await click(2)];
    expect([first, second, third].map((each) => each.status)).toEqual([302, 302, 302]);
    expect(first.location).toMatch(utm);
    expect(first.location).toContain('https://shop.example/?for=Zo%C3%AB%20%26%20Co%3F&c=Spring&');
    expect(second.location).toMatch(/^https:\/\/club\.example\/ada\?ref=1&utm_source=[\w-]+&utm_medium=email&utm_campaign=spring#top$/);
    expect(third.location).toMatch(/^https:\/\/vip\.example\.com\/\?utm_source=/);
  });

  test.each([
    ['javascript:alert(1)', 'evil.example/'], ['//evil.example', 'evil.example#'], ['https://shop.example@evil.example/', 'a@evil'], ['', ''], ['data:text/html,<script>', 'x..'],
  ])('leads nowhere when they make no address: %j, %j', async (page, shop) => {
    await hers(page, shop, 'x');
    expect([await click(1), await click(2)]).toEqual([{ status: 404, location: null }, { status: 404, location: null }]);
  });

  test('a value cannot end the header or leave the author’s place', async () => {
    await hers('https://ok.example/', 'ok', 'x\r\nSet-Cookie: a=b\r\n\r\n<script>/../../?&#');
    const { location } = await click(0);
    expect(location).toMatch(/^https:\/\/shop\.example\/\?for=x%0D%0ASet-Cookie%3A%20a%3Db%0D%0A%0D%0A%3Cscript%3E%2F\.\.%2F\.\.%2F%3F%26%23&c=Spring&utm_source=[\w&=-]+$/);
  });

  test('after her erasure nothing of her is in it', async () => {
    await hers('https://ok.example/ada', 'ada', 'Ada');
    await sql("delete from customer where email = 'clicker@x.example'");
    expect((await click(0)).location).toContain('https://shop.example/?for=&c=Spring');
    expect((await click(1)).status).toBe(404);
    expect((await click(0, 77)).status).toBe(404);
  });
});
