import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamCustomerIds } from '../../search/audience.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';
import { createSentCampaign, listenForTracking, type SentCampaign } from '../support/sent-campaign.ts';

/** Copies of a campaign for some of its recipients: who failed or is in doubt, who has not opened. */

let api: TestApi;
let ada: TestUser;
let campaign: SentCampaign;
let excluded: string;
let stop: () => Promise<void>;

const run = (text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, (tenant) => tenant.sql.run(text, values));

/** Of eight, 1 and 2 opened, a machine opened for 3, 4 unsubscribed, 5 is excluded, 7 failed, 8 is in doubt. */
beforeAll(async () => {
  api = await startTestApi();
  ada = await api.signIn('member');
  stop = followOutbox(api);
  excluded = (await ada.post('/lists', { name: 'Partners' })).body.id;
  const targets = [{ kind: 'list', id: randomUUID(), mode: 'include' }, { kind: 'list', id: excluded, mode: 'exclude' }];
  campaign = await createSentCampaign(api, { recipients: 8, campaign: { targets: JSON.stringify(targets) } });
  await run("insert into list_member (list_id, customer_id) select $1, id from customer where email = 'user5@example.com'", [excluded]);
  await run("update message set state = case ordinal when 7 then 3 else 5 end, reason = case ordinal when 7 then 'temporary' else 'no_answer' end where mail_no = $1 and ordinal in (7, 8)", [campaign.mailNo]);
  await run("insert into outbox (topic, ids) select 'customer', array_agg(id) from customer");
  await run("insert into outbox (topic, ids, payload) values ('sent', '{1,6}', jsonb_build_object('mail', $1::int))", [campaign.mailNo]);
  const tracking = await listenForTracking(api.container);
  for (const ordinal of [1, 2]) await fetch(`${tracking.base}/open/${campaign.id('open', ordinal)}`, { headers: { 'user-agent': 'Thunderbird/115.0' } });
  await fetch(`${tracking.base}/open/${campaign.id('open', 3)}`, { headers: { 'user-agent': 'Mozilla/5.0' } });
  await fetch(`${tracking.base}/unsubscribe/${campaign.id('unsubscribe', 4)}`, { method: 'POST' });
  tracking.server.close();
}, 90_000);
afterAll(async () => {
  await stop?.();
  await api.close();
});

const copyFor = async (only: string) => (await ada.post(`/campaigns/${campaign.campaignId}/duplicate`, { only })).body;
/** Names of whom the freeze of a campaign takes. */
const frozen = async (targets: readonly { kind: 'failed'; id: string; mode: 'include' }[]) => api.container.tenants.use(api.orgId, async (tenant) => {
  const ids: number[] = [];
  for await (const page of streamCustomerIds(tenant, targets)) ids.push(...page);
  return (await tenant.sql.rows<{ name: string }>("select split_part(email, '@', 1) as name from customer where id = any($1) order by 1", [ids])).map((row) => row.name);
});

test('a copy for those who failed or are in doubt includes them alone and keeps what was excluded', async () => {
  const copy = await copyFor('failed');
  const targets = [{ kind: 'failed', id: campaign.campaignId, mode: 'include' }, { kind: 'list', id: excluded, mode: 'exclude' }];
  expect(copy).toMatchObject({ name: 'Copy of Spring', state: 'draft', subject: 'Hello', targets });
  expect((await ada.get(`/campaigns/${copy.id}/estimate`)).body).toMatchObject({ included: 2, excluded: 0, final: 2, targets: [2, 1] });
  expect(await frozen(copy.targets)).toEqual(['user7', 'user8']);
  expect((await ada.patch(`/campaigns/${copy.id}`, { targets: copy.targets })).body.targets).toEqual(targets);
});

test('a copy for those who did not open leaves out who opened, machines aside, and who may get no mail', async () => {
  const copy = await copyFor('not_opened');
  expect((await ada.get(`/campaigns/${copy.id}/estimate`)).body).toMatchObject({ included: 4, excluded: 1, unsubscribed: 1, final: 2, targets: [4, 1] });
  expect(await frozen(copy.targets)).toEqual(['user3', 'user6']);
});

test('asked about an address it says in words what these targets mean', async () => {
  const [failed, unopened] = [await copyFor('failed'), await copyFor('not_opened')];
  const why = async (id: string, email: string) => (await ada.get(`/campaigns/${id}/explain?email=${email}`)).body;
  expect(await why(failed.id, 'user7@example.com')).toMatchObject({ verdict: 'would_get', says: ['She would get it: included by those who failed or are in doubt in “Spring”.'], targets: [{ kind: 'failed', name: 'Spring', matches: true, tree: null }, { matches: false }] });
  expect(await why(failed.id, 'user1@example.com')).toMatchObject({ verdict: 'not_included', says: ['She is in none of what is included: those who failed or are in doubt in “Spring”.'] });
  expect(await why(unopened.id, 'user3@example.com')).toMatchObject({ verdict: 'would_get', targets: [{ kind: 'not_opened', matches: true, tree: { holds: true } }, { matches: false }] });
  expect(await why(unopened.id, 'user5@example.com')).toMatchObject({ verdict: 'excluded', says: ['She is included by those who did not open “Spring” and excluded by the list “Partners”.'] });
});

test('who failed can be excluded as well', async () => {
  const copy = (await ada.post(`/campaigns/${campaign.campaignId}/duplicate`)).body;
  const edited = await ada.patch(`/campaigns/${copy.id}`, { targets: [{ kind: 'not_opened', id: campaign.campaignId }, { kind: 'failed', id: campaign.campaignId, mode: 'exclude' }] });
  expect(edited.status).toBe(200);
  expect((await ada.get(`/campaigns/${copy.id}/estimate`)).body).toMatchObject({ included: 4, excluded: 0, unsubscribed: 1, final: 3, targets: [4, 2] });
});

test('what was not sent has no such copies, and is no such target', async () => {
  const draft = (await ada.post('/campaigns', { name: 'Draft' })).body;
  expect((await ada.post(`/campaigns/${draft.id}/duplicate`, { only: 'failed' })).body).toMatchObject({ status: 409, detail: 'A campaign that is draft has no recipients yet. Duplicate it for everyone.' });
  expect((await ada.post(`/campaigns/${draft.id}/duplicate`, { only: 'everybody' })).status).toBe(422);
  for (const id of [draft.id, randomUUID()]) {
    expect((await ada.patch(`/campaigns/${draft.id}`, { targets: [{ kind: 'failed', id }] })).body).toMatchObject({ status: 422, errors: [{ field: 'targets[0].id', message: 'There is no campaign that was sent by this id. Choose another.' }] });
  }
});
