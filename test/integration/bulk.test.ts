import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { createTestOrganization } from '../support/organization.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** One action over many customers, by a real worker. */

const state = mkdtempSync(join(tmpdir(), 'fermata-bulk-'));
let api: TestApi;
let admin: TestUser;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  admin = await api.signIn('admin');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const newList = async () => {
  const { id, name } = (await admin.post('/lists', { name: `List ${randomUUID()}` })).body as { id: string; name: string };
  return { id, name };
};
const people = async (domain: string, count: number, more: object = {}): Promise<number[]> => {
  const ids: number[] = [];
  for (let from = 0; from < count; from += 1_000) {
    const customers = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => ({ email: `person${from + i}@${domain}`, ...more }));
    const reply = await admin.post('/customers/batch', { customers });
    expect(reply.body).toMatchObject({ created: customers.length, failed: 0 });
    ids.push(...reply.body.results.map((result: { id: number }) => result.id));
  }
  return ids;
};
const start = async (body: object): Promise<string> => {
  const reply = await admin.post('/customers/bulk', body);
  expect([reply.status, reply.body.problem]).toEqual([202, null]);
  return reply.body.id as string;
};
const ended = async (id: string): Promise<Reply['body']> => {
  await expect.poll(async () => (await admin.get(`/customers/bulk/${id}`)).body.state, { timeout: 60_000, interval: 50 }).toMatch(/completed|failed|cancelled/);
  return (await admin.get(`/customers/bulk/${id}`)).body;
};
const act = async (body: object) => ended(await start(body));

test('chosen customers are put on a list; who is on it already stays as she is', async () => {
  const list = await newList();
  const ids = await people('add.example', 5);
  await admin.post(`/lists/${list.id}/members`, { customerIds: ids.slice(0, 2) });
  expect(await act({ action: 'add_to_list', listId: list.id, selection: { ids: [...ids, ids[0]] } })).toMatchObject({
    action: 'add_to_list', list, state: 'completed', customersTotal: 5, customersDone: 5, changed: 3, notFound: 0, createdBy: 'Test admin',
  });
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(5);
  expect(await sql(`select distinct version from customer where email_key like '%@add.example'`)).toEqual([{ version: 2 }]);
});

test('everybody a filter means is taken: search, fields, list and status together', async () => {
  const list = await newList();
  await people('berlin.example', 30, { city: 'Berlin' });
  await people('bonn.berlin.example', 40, { city: 'Bonn' });
  const selection = { filter: { search: 'berlin.example', status: 'mailable', rule: { op: 'and', parts: [{ field: 'city', operator: 'equals', value: 'berlin' }] } } };
  const expected = (await admin.post('/customers/search', { ...selection.filter, count: true })).body.count as number;
  expect(await act({ action: 'add_to_list', listId: list.id, selection })).toMatchObject({ state: 'completed', customersTotal: expected, changed: expected });
  expect((await admin.get(`/customers?listId=${list.id}&count=true`)).body.count).toBe(expected);
  expect(await sql(`select options->'selection' as kept from bulk_job where options->'selection' is not null`)).toEqual([]);
});

test('progress is told as it happens, to its end', async () => {
  const list = await newList();
  const ids = await people('live.example', 2_500);
  const id = await start({ action: 'add_to_list', listId: list.id, selection: { ids } });
  const events = ((await admin.get(`/customers/bulk/${id}/live`)).body as string).split('\n\n').filter((part) => part.startsWith('data: ')).map((part) => JSON.parse(part.slice(6)));
  expect(events.at(-1)).toMatchObject({ id, state: 'completed', customersTotal: 2_500, customersDone: 2_500, changed: 2_500 });
});

test('taken off a list, she has a line in her timeline', async () => {
  const list = await newList();
  const ids = await people('remove.example', 3, { listIds: [list.id] });
  expect(await act({ action: 'remove_from_list', listId: list.id, selection: { filter: { listId: list.id } } })).toMatchObject({ state: 'completed', changed: 3 });
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(0);
  expect((await admin.get(`/customers/${ids[0]}/timeline?kinds=lists`)).body.data).toEqual([
    expect.objectContaining({ kind: 'list_removed', detail: list.name, listId: list.id, actor: 'Test admin' }),
  ]);
});

test('suppressed in bulk, nobody gets mail; who was suppressed before keeps her reason', async () => {
  const ids = await people('quiet.example', 4);
  await admin.post('/suppressions', { email: 'person0@quiet.example', reason: 'unsubscribed' });
  expect(await act({ action: 'suppress', note: 'Asked by phone', selection: { ids } })).toMatchObject({ state: 'completed', changed: 3 });
  const views = await Promise.all(ids.map(async (id) => (await admin.get(`/customers/${id}`)).body));
  expect(views.map((view) => [view.mailable, view.suppression.reason, view.suppression.source, view.suppression.note])).toEqual([
    [false, 'unsubscribed', 'manual', null], ...Array.from({ length: 3 }, () => [false, 'manual', 'manual', 'Asked by phone']),
  ]);
  const later = { reason: 'manual', source: 'manual', note: 'Asked by phone' };
  expect(views.map((view) => view.suppression.history)).toEqual([[expect.objectContaining(later)], [], [], []]);
  expect(await act({ action: 'suppress', note: 'Asked by phone', selection: { ids } })).toMatchObject({ state: 'completed', changed: 0 });
  expect((await admin.get(`/customers/${ids[1]}`)).body.suppression.history).toEqual([]);
  expect(await sql(`select distinct version from customer where email_key like '%@quiet.example'`)).toEqual([{ version: 2 }]);
});

test('a file of addresses erases its customers and counts who is none', async () => {
  await people('file.example', 3);
  await admin.post('/suppressions', { email: 'nobody@file.example' });
  const reply = await admin.request('POST', '/customers/erase?neverMail=true', 'Name;Email\nA;PERSON0@file.example\nB;"person1@file.example"\nC;nobody@file.example\nD;nobody@file.example\nE;not an address\n', { 'content-type': 'text/csv' });
  expect(reply.status).toBe(202);
  expect(await ended(reply.body.id)).toMatchObject({ action: 'erase', state: 'completed', customersTotal: 2, changed: 2, notFound: 1 });
  expect(await sql(`select email from customer where email_key like '%@file.example'`)).toEqual([{ email: 'person2@file.example' }]);
  expect((await admin.get('/suppressions?search=file.example')).body.data).toEqual([]);
  // All three are blocked for good, also the one who was no customer.
  for (const who of ['person0', 'person1', 'nobody']) expect((await admin.post('/customers', { email: `${who}@file.example` })).body).toMatchObject({ mailable: false, suppressionStatus: 'suppressed' });
  await expect.poll(() => readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(reply.body.id))).toEqual([]);
});

test('a plain column of addresses needs no header', async () => {
  await people('plain.example', 2);
  const reply = await admin.request('POST', '/customers/erase', 'person0@plain.example\nperson1@plain.example\n', { 'content-type': 'text/csv' });
  expect(await ended(reply.body.id)).toMatchObject({ state: 'completed', changed: 2, notFound: 0 });
  const refused = await admin.request('POST', '/customers/erase', 'name,city\nAda,London\n', { 'content-type': 'text/csv' });
  expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'file']);
});

test('a worker killed while it acts leaves nobody out and does nobody twice', async () => {
  const list = await newList();
  const ids = await people('kill.example', 20_000);
  const id = await start({ action: 'add_to_list', listId: list.id, selection: { filter: { search: 'kill.example' } } });
  const timeline: string[] = [];
  for (const goal of [1, 8_000]) {
    await expect.poll(async () => (await admin.get(`/customers/bulk/${id}`)).body.customersDone, { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(goal);
    await worker.kill('SIGKILL');
    timeline.push(`killed at ${(await admin.get(`/customers/bulk/${id}`)).body.customersDone} of ${ids.length}`);
    worker = await startWorker({ FERMATA_STATE_DIR: state });
  }
  const job = await ended(id);
  process.stderr.write(`${timeline.join('\n')}\n`);
  expect(job).toMatchObject({ state: 'completed', customersTotal: ids.length, customersDone: ids.length, changed: ids.length });
  expect(await sql(`select count(*)::int as people, max(c.version)::int as version from list_member m join customer c on c.id = m.customer_id where m.list_id = $1`, [list.id])).toEqual([{ people: ids.length, version: 2 }]);
}, 180_000);

test('staging rows lost in a crash of the database are collected again, and nobody is done twice', async () => {
  const list = await newList();
  await people('lost.example', 6_000);
  const id = await start({ action: 'add_to_list', listId: list.id, selection: { filter: { search: 'lost.example' } } });
  await expect.poll(async () => (await admin.get(`/customers/bulk/${id}`)).body.customersDone, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
  await sql('delete from bulk_staging where job_id = $1', [id]);
  expect(await ended(id)).toMatchObject({ state: 'completed', changed: 6_000 });
}, 120_000);

test('cancelled, what is done stays and the rest is left alone', async () => {
  const list = await newList();
  const id = await start({ action: 'add_to_list', listId: list.id, selection: { filter: { search: 'kill.example' } } });
  await expect.poll(async () => (await admin.get(`/customers/bulk/${id}`)).body.customersDone, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
  expect((await admin.post(`/customers/bulk/${id}/cancel`)).body.state).toBe('cancelled');
  await expect.poll(async () => (await sql('select 1 from bulk_staging where job_id = $1 limit 1', [id])).length, { timeout: 30_000 }).toBe(0);
  const job = (await admin.get(`/customers/bulk/${id}`)).body;
  expect(job.state).toBe('cancelled');
  expect((await admin.get(`/lists/${list.id}`)).body.members).toBe(job.changed);
}, 120_000);

test('a list deleted meanwhile ends the action with the reason', async () => {
  const list = await newList();
  const id = await start({ action: 'add_to_list', listId: list.id, selection: { filter: { search: 'kill.example' } } });
  await admin.delete(`/lists/${list.id}`);
  const job = await ended(id);
  if (job.state !== 'completed') expect(job).toMatchObject({ state: 'failed', problem: 'The list was deleted meanwhile. What was done before stays.' });
}, 120_000);

test.each([
  ['a list action without a list', { action: 'add_to_list', selection: { ids: [1] } }, 'listId'],
  ['a list where none belongs', { action: 'suppress', listId: randomUUID(), selection: { ids: [1] } }, 'listId'],
  ['a list that does not exist', { action: 'add_to_list', listId: randomUUID(), selection: { ids: [1] } }, 'listId'],
  ['neverMail on another action', { action: 'suppress', neverMail: true, selection: { ids: [1] } }, 'neverMail'],
  ['a segment that does not exist', { action: 'suppress', selection: { filter: { segmentId: randomUUID() } } }, 'selection.filter.segmentId'],
  ['a rule that cannot be asked', { action: 'suppress', selection: { filter: { rule: { op: 'and', parts: [{ field: 'shoe', operator: 'equals', value: '42' }] } } } }, 'selection.filter.rule.parts[0].field'],
  ['no selection', { action: 'suppress', selection: {} }, 'selection'],
  ['nobody chosen', { action: 'suppress', selection: { ids: [] } }, 'selection.ids'],
])('%s is refused by name', async (_, body, field) => {
  const reply = await admin.post('/customers/bulk', body);
  expect([reply.status, reply.body.errors[0].field]).toEqual([422, field]);
});

test('members act on lists and suppress, but do not erase', async () => {
  const member = await api.signIn('member');
  const ids = await people('member.example', 1);
  expect((await member.post('/customers/bulk', { action: 'erase', selection: { ids } })).status).toBe(403);
  expect((await member.request('POST', '/customers/erase', 'person0@member.example\n', { 'content-type': 'text/csv' })).status).toBe(403);
  expect((await member.post('/customers/bulk', { action: 'suppress', selection: { ids } })).status).toBe(202);
  expect((await member.get('/customers/bulk')).body.data[0]).toMatchObject({ action: 'suppress', createdBy: 'Test member' });
});

test('ids of another organization are nobody here, and its jobs are not there', async () => {
  const otherOrg = (await createTestOrganization({ container: api.container })).orgId;
  const bob = await api.signIn('owner', otherOrg);
  const job = (await bob.post('/customers/bulk', { action: 'suppress', selection: { ids: [1] } })).body;
  expect((await admin.get(`/customers/bulk/${job.id}`)).status).toBe(404);
  expect((await admin.post(`/customers/bulk/${job.id}/cancel`)).status).toBe(404);
  expect((await admin.get('/customers/bulk?limit=200')).body.data.map((row: { id: string }) => row.id)).not.toContain(job.id);
  // The number exists in the first organization alone.
  await expect.poll(async () => (await bob.get(`/customers/bulk/${job.id}`)).body, { timeout: 30_000 }).toMatchObject({ state: 'completed', customersTotal: 0, notFound: 1, changed: 0 });
});
