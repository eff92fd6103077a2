import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noDelivery, singleDelivery } from '#domain/campaign/delivery.ts';
import { createCampaignLifecycle, type CampaignLifecycle } from '../../api/modules/campaigns/lifecycle.ts';
import { campaignOrders, type CampaignOrder } from '../../api/modules/campaigns/order.ts';
import { createCampaignReader } from '../../api/modules/campaigns/reader.ts';
import { createCampaignReportService } from '../../api/modules/campaigns/report.ts';
import { createCampaignService, type CampaignService } from '../../api/modules/campaigns/service.ts';
import { createConnectionService } from '../../api/modules/connections/service.ts';
import { createDashboardService } from '../../api/modules/dashboard/service.ts';
import { createJourneyServices } from '../../api/modules/journeys/services.ts';
import { createRenderService } from '../../api/modules/render/service.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';
import { createSentCampaign, type SentCampaign } from '../support/sent-campaign.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';

let organization: TestOrganization;
let campaigns: CampaignService;
let lifecycle: CampaignLifecycle;
let sink: SmtpSink;
let org: string;
const html = '<p>Hi {{ first_name }}</p><a href="{{ unsubscribe_url }}">bye</a>';

beforeAll(async () => {
  organization = await createTestOrganization();
  sink = await startSmtpSink({ password: 'right' });
  const reader = createCampaignReader(organization.container);
  lifecycle = createCampaignLifecycle(organization.container, reader);
  campaigns = createCampaignService(organization.container, reader, lifecycle);
  org = organization.orgId;
}, 60_000);
afterAll(async () => {
  await sink.close();
  await organization.close();
});

const connections = () => createConnectionService(organization.container);
const connect = (name: string, password: string) => connections().create(org, 'smtp', { name, host: '127.0.0.1', port: sink.port, secure: 'none', username: 'me', password, fromEmail: 'news@shop.example' });

test('a launch names everything that is missing, together', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Empty');
  await campaigns.edit(org, 'owner', draft.id, { version: draft.version, fromName: '', delivery: noDelivery });
  await expect(lifecycle.launch(org, 'owner', draft.id, false)).rejects.toMatchObject({
    code: 'invalid', fields: expect.arrayContaining(['subject', 'fromName', 'html', 'targets', 'delivery.connections'].map((field) => expect.objectContaining({ field }))),
  });
});

test('a stale edit is refused', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Twice');
  await campaigns.edit(org, 'owner', draft.id, { version: draft.version, subject: 'one' });
  await expect(campaigns.edit(org, 'owner', draft.id, { version: draft.version, subject: 'two' })).rejects.toMatchObject({ code: 'conflict' });
});

test('of two who save the same version one is refused, and what the other wrote stays whole', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Contested');
  const edits = [{ subject: 'one', html: 'one' }, { subject: 'two', html: 'two' }];
  const both = await Promise.allSettled(edits.map((edit) => campaigns.edit(org, 'owner', draft.id, { version: draft.version, ...edit })));
  expect(both.map((edit) => edit.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await campaigns.get(org, 'owner', draft.id)).toMatchObject({ ...edits[both.findIndex((edit) => edit.status === 'fulfilled')], version: 2 });
});

test('a draft begins with the sender of the oldest connection that is enabled, and its connection must exist', async () => {
  const [oldest] = (await connections().list(org, { limit: 1 })).data;
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Begun');
  expect(draft).toMatchObject({ delivery: singleDelivery(oldest?.id ?? ''), experiment: null, schedule: null, fromName: oldest?.fromName, fromEmail: oldest?.fromEmail, targets: [], tracking: { opens: true, clicks: true }, utm: {}, version: 1, createdBy: 'Ada' });
  await expect(campaigns.edit(org, 'owner', draft.id, { delivery: singleDelivery(randomUUID()), subject: 'lost' })).rejects.toMatchObject({ code: 'invalid', fields: [{ field: 'delivery.connections[0].id' }] });
  expect(await campaigns.get(org, 'owner', draft.id)).toEqual(draft);
});

const alternatives = { subjects: ['Other'], contents: [], fromNames: [], testPercent: 20, durationHours: 4, winnerBy: 'click_rate', distribution: 'random', weights: [] } as const;

test('a copy has the whole content and settings, not the state', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Original');
  const content = { subject: 'Hi ? {a|b}', preheader: 'p', fromName: 'n', fromEmail: 'n@x.example', replyTo: 'r@x.example', html, text: 't', delivery: { ...noDelivery, throttlePerMinute: 60 }, experiment: alternatives, tracking: { opens: false, clicks: true }, utm: { utm_source: 'me' } };
  await campaigns.edit(org, 'owner', draft.id, content);
  expect(await campaigns.duplicate(org, 'owner', 'Bob', draft.id)).toMatchObject({ ...content, name: 'Copy of Original', state: 'draft', version: 1, createdBy: 'Bob', archivedAt: null });
});

test('a draft that is deleted leaves nothing behind; a finished campaign can only be archived, and shown again', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Finished');
  const counts = () => organization.container.tenants.use(org, ({ sql }) => sql.first<{ mails: number }>('select count(*)::int as mails, (select count(*)::int from campaign) as campaigns from mail'));
  const before = await counts();
  await campaigns.remove(org, (await campaigns.create(org, 'owner', 'Ada', 'Deleted')).id);
  expect(await counts()).toEqual(before);
  await expect(campaigns.archive(org, 'owner', draft.id, true)).rejects.toMatchObject({ code: 'conflict' });
  await organization.container.tenants.use(org, ({ sql }) => sql.run("update campaign set state = 'completed' where id = $1", [draft.id]));
  await expect(campaigns.remove(org, draft.id)).rejects.toMatchObject({ code: 'conflict', message: 'Only drafts can be deleted; this campaign is completed.' });
  const { archivedAt } = await campaigns.archive(org, 'owner', draft.id, true);
  expect(archivedAt).not.toBeNull();
  expect((await campaigns.archive(org, 'owner', draft.id, true)).archivedAt).toBe(archivedAt);
  expect((await campaigns.list(org, 'owner', { limit: 50, archived: true })).data.map((row) => row.id)).toEqual([draft.id]);
  expect((await campaigns.archive(org, 'owner', draft.id, false)).archivedAt).toBeNull();
});

test('an unknown tag blocks the launch unless it has a default', async () => {
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Tags');
  await campaigns.edit(org, 'owner', draft.id, { subject: 'Hi {{ nick }}', html: `${html}{{ pet | default: "cat" }}` });
  const { errors } = await campaigns.checks(org, draft.id);
  expect(errors.filter((error) => /there is no field/i.test(error.message)).map((error) => error.field)).toEqual(['subject']);
});

test('a launched campaign runs, once, and a copy is a new draft', async () => {
  const listId = randomUUID();
  await organization.container.tenants.use(org, async ({ sql }) => {
    await sql.run("insert into list (id, name) values ($1, 'All')", [listId]);
    await sql.run("insert into customer (email, email_key, is_unsubscribed) values ('a@x.example', 'a@x.example', false), ('b@x.example', 'b@x.example', true)");
    await sql.run('insert into list_member (list_id, customer_id) select $1, id from customer', [listId]);
  });
  const connection = await connect('Launching', 'right');
  const draft = await campaigns.create(org, 'owner', 'Ada', 'Spring');
  await campaigns.edit(org, 'owner', draft.id, { subject: 'Hello', html, fromName: 'Shop', fromEmail: 'news@shop.example', delivery: singleDelivery(connection.id), targets: [{ kind: 'list', id: listId, mode: 'include' }] });
  expect(await campaigns.estimate(org, draft.id)).toMatchObject({ included: 2, duplicates: 0, excluded: 0, suppressed: 0, unsubscribed: 1, bounced: 0, final: 1 });
  const launched = await lifecycle.launch(org, 'owner', draft.id, false);
  const again = await lifecycle.launch(org, 'owner', draft.id, false);
  expect([launched.state, again.state]).toEqual(['running', 'running']);
  expect(launched.allowed).toEqual(['pause', 'cancel', 'duplicate']);
  await expect(campaigns.edit(org, 'owner', draft.id, { subject: 'late' })).rejects.toMatchObject({ code: 'conflict' });
  const copy = await campaigns.duplicate(org, 'owner', 'Ada', draft.id);
  expect(copy).toMatchObject({ name: 'Copy of Spring', state: 'draft', subject: 'Hello', delivery: singleDelivery(connection.id) });
  const page = await campaigns.list(org, 'member', { limit: 1, count: true });
  expect(page.nextCursor).not.toBeNull();
  expect((await campaigns.list(org, 'member', { limit: 10, cursor: page.nextCursor ?? '' })).data.map((row) => row.id)).not.toContain(page.data[0]?.id);
  expect(await createCampaignReportService(organization.container).report(org, draft.id)).toMatchObject({ sent: 0, openRate: null });
  expect((await createDashboardService(organization.container, campaigns, createJourneyServices(organization.container).journeys).read(org, 'owner', 30)).running.map((row) => row.id)).toContain(draft.id);
});

test('a connection test says what is wrong, keeps the password and shows its health', async () => {
  const wrong = await connect('Wrong', 'wrong');
  expect(wrong).toMatchObject({ passwordSet: true });
  expect(JSON.stringify(wrong)).not.toContain('"wrong"');
  expect(await connections().test(org, wrong.id, 'ada@x.example')).toMatchObject({ ok: false, stage: 'login', message: 'Authentication failed: wrong key or credentials.' });
  const right = await connections().edit(org, wrong.id, { version: wrong.version, password: 'right' });
  expect(await connections().test(org, right.id, 'ada@x.example')).toMatchObject({ ok: true });
  expect((await connections().get(org, right.id)).health).toBe('healthy');
  const refused = await connections().create(org, 'smtp', { name: 'Nobody there', host: '127.0.0.1', port: 9, secure: 'none' });
  expect(await connections().test(org, refused.id, 'ada@x.example')).toMatchObject({ ok: false, stage: 'connect', message: 'Connection refused: wrong host or port.' });
});

test('a preview shows the sample person and what is wrong', async () => {
  const shown = await createRenderService(organization.container).render(org, { subject: 'Hi {{ first_name }}', preheader: '', html: '<p>{{ nope }}</p>', text: '' });
  expect(shown).toMatchObject({ subject: 'Hi Ada', html: '<p></p>' });
  expect(shown.problems).toContainEqual(expect.objectContaining({ field: 'html', message: expect.stringContaining('nope') }));
});

test('the list is sorted by what its columns show, and its pages hold every campaign once', async () => {
  const names = ['alpha', 'Beta', 'gamma'];
  const made: SentCampaign[] = [];
  for (const [i, name] of names.entries()) made.push(await createSentCampaign(organization, { name, recipients: [10, 5, 1][i]!, ago: `${i + 1} hours` }));
  for (const [i, opened] of [2, 4, 0].entries()) await organization.container.tenants.use(org, ({ sql }) => sql.run('update mail_count set unique_opened = $2 where mail_no = $1', [made[i]!.mailNo, opened]));
  const read = async (sort: CampaignOrder, limit = 200) => {
    const rows: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await campaigns.list(org, 'owner', { limit, sort, ...(cursor === undefined ? {} : { cursor }) });
      rows.push(...page.data.map((row) => row.name));
      cursor = page.nextCursor;
    }
    return rows;
  };
  const ours = async (sort: CampaignOrder) => (await read(sort)).filter((name) => names.includes(name));
  expect(await ours('name')).toEqual(['alpha', 'Beta', 'gamma']);
  expect(await ours('-sent')).toEqual(['alpha', 'Beta', 'gamma']);
  expect(await ours('-opened')).toEqual(['Beta', 'alpha', 'gamma']);
  expect(await ours('opened')).toEqual(['gamma', 'alpha', 'Beta']);
  expect(await ours('-changed')).toEqual(['alpha', 'Beta', 'gamma']);
  expect(await ours('newest')).toEqual(['gamma', 'Beta', 'alpha']);
  for (const sort of campaignOrders) expect(await read(sort, 1), sort).toEqual(await read(sort));
  const page = await campaigns.list(org, 'owner', { limit: 1, sort: 'name' });
  await expect(campaigns.list(org, 'owner', { limit: 1, sort: '-sent', cursor: page.nextCursor! })).rejects.toMatchObject({ code: 'invalid' });
});
