import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCsvReader } from '#domain/customer/csv.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';

let api: TestApi;
let admin: TestUser;

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.signIn('admin');
  await admin.post('/fields', { key: 'plan', type: 'text' });
}, 60_000);
afterAll(() => api.close());

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const add = async (email: string, more: object = {}): Promise<number> => (await admin.post('/customers', { email, ...more })).body.id as number;

/** A campaign that reached her: mail number and id. */
async function campaign(name: string): Promise<{ no: number; id: string }> {
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  const [row] = await sql<{ id: string }>(`insert into campaign (id, mail_no, name, created_by) values (gen_random_uuid(), $1, $2, 'Ada') returning id::text`, [mail!.no, name]);
  return { no: mail!.no, id: row!.id };
}

test('her suppression is shown with reason, source, note and what joined it later', async () => {
  const id = await add('why@example.com');
  expect((await admin.get(`/customers/${id}`)).body.suppression).toBeNull();
  await admin.post('/suppressions', { email: 'why@example.com', reason: 'complaint', note: 'by letter' });
  await admin.post('/suppressions', { email: 'why@example.com', reason: 'unsubscribed' });
  expect((await admin.get(`/customers/${id}`)).body.suppression).toMatchObject({
    reason: 'complaint', source: 'manual', note: 'by letter', createdAt: expect.stringMatching(/Z$/), history: [{ reason: 'unsubscribed', source: 'manual', at: expect.stringMatching(/Z$/) }],
  });
  const { data } = (await admin.get(`/customers/${id}/timeline?kinds=suppression`)).body;
  expect(data.map((entry: { kind: string; reason: string; note?: string }) => [entry.kind, entry.reason, entry.note])).toEqual([['suppressed', 'unsubscribed', undefined], ['suppressed', 'complaint', 'by letter']]);
});

test('the segments she is in are those her values say now, segments in segments included', async () => {
  const list = (await admin.post('/lists', { name: 'Readers' })).body;
  const segment = async (name: string, ...parts: object[]) => (await admin.post('/segments', { name, rule: { op: 'and', parts } })).body as { id: string };
  const romans = await segment('Romans', { field: 'city', operator: 'equals', value: 'Rome' });
  await segment('Gold', { field: 'custom.plan', operator: 'equals', value: 'gold' });
  await segment('Reading Romans', { segment: romans.id, in: true }, { list: list.id, in: true });
  await segment('Never sent', { event: 'sent', operator: 'has_not_done' });
  const id = await add('segments@example.com', { city: 'rome', listIds: [list.id] });
  const names = async () => ((await admin.get(`/customers/${id}/segments`)).body.data as { name: string }[]).map((each) => each.name);
  expect(await names()).toEqual(['Never sent', 'Reading Romans', 'Romans']);
  await admin.patch(`/customers/${id}`, { city: 'Oslo', custom: { plan: 'gold' } });
  expect(await names()).toEqual(['Gold', 'Never sent']);
});

test('the timeline holds every kind of thing, each with what is known of it', async () => {
  const list = (await admin.post('/lists', { name: 'Timeline' })).body;
  const id = await add('everything@example.com', { listIds: [list.id] });
  const spring = await campaign('Spring');
  const [second, third, fourth] = [await campaign('Summer'), await campaign('Autumn'), await campaign('Winter')];
  await sql(`insert into link (mail_no, no, url) values ($1, 0, 'https://shop.example/')`, [spring.no]);
  await sql(`insert into message (mail_no, ordinal, customer_id, connection_no, state, reason, reply, ended_at) values
    ($1, 1, $5, 1, 2, null, '250 ok', now() + interval '1 minute'), ($2, 1, $5, 1, 3, 'hard_bounce', '550 no such user', now() + interval '2 minutes'),
    ($3, 1, $5, 1, 4, 'suppressed', null, now() + interval '3 minutes'), ($4, 1, $5, 1, 5, 'no_answer', 'timed out', now() + interval '4 minutes')`, [spring.no, second.no, third.no, fourth.no, id]);
  await sql(`insert into event (type, customer_id, mail_no, ordinal, link_no, occurred_at, source, machine, detail) values
    ('delivered', $2, $1, 1, null, now() + interval '5 minutes', 'webhook', false, null), ('opened', $2, $1, 1, null, now() + interval '6 minutes', 'tracking_link', true, null),
    ('clicked', $2, $1, 1, 0, now() + interval '7 minutes', 'tracking_link', false, null), ('bounced', $2, $1, 1, null, now() + interval '8 minutes', 'smtp', false, '{"class": "soft", "reply": "452 full"}'),
    ('complained', $2, $1, 1, null, now() + interval '9 minutes', 'webhook', false, null), ('unsubscribed', $2, $1, 1, null, now() + interval '10 minutes', 'tracking_link', false, null)`, [spring.no, id]);
  const [job] = await sql<{ id: string; no: number }>(`insert into import_job (id, list_name, file_name, file_size, options, state, created_by, ended_at) values (gen_random_uuid(), '', 'people.csv', 1, '{}', 'completed', 'Bob', now() + interval '11 minutes') returning id::text, no`);
  await sql('update customer set imports = array[$2::integer] where id = $1', [id, job!.no]);
  await admin.request('DELETE', `/lists/${list.id}/members`, { customerIds: [id] });
  await sql(`insert into customer_change (customer_id, at, kind, actor, detail) values ($1, now() + interval '12 minutes', 'unsuppressed', 'Eve', '{"note": "wrote to us"}')`, [id]);
  const { data } = (await admin.get(`/customers/${id}/timeline?limit=100`)).body;
  const shown = (kind: string) => data.find((entry: { kind: string }) => entry.kind === kind);
  expect(data.map((entry: { kind: string }) => entry.kind).slice(0, 12)).toEqual(['unsuppressed', 'imported', 'unsubscribed', 'complained', 'bounced', 'clicked', 'opened', 'delivered', 'in_doubt', 'skipped', 'failed', 'sent']);
  expect(shown('sent')).toMatchObject({ title: 'Mail sent', detail: 'Spring', campaignId: spring.id, reply: '250 ok', machine: false });
  expect(shown('failed')).toMatchObject({ detail: 'Summer', reason: 'hard_bounce', reply: '550 no such user' });
  expect(shown('skipped')).toMatchObject({ detail: 'Autumn', reason: 'suppressed' });
  expect(shown('in_doubt')).toMatchObject({ detail: 'Winter', reason: 'no_answer' });
  expect(shown('opened')).toMatchObject({ machine: true });
  expect(shown('clicked')).toMatchObject({ url: 'https://shop.example/', detail: 'https://shop.example/', campaignId: spring.id });
  expect(shown('bounced')).toMatchObject({ reason: 'soft', reply: '452 full' });
  expect(shown('imported')).toMatchObject({ detail: 'people.csv', importId: job!.id, actor: 'Bob' });
  expect(shown('unsuppressed')).toMatchObject({ note: 'wrote to us', actor: 'Eve' });
  expect(shown('list_removed')).toMatchObject({ detail: 'Timeline', actor: 'Test admin' });
  expect(shown('created')).toBeDefined();
  const kinds = async (asked: string) => ((await admin.get(`/customers/${id}/timeline?kinds=${asked}`)).body.data as { kind: string }[]).map((entry) => entry.kind);
  expect(await kinds('opened,imports')).toEqual(['imported', 'opened']);
  expect(await kinds('lists,profile')).toEqual(['list_removed', 'created']);
  const refused = await admin.get(`/customers/${id}/timeline?kinds=holidays`);
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'kinds']);
});

test('somebody with many events is read a page at a time, each entry once, by the index', async () => {
  const id = await add('busy@example.com');
  await sql(`insert into event (type, customer_id, occurred_at, source) select 'opened', $1, now() - (i / 3) * interval '1 second', 'tracking_link' from generate_series(1, 5000) i`, [id]);
  const refs = new Set<string>();
  let cursor = '';
  let count = 0;
  do {
    const page = (await admin.get(`/customers/${id}/timeline?limit=100${cursor}`)).body;
    for (const entry of page.data) refs.add(`${entry.at} ${entry.kind}`);
    count += page.data.length;
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  expect(count).toBe(5_001);
  expect(refs.size).toBe(1_668);
}, 60_000);

test('all of hers is downloaded as JSON and as CSV, by those who may export', async () => {
  const list = (await admin.post('/lists', { name: 'Downloads' })).body;
  const id = await add('mine@example.com', { firstName: '=Ada "the first"', custom: { plan: 'gold\nplated' }, listIds: [list.id] });
  await admin.patch(`/customers/${id}`, { city: 'Rome' });
  await admin.post('/suppressions', { email: 'mine@example.com', reason: 'complaint', note: 'angry' });
  const spring = await campaign('Letters');
  await sql(`insert into message (mail_no, ordinal, customer_id, connection_no, state, reply, ended_at) values ($1, 1, $2, 1, 2, '250 ok', now())`, [spring.no, id]);
  await sql(`insert into event (type, customer_id, mail_no, ordinal, occurred_at, source, detail) select 'opened', $2, $1, 1, now(), 'tracking_link', '{"country": "IT"}' from generate_series(1, 2500)`, [spring.no, id]);

  const json = await admin.get(`/customers/${id}/data`);
  expect(json.headers.get('content-disposition')).toBe(`attachment; filename=customer-${id}.json`);
  expect(json.headers.get('x-content-type-options')).toBe('nosniff');
  expect(json.body).toMatchObject({
    customer: { id, email: 'mine@example.com', first_name: '=Ada "the first"', city: 'Rome', custom: { plan: 'gold\nplated' }, is_suppressed: true },
    lists: [{ name: 'Downloads' }], suppression: [{ reason: 'complaint', note: 'angry' }], imports: [],
    changes: [{ kind: 'fields', actor: 'Test admin', detail: [{ field: 'city', from: null, to: 'Rome' }] }],
    mails: [{ campaign: 'Letters', state: 'sent', reply: '250 ok' }],
  });
  expect(json.body.events).toHaveLength(2_500);
  expect(json.body.events[0]).toMatchObject({ type: 'opened', campaign: 'Letters', detail: { country: 'IT' } });

  const csv = await admin.get(`/customers/${id}/data?format=csv`);
  const reader = createCsvReader(',');
  const rows = [...reader.push(csv.body as string), ...reader.end()].map((record) => record.cells);
  expect(rows[0]).toEqual(['section', 'record', 'field', 'value']);
  const value = (section: string, field: string) => rows.find((row) => row[0] === section && row[2] === field)?.[3];
  expect([value('customer', 'email'), value('customer', 'first_name'), value('customer', 'custom.plan'), value('suppression', 'note'), value('mails', 'reply')]).toEqual(['mine@example.com', `'=Ada "the first"`, 'gold\nplated', 'angry', '250 ok']);
  expect(rows.filter((row) => row[0] === 'events' && row[2] === 'type')).toHaveLength(2_500);

  expect((await (await api.signIn('member')).get(`/customers/${id}/data`)).status).toBe(403);
  const bob = await api.signIn('owner', (await createTestOrganization({ container: api.container })).orgId);
  for (const path of ['', '/data', '/segments', '/timeline']) expect((await bob.get(`/customers/${id}${path}`)).status).toBe(404);
}, 60_000);
