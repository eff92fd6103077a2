import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { drainRound } from '../../activities/indexing.ts';
import { routes } from '../../api/routes.ts';
import { createTrackingIds, type TrackingKind } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type Client, type TestApi, type TestUser } from '../support/api.ts';
import { createLaunchedCampaign, type TestCampaign } from '../support/campaign.ts';
import { followOutbox } from '../support/indexing.ts';
import { publishedJourney, seat } from '../support/journey-api.ts';
import { exit, graphOf, send } from '../support/journey-dsl.ts';
import { createTestOrganization } from '../support/organization.ts';

/** Two organizations on one installation: what exists in one is for the other as if it did not. */

let api: TestApi;
let otherOrg: string;
let ada: TestUser;
let bob: TestUser;
/** Ids of Bob's organization, by the part of the address that stands before them. */
let foreign: Record<string, string>;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: mkdtempSync(join(tmpdir(), 'fermata-isolation-')) });
  otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  [ada, bob] = [await api.signIn('owner'), await api.signIn('owner', otherOrg)];
  foreign = await furnish(bob, otherOrg);
  // Customers are numbered in each organization: Ada has fewer, so that Bob's last is nobody here.
  expect((await ada.post('/customers', { email: 'own@example.com', firstName: 'Own' })).body.id).toBeLessThan(Number(foreign['customers']));
}, 90_000);
afterAll(() => api.close());

/** One of everything that has an address. */
async function furnish(owner: TestUser, orgId: string): Promise<Record<string, string>> {
  const made = async (path: string, body: object): Promise<{ id: string }> => {
    const reply = await owner.post(path, body);
    expect(reply.status, path).toBe(201);
    return reply.body as { id: string };
  };
  const list = await made('/lists', { name: 'Secret list' });
  for (let i = 0; i < 9; i += 1) await made('/customers', { email: `secret${i}@example.com`, listIds: [list.id] });
  const customer = await made('/customers', { email: 'secret@example.com', firstName: 'Secret', listIds: [list.id] });
  const segment = await made('/segments', { name: 'Secret segment', rule: { op: 'and', parts: [{ list: list.id, in: true }] } });
  await made('/fields', { key: 'kept_field', label: 'Secret field', type: 'text' });
  const connection = await made('/connections', { vendor: 'smtp', name: 'Secret connection', host: 'smtp.secret.example', username: 'me', password: 'hidden' });
  const campaign = await made('/campaigns', { name: 'Secret campaign' });
  const form = await made('/forms', { name: 'Secret form', listIds: [list.id] });
  await made('/suppressions', { email: 'suppressed@example.com', reason: 'manual' });
  const key = await made('/api-keys', { name: 'Secret key', scopes: ['lists:read'] });
  const invitation = await made('/invitations', { email: `invited-${randomUUID()}@example.com`, role: 'member' });
  const member = await api.signIn('member', orgId);
  const upload = await owner.post('/imports?fileName=secret.csv', 'email\nsecret@example.com\n', { 'content-type': 'text/csv' });
  expect(upload.status).toBe(201);
  const template = await made('/templates', { name: 'Secret template' });
  const image = await owner.post('/images?name=secret.gif', 'GIF89a\x01\x00\x01\x00\x00\x00\x00;', { 'content-type': 'image/gif' });
  expect(image.status).toBe(201);
  const bulk = await owner.post('/customers/bulk', { action: 'suppress', note: 'Secret', selection: { ids: [customer.id] } });
  const exported = await owner.post('/exports', { kind: 'customers' });
  expect([bulk.status, exported.status]).toEqual([202, 202]);
  const journey = await publishedJourney(owner, 'Secret journey', graphOf({ ...send('hello'), config: { ...send('hello').config, connection: connection.id, fromEmail: 'secret@example.com' } }));
  await owner.post(`/journeys/${journey}/draft`, {});
  const { run, job } = await api.container.tenants.use(orgId, async ({ sql }) => {
    const job = randomUUID();
    await sql.run(`insert into journey_job (id, journey_id, action, options, state, created_by) values ($1, $2, 'enroll', '{"emails": ["secret@example.com"], "addresses": 1, "createUnknown": false}', 'completed', 'Secret')`, [job, journey]);
    return { run: (await seat(sql, journey, 1, 'hello', [Number(customer.id)]))[0]!, job };
  });
  const mail = await api.container.tenants.use(orgId, ({ sql }) =>
    sql.first<{ id: number }>("insert into caught_mail (sender, recipient, subject, size_bytes, source) values ('a@x.example', 'b@x.example', 'Secret', 5, 'Subject: Secret\r\n\r\n') returning id"));
  return {
    lists: list.id, customers: String(customer.id), segments: segment.id, connections: connection.id, campaigns: campaign.id, forms: form.id, templates: template.id, images: (image.body as { id: string }).id, suppressions: 'suppressed@example.com', fields: 'kept_field',
    'api-keys': key.id, invitations: invitation.id, users: member.id, imports: (upload.body as { id: string }).id, bulk: (bulk.body as { id: string }).id, exports: (exported.body as { id: string }).id, messages: String(mail?.id),
    journeys: journey, enrollments: String(run), jobs: job, versions: '1', steps: 'hello',
  };
}

/** Bodies that would be taken if the id were one's own. */
const bodies: Readonly<Record<string, object>> = {
  'PATCH /campaigns/:id': { subject: 'Taken over' }, 'POST /campaigns/:id/test': { emails: ['spy@example.com'] }, 'PATCH /connections/:id': { name: 'Taken over' },
  'POST /connections/:id/test': { recipient: 'spy@example.com' }, 'PATCH /customers/:id': { city: 'Taken over' }, 'PATCH /journeys/:id': { name: 'Taken over', version: 1 }, 'PUT /journeys/:id/draft': { version: 1, graph: graphOf(send('hello')) },
  'POST /journeys/:id/publish': { draftVersion: 1 }, 'POST /journeys/:id/enroll': { emails: ['own@example.com'] }, 'POST /journeys/:id/steps/:node/test': { emails: ['spy@example.com'] }, 'POST /journeys/:id/enrollments/:eid/move': { step: 'hello' }, 'PATCH /lists/:id': { version: 1, name: 'Taken over' }, 'PATCH /fields/:key': { label: 'Taken over' },
  'PATCH /forms/:id': { version: 1, name: 'Taken over' }, 'POST /campaigns/:id/schedule': { at: '2099-01-01T09:00' }, 'POST /campaigns/:id/winner': { variant: 'A' }, 'POST /campaigns/:id/throttle': { perMinute: 1 },
  'POST /lists/:id/members': { emails: ['own@example.com'] }, 'DELETE /lists/:id/members': { emails: ['secret@example.com'] }, 'PATCH /segments/:id': { version: 1, name: 'Taken over' },
  'DELETE /suppressions/:email': { note: 'I want to write to her.' }, 'PATCH /templates/:id': { version: 1, name: 'Taken over' }, 'PATCH /users/:id': { role: 'admin' },
};
/** What must be asked with the address. */
const queries: Readonly<Record<string, string>> = { 'GET /campaigns/:id/estimate/examples': '?line=final', 'GET /campaigns/:id/explain': '?email=secret@example.com', 'GET /campaigns/:id/compare': '?with=' };
const withIds = routes.filter((route) => route.path.includes('/:') && route.path !== '/customers/by-email/:email').map((route) => ({ name: `${route.method.toUpperCase()} ${route.path}`, route }));
const address = (path: string) => path.replace(/\/([^/]+)\/:\w+/g, (_, resource: string) => `/${resource}/${encodeURIComponent(foreign[resource] ?? `no ${resource} in this test`)}`);
const call = (client: Client, { name, route }: (typeof withIds)[number]) =>
  client.request(route.method.toUpperCase(), address(route.path) + (queries[name] ?? ''), route.method === 'get' || (route.method === 'delete' && bodies[name] === undefined) ? undefined : (bodies[name] ?? {}));

/** Everything an organization has, as text: its own database, and its rows in the control database. */
async function everythingOf(orgId: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  await api.container.tenants.use(orgId, async ({ sql }) => {
    const tables = await sql.rows<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1");
    for (const { name } of tables) {
      const row = await sql.first<{ content: string | null }>(`select string_agg(t::text, E'\\n' order by t::text) as content from "${name}" t`);
      all[name] = row?.content ?? '';
    }
  });
  for (const [name, where] of [['member', '"organizationId"'], ['invitation', '"organizationId"'], ['api_key', 'org_id'], ['tenant', 'id']] as const) {
    const row = await api.container.control.first<{ content: string | null }>(`select string_agg(t::text, E'\\n' order by t::text) as content from "${name}" t where ${where}::text = $1`, [orgId]);
    all[`control.${name}`] = row?.content ?? '';
  }
  return all;
}

test('every route with an id knows a thing of the other organization to ask for', () => {
  expect(withIds.length).toBeGreaterThan(30);
  for (const { route } of withIds) expect(address(route.path)).not.toContain('no%20');
});

test.each(withIds)('$name answers 404 to the other organization and changes nothing', async (named) => {
  const before = await everythingOf(otherOrg);
  const reply = await call(ada, named);
  expect([reply.status, reply.body.code]).toEqual([404, 'not_found']);
  expect(JSON.stringify(reply.body).toLowerCase()).not.toContain('secret');
  expect(await everythingOf(otherOrg)).toEqual(before);
});

test('an address of the other organization is nobody here: written by it, she is a new person', async () => {
  const before = await everythingOf(otherOrg);
  const reply = await ada.request('PUT', '/customers/by-email/secret%40example.com', { city: 'Rome' });
  expect(reply.body).toMatchObject({ firstName: null, city: 'Rome', version: 1 });
  expect(await everythingOf(otherOrg)).toEqual(before);
  await ada.delete(`/customers/${reply.body.id}`);
});

test('ids of the other organization inside bodies and queries are refused or find nobody', async () => {
  const before = await everythingOf(otherOrg);
  const campaign = (await ada.post('/campaigns', { name: 'Curious' })).body;
  const list = (await ada.post('/lists', { name: 'Curious' })).body;
  const refused = async (reply: { status: number; body: { errors: { field: string }[] } }, field: string) => expect([reply.status, reply.body.errors.map((error) => error.field)]).toEqual([422, [field]]);
  await refused(await ada.patch(`/campaigns/${campaign.id}`, { delivery: { mode: 'single', connections: [{ id: foreign['connections'] }] } }), 'delivery.connections[0].id');
  await refused(await ada.post('/connections', { vendor: 'smtp', name: 'Curious', host: 'smtp.example', backupId: foreign['connections'] }), 'backupId');
  await refused(await ada.post('/customers', { email: 'new@example.com', listIds: [foreign['lists']] }), 'listIds[0]');
  await refused(await ada.post('/forms', { name: 'Curious', listIds: [foreign['lists']] }), 'listIds[0]');
  await refused(await ada.post('/forms', { name: 'Curious', listIds: [list.id], connectionId: foreign['connections'] }), 'connectionId');
  await refused(await ada.post('/customers/search', { listId: foreign['lists'] }), 'listId');
  await refused(await ada.post('/customers/bulk', { action: 'add_to_list', listId: foreign['lists'], selection: { ids: [1] } }), 'listId');
  await refused(await ada.post('/customers/bulk', { action: 'suppress', selection: { filter: { segmentId: foreign['segments'] } } }), 'selection.filter.segmentId');
  await refused(await ada.post('/exports', { kind: 'list', listId: foreign['lists'] }), 'listId');
  await refused(await ada.post('/exports', { kind: 'recipients', campaignId: foreign['campaigns'] }), 'campaignId');
  await refused(await ada.post('/render', { journeyId: foreign['journeys'] }), 'journeyId');
  const journey = await publishedJourney(ada, 'Curious', graphOf({ ...exit('end'), name: 'end' }));
  await refused(await ada.post(`/journeys/${journey}/enroll`, { listId: foreign['lists'] }), 'listId');
  await refused(await ada.post(`/journeys/${journey}/enroll`, { segmentId: foreign['segments'] }), 'segmentId');
  await refused(await ada.post(`/lists/${list.id}/members`, { customerIds: [Number(foreign['customers'])] }), 'customerIds[0]');
  await refused(await ada.post(`/imports?listId=${foreign['lists']}`, 'email\nown@example.com\n', { 'content-type': 'text/csv' }), 'listId');
  for (const target of [{ kind: 'list', id: foreign['lists'] }, { kind: 'segment', id: foreign['segments'] }]) {
    await refused(await ada.patch(`/campaigns/${campaign.id}`, { targets: [{ ...target, mode: 'include' }] }), 'targets[0].id');
  }
  const counted = await ada.post('/segments/count', { rule: { op: 'and', parts: [{ list: foreign['lists'], in: true }] } });
  expect(counted.status === 200 ? counted.body.total : counted.status).toBe(counted.status === 200 ? 0 : 422);
  await refused(await ada.post('/segments/count', { rule: { op: 'and', parts: [{ segment: foreign['segments'], in: true }] } }), 'rule.parts[0].segment');
  await refused(await ada.post('/segments/count', { rule: { op: 'and', parts: [{ event: 'opened', operator: 'has_done', campaign: foreign['campaigns'] }] } }), 'rule.parts[0].campaign');
  await refused(await ada.post('/segments/explain', { segmentId: foreign['segments'], email: 'own@example.com' }), 'segmentId');
  await refused(await ada.post('/segments/explain', { rule: { op: 'and', parts: [] }, customerId: Number(foreign['customers']) }), 'customerId');
  await refused(await ada.post('/segments/explain', { rule: { op: 'and', parts: [] }, email: 'secret@example.com' }), 'email');
  await refused(await ada.post('/render', { html: '{{ email }}', customerId: Number(foreign['customers']) }), 'customerId');
  await refused(await ada.post('/render', { campaignId: foreign['campaigns'] }), 'campaignId');
  expect([403, 404]).toContain((await ada.post('/me/organization', { organizationId: otherOrg })).status);
  expect(await everythingOf(otherOrg)).toEqual(before);
});

test('lists of things show only one’s own', async () => {
  for (const path of ['/customers', '/lists', '/segments', '/connections', '/campaigns', '/forms', '/templates', '/images', '/imports', '/exports', '/customers/bulk', '/suppressions', '/api-keys', '/invitations', '/users', '/mail-catcher/messages', '/dashboard', '/reports/overview', '/reports/campaigns', '/reports/domains', '/reports/connections']) {
    const reply = await ada.get(path);
    expect(reply.status, path).toBe(200);
    expect(JSON.stringify(reply.body).toLowerCase(), path).not.toMatch(/secret|suppressed@/);
  }
});

describe('tracking', () => {
  let mine: TestCampaign;
  let theirs: TestCampaign;
  const html = (shop: string) => `<p><a href="https://${shop}.example/">Shop</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>`;
  const orgNo = (orgId: string) => api.container.tenants.use(orgId, ({ org }) => Promise.resolve(org.no));
  const mint = async (campaign: TestCampaign, kind: TrackingKind) =>
    createTrackingIds(api.container.secrets).mint({ orgNo: await orgNo(campaign.orgId), mailNo: campaign.mailNo, ordinal: 1 }, [{ kind, link: 0 }])[0] ?? '';

  beforeAll(async () => {
    const launched = async (orgId: string, shop: string) => {
      const organization = { orgId, container: api.container, close: () => Promise.resolve() };
      const campaign = await createLaunchedCampaign(organization, { recipients: [`reader@${shop}.example`], port: 1, html: html(shop) });
      await asActivity(createCampaignActivities(api.container).freezeAudience, campaign);
      await api.container.tenants.use(orgId, ({ sql }) => sql.run("update message set state = 2, ended_at = now() - interval '1 minute' where mail_no = $1", [campaign.mailNo]));
      return campaign;
    };
    mine = await launched(api.orgId, 'mine');
    // Numbers of mails are per organization: both have this one, so that only the organization in the id tells them apart.
    do theirs = await launched(otherOrg, 'theirs'); while (theirs.mailNo < mine.mailNo);
    while (mine.mailNo < theirs.mailNo) mine = await launched(api.orgId, 'mine');
    expect(mine.mailNo).toBe(theirs.mailNo);
  });

  test('an id of one organization leads to its own link, counts for it, unsubscribes its own reader, and leaves the other as it was', async () => {
    // Theirs first: whatever is remembered about a link must not answer for the other's.
    const foreignClick = await fetch(`${api.baseUrl}/api/track/click/${await mint(theirs, 'click')}`, { redirect: 'manual' });
    expect(foreignClick.headers.get('location')).toContain('https://theirs.example/');
    const before = await everythingOf(otherOrg);
    const clicked = await fetch(`${api.baseUrl}/api/track/click/${await mint(mine, 'click')}`, { redirect: 'manual' });
    expect(clicked.headers.get('location')).toContain('https://mine.example/');
    expect((await fetch(`${api.baseUrl}/api/track/open/${await mint(mine, 'open')}`)).status).toBe(200);
    const page = await fetch(`${api.baseUrl}/api/track/unsubscribe/${await mint(mine, 'unsubscribe')}`, { method: 'POST' });
    expect(page.status).toBe(200);
    expect(await page.text()).not.toMatch(/theirs/);
    await api.container.tenants.use(api.orgId, async (tenant) => { while ((await drainRound(tenant, () => undefined)) > 0); });
    const report = (await ada.get(`/campaigns/${mine.campaignId}/report`)).body;
    expect(report).toMatchObject({ clicked: { total: 1, unique: 1 }, opened: { total: 1, unique: 1 }, unsubscribed: 1 });
    expect((await ada.get('/suppressions?search=reader@mine')).body.data).toHaveLength(1);
    expect(await everythingOf(otherOrg)).toEqual(before);
  });

  test('an id that was altered is nobody’s', async () => {
    const id = await mint(mine, 'click');
    for (let i = 0; i < id.length; i += 1) {
      const altered = `${id.slice(0, i)}${id[i] === 'A' ? 'B' : 'A'}${id.slice(i + 1)}`;
      expect((await fetch(`${api.baseUrl}/api/track/click/${altered}`, { redirect: 'manual' })).status).toBe(404);
    }
  });
});

// Last, because it changes and deletes: the same requests of their own owner find what they name.
test('the same requests by their own owner are not 404', async () => {
  const answered: Record<string, number> = {};
  // SMTP tests would wait for a server that is not there; live streams do not end; no worker writes files here; a draft has no certificate. What is part of a thing is deleted before it.
  const own = withIds.filter(({ route }) => !/\/(live|test|rejected|file|certificate)$/.test(route.path)).sort((a, b) => Number(a.route.method === 'delete') - Number(b.route.method === 'delete') || (a.route.method === 'delete' ? b.route.path.length - a.route.path.length : 0));
  const stopIndexing = followOutbox({ container: api.container, orgId: otherOrg });
  for (const named of own) answered[named.name] = (await call(bob, named)).status;
  await stopIndexing();
  expect(Object.entries(answered).filter(([, status]) => status === 404 || status >= 500)).toEqual([]);
});
