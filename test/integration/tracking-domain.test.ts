import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuditService } from '../../api/modules/audit/service.ts';
import { createTrackingDomainService, type TrackingDomainService } from '../../api/modules/organization/tracking-domain.ts';
import { compileVariants } from '../../infra/mail/variants.ts';
import { loadMail } from '../../infra/mail/source.ts';
import { createTrackingIds } from '../../infra/mail/tracking-id.ts';
import { proofOf, type DomainLookups } from '../../infra/tenancy/domain-check.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';
import { createSentCampaign, type SentCampaign } from '../support/sent-campaign.ts';

/** Links that begin with an organization's own host: how it is proven, what it serves, and for whom. */

let api: TestApi;
let ada: TestUser;
let otherOrg: string;
let domains: TrackingDomainService;
/** The world outside: records by name, and who answers https. */
let txt: Map<string, string[]>;
let aliases: Map<string, string[]>;
let addresses: Map<string, string[]>;
let answering: (host: string, path: string) => Promise<{ status: number; body: string }>;

const lookups: DomainLookups = {
  txt: async (name) => txt.get(name) ?? [], cname: async (name) => aliases.get(name) ?? [], addresses: async (name) => addresses.get(name) ?? [], https: (host, path) => answering(host, path),
};

beforeAll(async () => {
  api = await startTestApi({ FERMATA_BASE_URL: 'https://mail.fermata.example' });
  ada = await api.signIn('admin');
  otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  domains = createTrackingDomainService(api.container, createAuditService(api.container), lookups);
}, 90_000);
afterAll(() => api.close());
beforeEach(async () => {
  [txt, aliases, addresses] = [new Map(), new Map(), new Map()];
  answering = (host, path) => ask(host, path);
  for (const org of [api.orgId, otherOrg]) await domains.choose(org, 'Ada', null);
  await api.container.control.run('delete from tracking_domain');
  api.container.tenants.forget(api.orgId);
});

/** What this installation answers under a host, as a proxy would pass it on. */
function ask(host: string, path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(api.baseUrl);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers: { host } }, (answer) => {
      let body = '';
      answer.setEncoding('latin1').on('data', (part: string) => { body += part; }).once('end', () => resolve({ status: answer.statusCode!, body }));
    }).once('error', reject).end();
  });
}

/** Chooses a host and sets its records right. */
async function prove(host: string, org = api.orgId) {
  const { domain } = await domains.choose(org, 'Ada', host);
  txt.set(domain!.txt.name, [domain!.txt.value]);
  aliases.set(host, ['mail.fermata.example']);
}
async function verified(host: string, org = api.orgId) {
  await prove(host, org);
  const { domain } = await domains.verify(org, 'Ada');
  expect(domain!.checks.map((check) => check.state)).toEqual(['ok', 'ok', 'ok']);
}
const statesOf = async () => (await domains.verify(api.orgId, 'Ada')).domain!.checks.map(({ kind, state }) => [kind, state]);
const allowed = async (domain: string) => (await api.anonymous.get(`/tracking-domains/allowed?domain=${domain}`)).status;

describe('choosing', () => {
  test('shows the records to set; only who manages settings may', async () => {
    const chosen = await ada.request('PUT', '/organization/tracking-domain', { host: ' https://Links.Shop.example/ ' });
    expect(chosen.body).toEqual({
      defaultHost: 'mail.fermata.example', earlier: [],
      domain: {
        host: 'links.shop.example', state: 'unverified', verifiedAt: null, checkedAt: null, checks: [],
        cname: { name: 'links.shop.example', value: 'mail.fermata.example' }, txt: { name: '_fermata.links.shop.example', value: expect.stringMatching(/^fermata=[\w-]{22}$/) },
      },
    });
    const member = await api.signIn('member');
    expect((await member.get('/organization/tracking-domain')).body).toEqual(chosen.body);
    expect((await member.request('PUT', '/organization/tracking-domain', { host: null })).status).toBe(403);
    expect((await member.post('/organization/tracking-domain/verify')).status).toBe(403);
  });

  test.each(['shop', '10.0.0.1', 'a b.example', '-x.example', 'mail.fermata.example', '[::1]', ''])('%j is refused with the reason', async (host) => {
    expect((await ada.request('PUT', '/organization/tracking-domain', { host })).body).toMatchObject({ status: 422, errors: [{ field: 'host', message: expect.stringMatching(/Expected a host|the installation itself/) }] });
  });
});

describe('verifying', () => {
  test('without records nothing is verified, nothing is fetched and no certificate may be had', async () => {
    answering = () => Promise.reject(new Error('nobody should ask'));
    await domains.choose(api.orgId, 'Ada', 'links.shop.example');
    expect(await statesOf()).toEqual([['txt', 'failed'], ['cname', 'failed'], ['https', 'waiting']]);
    expect(await allowed('links.shop.example')).toBe(404);
  });

  test('with the records right the proxy may get a certificate, before https works', async () => {
    answering = () => Promise.reject(Object.assign(new Error('self signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }));
    await prove('links.shop.example');
    const { domain } = await domains.verify(api.orgId, 'Ada');
    expect(domain).toMatchObject({ state: 'unverified', checks: [{ state: 'ok' }, { state: 'ok' }, { state: 'failed', message: 'The certificate is not valid for this host (DEPTH_ZERO_SELF_SIGNED_CERT). Let the proxy get one for it.' }] });
    expect([await allowed('LINKS.shop.example'), await allowed('else.shop.example')]).toEqual([200, 404]);
    expect((await api.container.tenants.list()).find((org) => org.id === api.orgId)?.trackingHost).toBeNull();
  });

  test('it is verified when this installation answers for it; addresses may stand for the alias', async () => {
    await prove('links.shop.example');
    aliases.clear();
    addresses = new Map([['links.shop.example', ['192.0.2.7']], ['mail.fermata.example', ['192.0.2.9', '192.0.2.7']]]);
    const { domain } = await domains.verify(api.orgId, 'Ada');
    expect(domain).toMatchObject({ state: 'verified', verifiedAt: expect.any(String) });
    addresses.set('links.shop.example', ['192.0.2.8']);
    expect(await statesOf()).toEqual([['txt', 'ok'], ['cname', 'failed'], ['https', 'waiting']]);
    expect((await domains.get(api.orgId)).domain!.state).toBe('verified');
  });

  test.each([
    ['something else', async () => ({ status: 404, body: 'nginx' }), /Something else answers/],
    ['a proxy that keeps the host to itself', async (_host: string, path: string) => ({ status: 200, body: proofOf(api.container.secrets, path.split('/').at(-1)!, 'localhost') }), /does not pass the host on/],
    ['nobody', () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })), /Nobody answers at port 443/],
  ])('%s behind the host is not enough', async (_, answer, says) => {
    answering = answer;
    await prove('links.shop.example');
    expect((await domains.verify(api.orgId, 'Ada')).domain!.checks[2]).toMatchObject({ state: 'failed', message: expect.stringMatching(says) });
  });

  test('whoever owns the DNS records owns the host', async () => {
    await verified('links.shop.example');
    await verified('links.shop.example', otherOrg);
    expect((await domains.get(api.orgId)).domain!.state).toBe('unverified');
  });
});

describe('a verified host', () => {
  let campaign: SentCampaign;
  let foreign: SentCampaign;
  beforeAll(async () => {
    campaign = await createSentCampaign(api, { recipients: ['ada@x.example'], campaign: { html: '<a href="https://shop.example/a">a</a><a href="{{unsubscribe_url}}">b</a>' } });
    foreign = await createSentCampaign({ container: api.container, orgId: otherOrg }, { recipients: ['bob@x.example'] });
  });
  /** Hosts are read anew after five seconds. */
  const known = (host: string) => expect.poll(() => api.container.trackingHosts.ownerOf(host), { timeout: 20_000 });
  const opensOf = async (sent: SentCampaign, org: string) => api.container.tenants.use(org, async ({ sql }) => (await sql.first<{ n: number }>("select count(*)::int as n from event where mail_no = $1 and type = 'opened'", [sent.mailNo]))!.n);

  test('begins the links of mails, pictures and confirmations; before it the installation’s own does', async () => {
    const bodyOf = () => api.container.tenants.use(api.orgId, async (tenant) => {
      const mail = compileVariants((await loadMail(tenant, campaign.mailNo))!, { ids: createTrackingIds(api.container.secrets), baseUrl: api.container.config.FERMATA_BASE_URL });
      return mail.of(null).show({ ordinal: 1, customerId: 1, email: 'ada@x.example', fields: new Map() }, Date.now()).html;
    });
    const linksOf = async () => [...(await bodyOf()).matchAll(/(https:\/\/[^/"]+)\/api\/track\/(\w+)/g)].map(([, host, kind]) => `${host!} ${kind!}`);
    expect(await linksOf()).toEqual(['https://mail.fermata.example click', 'https://mail.fermata.example unsubscribe']);
    await verified('links.shop.example');
    expect(await linksOf()).toEqual(['https://links.shop.example click', 'https://links.shop.example unsubscribe']);
    const image = await ada.request('POST', '/images?name=dot.gif', 'GIF89a\x01\x00\x01\x00\x00\x00\x00;', { 'content-type': 'image/gif' });
    expect(image.body.url).toMatch(/^https:\/\/links\.shop\.example\/api\/track\/images\//);
  });

  test('serves its organization’s links alone; another’s ids are unknown there and count nothing', async () => {
    await verified('links.shop.example');
    await known('links.shop.example').not.toBeNull();
    const path = (sent: SentCampaign, kind: 'open' | 'unsubscribe') => `/api/track/${kind}/${sent.id(kind, 1)}`;
    expect((await ask('links.shop.example', path(campaign, 'unsubscribe'))).status).toBe(200);
    expect((await ask('links.shop.example', path(foreign, 'unsubscribe'))).status).toBe(404);
    expect((await ask('links.shop.example', `/api/track/click/${foreign.id('click', 1)}`)).status).toBe(404);
    expect((await ask('mail.fermata.example', path(foreign, 'unsubscribe'))).status).toBe(200);
    for (const sent of [campaign, foreign]) expect((await ask('links.shop.example', path(sent, 'open'))).body.length).toBe(43);
    expect([await opensOf(campaign, api.orgId), await opensOf(foreign, otherOrg)]).toEqual([1, 0]);
  });

  test('serves neither the app nor the API', async () => {
    await verified('links.shop.example');
    await known('links.shop.example').not.toBeNull();
    for (const path of ['/', '/login', '/api/v1/openapi.json', '/health/live']) expect((await ask('links.shop.example', path)).status, path).toBe(404);
    expect((await ask('mail.fermata.example', '/health/live')).status).toBe(200);
  });

  test('that is given up goes on serving the links that were sent; one never verified is forgotten', async () => {
    await verified('links.shop.example');
    await known('links.shop.example').not.toBeNull();
    expect(await domains.choose(api.orgId, 'Ada', 'never.shop.example')).toMatchObject({ domain: { host: 'never.shop.example' }, earlier: ['links.shop.example'] });
    expect(await domains.choose(api.orgId, 'Ada', null)).toMatchObject({ domain: null, earlier: ['links.shop.example'] });
    expect((await ask('links.shop.example', `/api/track/unsubscribe/${campaign.id('unsubscribe', 1)}`)).status).toBe(200);
    expect((await api.container.tenants.list()).find((org) => org.id === api.orgId)?.trackingHost).toBeNull();
  });
});
