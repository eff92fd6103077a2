import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createListActivities } from '../../activities/lists.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';

let api: TestApi;
let member: TestUser;
let stopIndexing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  stopIndexing = followOutbox(api);
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const makeList = async (name: string) => (await member.post('/lists', { name })).body as { id: string; version: number };
const makeCustomer = async (email: string) => (await member.post('/customers', { email })).body as { id: number };

test('a list is made, renamed and found; its name is taken once', async () => {
  const made = await member.post('/lists', { name: ' Friends ', description: 'Those we like' });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ name: 'Friends', description: 'Those we like', members: 0, version: 1 });
  expect((await member.post('/lists', { name: 'FRIENDS' })).body).toMatchObject({ status: 409, errors: [{ field: 'name' }] });
  const renamed = await member.patch(`/lists/${made.body.id}`, { version: 1, name: 'Good friends', description: null });
  expect(renamed.body).toMatchObject({ name: 'Good friends', description: '', version: 2 });
  expect((await member.patch(`/lists/${made.body.id}`, { version: 1, name: 'Late' })).status).toBe(409);
  expect((await member.get('/lists?search=good&count=true')).body).toMatchObject({ count: 1, data: [{ id: made.body.id }] });
});

test('lists come by name in pages, each once', async () => {
  for (const name of ['page b', 'Page A', 'page ç', 'PAGE d', 'Page İ']) await makeList(name);
  const names: string[] = [];
  let cursor = '';
  do {
    const page = (await member.get(`/lists?search=page&limit=2${cursor}`)).body;
    names.push(...page.data.map((list: { name: string }) => list.name));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  expect([...names].sort()).toEqual(['PAGE d', 'Page A', 'Page İ', 'page b', 'page ç'].sort());
});

test('only a real addition makes a new version; memberships are searchable at once', async () => {
  const list = await makeList('Members');
  const [ada, bob] = [await makeCustomer('ada@members.example'), await makeCustomer('bob@members.example')];
  expect((await member.post(`/lists/${list.id}/members`, { customerIds: [ada.id], emails: [' BOB@members.example'] })).body.members).toBe(2);
  expect((await member.post(`/lists/${list.id}/members`, { customerIds: [ada.id, ada.id] })).body.members).toBe(2);
  expect(await sql('select version from customer where id = any($1) order by id', [[ada.id, bob.id]])).toEqual([{ version: 2 }, { version: 2 }]);
  const rule = { op: 'and', parts: [{ list: list.id, in: true }] };
  expect((await member.post('/segments/count', { rule })).body).toMatchObject({ mailable: 2, total: 2 });
  const members = (await member.get(`/lists/${list.id}/members?limit=1&count=true`)).body;
  expect(members).toMatchObject({ count: 2, data: [{ customerId: ada.id, email: 'ada@members.example' }] });
  expect((await member.get(`/lists/${list.id}/members?limit=1&cursor=${members.nextCursor}`)).body).toMatchObject({ nextCursor: null, data: [{ customerId: bob.id }] });
  expect((await member.delete(`/lists/${list.id}/members`, { emails: ['ada@members.example', 'nobody@members.example'] })).body.members).toBe(1);
  expect((await member.post('/segments/count', { rule })).body).toMatchObject({ mailable: 1, total: 1 });
  expect(await sql('select kind, actor, detail from customer_change where customer_id = $1', [ada.id])).toEqual([{ kind: 'list_removed', actor: 'Test member', detail: { list: list.id, name: 'Members' } }]);
});

test('a size is counted as members come and go, from all sides at once, and growth looks back 30 days', async () => {
  const list = await makeList('Busy');
  await sql(`insert into customer (email, email_key) select 'busy' || i || '@example.com', 'busy' || i || '@example.com' from generate_series(1, 400) i`);
  const ids = (await sql<{ id: number }>(`select id from customer where email_key like 'busy%' order by id`)).map((row) => row.id);
  const moves = Array.from({ length: 40 }, (_, i) => {
    const customerIds = ids.slice(i * 10, i * 10 + 20);
    return i % 4 === 3 ? member.delete(`/lists/${list.id}/members`, { customerIds }) : member.post(`/lists/${list.id}/members`, { customerIds });
  });
  expect(new Set((await Promise.all(moves)).map((reply) => reply.status))).toEqual(new Set([200]));
  const size = async () => (await member.get(`/lists/${list.id}`)).body;
  const [held] = await sql<{ n: number }>('select count(*) as n from list_member where list_id = $1', [list.id]);
  expect((await size()).members).toBe(held!.n);
  await sql('delete from customer where id = any($1)', [ids.slice(0, 50)]);
  const [left] = await sql<{ n: number }>('select count(*) as n from list_member where list_id = $1', [list.id]);
  expect((await size()).members).toBe(left!.n);
  await sql('update list_count set on_day = on_day - 30 where list_id = $1', [list.id]);
  const fresh = (await sql<{ id: number }>('select id from customer c where not exists (select 1 from list_member m where m.list_id = $1 and m.customer_id = c.id) order by id limit 3', [list.id])).map((row) => row.id);
  await member.post(`/lists/${list.id}/members`, { customerIds: fresh });
  expect(await size()).toMatchObject({ members: left!.n + 3, added30: 3 });
});

test('adding somebody who does not exist names her and adds nobody', async () => {
  const list = await makeList('Strict');
  const ada = await makeCustomer('ada@strict.example');
  const reply = await member.post(`/lists/${list.id}/members`, { customerIds: [ada.id, 987_654_321], emails: ['ghost@strict.example'] });
  expect([reply.status, reply.body.errors.map((error: { field: string }) => error.field)]).toEqual([422, ['customerIds[1]', 'emails[0]']]);
  expect((await member.get(`/lists/${list.id}`)).body.members).toBe(0);
  expect((await member.post(`/lists/${list.id}/members`, {})).status).toBe(422);
});

test('a list in use cannot be deleted and says by whom; unused it goes and its customers stay', async () => {
  const list = await makeList('Used');
  const ada = await makeCustomer('ada@used.example');
  await member.post(`/lists/${list.id}/members`, { customerIds: [ada.id] });
  const segment = (await member.post('/segments', { name: 'Asks for it', rule: { op: 'or', parts: [{ op: 'not', parts: [{ list: list.id, in: true }] }] } })).body;
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  await sql(`insert into campaign (id, mail_no, name, created_by, targets) values (gen_random_uuid(), $1, 'Spring', 'Ada', $2)`, [mail!.no, JSON.stringify([{ kind: 'list', id: list.id, mode: 'exclude' }])]);
  const refused = await member.delete(`/lists/${list.id}`);
  expect(refused.status).toBe(409);
  expect(refused.body.detail).toContain('campaign “Spring”, segment “Asks for it”');
  await member.delete(`/segments/${segment.id}`);
  await sql(`update campaign set state = 'completed' where mail_no = $1`, [mail!.no]);
  expect((await member.delete(`/lists/${list.id}`)).status).toBe(204);
  expect((await member.get(`/lists/${list.id}`)).status).toBe(404);
  expect((await member.get(`/customers/${ada.id}`)).body.lists).toEqual([]);
});

test('a deleted list is gone and its name free at once; its members are taken off in batches, each person once', async () => {
  const list = await makeList('Large');
  await sql(`insert into customer (email, email_key) select 'large' || i || '@example.com', 'large' || i || '@example.com' from generate_series(1, 11000) i`);
  await sql(`insert into list_member (list_id, customer_id) select $1, id from customer where email_key like 'large%'`, [list.id]);
  expect((await member.get(`/lists/${list.id}`)).body.members).toBe(11_000);
  expect((await member.delete(`/lists/${list.id}`)).status).toBe(204);
  const again = await makeList('large');
  expect((await member.post(`/lists/${list.id}/members`, { customerIds: [1] })).status).toBe(404);
  await stopIndexing();
  await sql('delete from outbox');

  const { takeOffMembers } = createListActivities(api.container, () => false);
  const run = () => new MockActivityEnvironment().run(takeOffMembers, { orgId: api.orgId, listId: list.id });
  expect(await run()).toEqual({ members: 11_000 });
  expect(await sql(`select version, count(*) as n from customer where email_key like 'large%' group by version`)).toEqual([{ version: 2, n: 11_000 }]);
  expect(await sql('select cardinality(ids) as n from outbox order by id')).toEqual([{ n: 5_000 }, { n: 5_000 }, { n: 1_000 }]);
  expect(await sql('select 1 from list_record where id = $1 union all select 1 from list_count where list_id = $1', [list.id])).toEqual([]);
  expect(await run()).toEqual({ members: 0 });
  await sql('insert into list_member (list_id, customer_id) select $1, id from customer order by id limit 10', [again.id]);
  await new MockActivityEnvironment().run(takeOffMembers, { orgId: api.orgId, listId: again.id });
  expect((await member.get(`/lists/${again.id}`)).body.members, 'a list that was not deleted keeps its members').toBe(10);
  stopIndexing = followOutbox(api);
});

test('an API key reads and writes lists only with their scopes', async () => {
  const actor = { kind: 'user', id: 'x', name: 'x', email: null } as const;
  const { key } = await api.services.apiKeys.create(api.orgId, actor, { name: 'reader', scopes: ['lists:read'] });
  const reader = api.client({ authorization: `Bearer ${key}` });
  expect((await reader.get('/lists')).status).toBe(200);
  expect((await reader.post('/lists', { name: 'By key' })).status).toBe(403);
});
