import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCampaignActivities } from '../../activities/campaign.ts';
import { createTrackingIds, type TrackingKind } from '../../infra/mail/tracking-id.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createLaunchedCampaign, type TestCampaign } from '../support/campaign.ts';
import { createTestOrganization } from '../support/organization.ts';

/** What readers of a mail decide by themselves: unsubscribe, take it back, choose their lists. */

let api: TestApi;
let member: TestUser;
let campaign: TestCampaign;
let orgNo: number;
let ordinal = 0;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  campaign = await createLaunchedCampaign({ orgId: api.orgId, container: api.container, close: () => Promise.resolve() }, { recipients: 20, port: 1 });
  await asActivity(createCampaignActivities(api.container).freezeAudience, campaign);
  orgNo = await api.container.tenants.use(api.orgId, ({ org }) => Promise.resolve(org.no));
}, 90_000);
afterAll(() => api.close());
// Each test has a reader of its own.
beforeEach(() => { ordinal += 1; });

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const linkOf = (page: string, kind: TrackingKind, at = ordinal, org = orgNo) =>
  `${api.baseUrl}/api/track/${page}/${createTrackingIds(api.container.secrets).mint({ orgNo: org, mailNo: campaign.mailNo, ordinal: at }, [{ kind, link: 0 }])[0]!}`;
const get = async (url: string) => {
  const answer = await fetch(url);
  return { status: answer.status, html: await answer.text() };
};
const post = async (url: string, values: readonly (readonly [string, string])[] = []) => {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(values.map(([name, value]): [string, string] => [name, value])), redirect: 'manual' });
  return { status: answer.status, html: await answer.text() };
};
const reader = async () => {
  const [row] = await sql<{ id: number; email: string }>('select c.id, c.email from message m join customer c on c.id = m.customer_id where m.mail_no = $1 and m.ordinal = $2', [campaign.mailNo, ordinal]);
  return { ...row!, ...(await member.get(`/customers/${row!.id}`)).body } as { id: number; email: string; mailable: boolean; isUnsubscribed: boolean; version: number; lists: { id: string }[] };
};
const unsubscribedEvents = async () => (await sql<{ n: number }>(`select count(*) as n from event where type = 'unsubscribed' and mail_no = $1 and ordinal = $2`, [campaign.mailNo, ordinal]))[0]!.n;

test('that was a mistake: she gets mail again, as often as she says so, with a note and no event', async () => {
  const done = await post(linkOf('unsubscribe', 'unsubscribe'));
  const back = new URL(/action="([^"]+)"/.exec(done.html)![1]!, linkOf('unsubscribe', 'unsubscribe')).toString();
  expect(back).toBe(linkOf('resubscribe', 'unsubscribe'));
  expect(await reader()).toMatchObject({ mailable: false, isUnsubscribed: true });
  const { version } = await reader();
  for (let i = 0; i < 2; i += 1) expect(await post(back)).toMatchObject({ status: 200, html: expect.stringContaining('subscribed again') });
  const { id, email, ...now } = await reader();
  expect(now).toMatchObject({ mailable: true, isUnsubscribed: false, version: version + 1 });
  expect(await sql('select actor, detail from customer_change where customer_id = $1', [id])).toEqual([{ actor: 'Unsubscribe page', detail: { note: 'Took back that she unsubscribed.' } }]);
  expect(await sql(`select 1 from audit where action = 'suppression.removed' and subject = $1`, [email])).toHaveLength(1);
  expect(await unsubscribedEvents()).toBe(1);
  await post(linkOf('unsubscribe', 'unsubscribe'));
  expect(await reader()).toMatchObject({ mailable: false });
});

test.each(['complaint', 'hard_bounce', 'manual'])('whoever is suppressed as %s stays so, and is told that it cannot be done here', async (reason) => {
  const { email } = await reader();
  await post(linkOf('unsubscribe', 'unsubscribe'));
  await member.post('/suppressions', { email, reason });
  expect(await post(linkOf('resubscribe', 'unsubscribe'))).toMatchObject({ status: 200, html: expect.stringContaining('cannot be done here') });
  await member.delete(`/suppressions/${encodeURIComponent(email)}`, { note: 'x' });
  await member.post('/suppressions', { email, reason });
  expect(await post(linkOf('resubscribe', 'unsubscribe'))).toMatchObject({ html: expect.stringContaining('cannot be done here') });
  expect(await reader()).toMatchObject({ mailable: false });
  expect((await get(linkOf('preferences', 'preferences'))).html).toContain('Nothing is sent to you for another reason');
});

test('her preferences show public lists only, under their public names, and her address in part', async () => {
  const { email } = await reader();
  await member.post('/lists', { name: 'Internal' });
  await member.post('/lists', { name: 'news-2026', isPublic: true, publicName: 'News <b>', publicDescription: 'Monthly, see https://shop.example.' });
  await member.post('/lists', { name: 'Offers', isPublic: true });
  const { status, html } = await get(linkOf('preferences', 'preferences'));
  expect(status).toBe(200);
  for (const part of ['News &lt;b&gt;', '<a href="https://shop.example"', 'Offers', `${email[0]!}…@`]) expect(html).toContain(part);
  for (const part of ['Internal', 'news-2026', email, '<b>', '<script', 'checked']) expect(html).not.toContain(part);
});

test('saving joins and leaves what the page showed, and nothing that is not public; only real changes count', async () => {
  const make = async (name: string, isPublic: boolean) => (await member.post('/lists', { name, isPublic })).body.id as string;
  const [join, leave, stay, inside, unseen] = [await make('Join', true), await make('Leave', true), await make('Stay', true), await make('Inside', false), await make('Unseen', true)];
  const { id } = await reader();
  for (const list of [leave, stay, inside, unseen]) await member.post(`/lists/${list}/members`, { customerIds: [id] });
  const { version } = await reader();
  const choice = [['do', 'save'], ...[join, leave, stay, inside].map((list) => ['shown', list] as const), ['list', join], ['list', stay], ['list', inside]] as const;
  const saved = await post(linkOf('preferences', 'preferences'), choice);
  expect(saved).toMatchObject({ status: 200, html: expect.stringContaining('Saved.') });
  const lists = async () => (await reader()).lists.map((list) => list.id).filter((list) => list !== campaign.listId).sort();
  expect(await lists()).toEqual([join, stay, inside, unseen].sort());
  await post(linkOf('preferences', 'preferences'), [...choice.filter(([, list]) => list !== inside), ['shown', inside]]);
  expect(await lists()).toEqual([join, stay, inside, unseen].sort());
  expect((await reader()).version).toBe(version + 2);
  expect(await sql(`select kind, actor, detail->>'name' as name from customer_change where customer_id = $1`, [id])).toEqual([{ kind: 'list_removed', actor: 'Preferences page', name: 'Leave' }]);
});

test('unsubscribing from all counts as unsubscribing, and getting mail again takes it back', async () => {
  const url = linkOf('preferences', 'preferences');
  expect((await post(url, [['do', 'unsubscribe']])).html).toContain('You are unsubscribed');
  expect(await reader()).toMatchObject({ mailable: false, isUnsubscribed: true });
  expect(await unsubscribedEvents()).toBe(1);
  expect((await post(url, [['do', 'resubscribe']])).html).not.toContain('You are unsubscribed');
  expect(await reader()).toMatchObject({ mailable: true });
});

test('links of test mails change nothing; altered ones, those of erased people and of other organizations lead nowhere', async () => {
  expect((await get(linkOf('preferences', 'preferences', 0))).html).toContain('test mail');
  expect((await post(linkOf('preferences', 'testUnsubscribe', 0), [['do', 'unsubscribe']])).html).toContain('test mail');
  expect((await post(linkOf('resubscribe', 'testUnsubscribe', 0))).html).toContain('test mail');
  const other = await createTestOrganization({ container: api.container });
  const otherNo = await api.container.tenants.use(other.orgId, ({ org }) => Promise.resolve(org.no));
  for (const url of [linkOf('preferences', 'unsubscribe'), linkOf('preferences', 'preferences', 9_999), linkOf('preferences', 'preferences', ordinal, otherNo), `${linkOf('preferences', 'preferences')}x`]) {
    expect([(await get(url)).status, (await post(url, [['do', 'unsubscribe']])).status], url).toEqual([404, 404]);
  }
  const { id } = await reader();
  await sql('delete from customer where id = $1', [id]);
  expect([(await get(linkOf('preferences', 'preferences'))).status, (await post(linkOf('resubscribe', 'unsubscribe'))).status]).toEqual([404, 404]);
});
