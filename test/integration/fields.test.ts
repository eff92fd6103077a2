import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFieldActivities } from '../../activities/fields.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { addField } from '../../infra/fields/catalogue.ts';
import { asActivity } from '../support/activity.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

let api: TestApi;
let member: TestUser;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  worker = await startWorker();
}, 120_000);
afterAll(async () => {
  await worker.kill('SIGTERM');
  await api.close();
}, 60_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const makeField = (key: string, type: string, label?: string) => member.post('/fields', { key, type, ...(label === undefined ? {} : { label }) });
const makeCustomer = async (email: string, custom: Record<string, string | number | boolean>) => (await member.post('/customers', { email, custom })).body as { id: number; version: number };
const detail = async (key: string) => {
  const reply = await member.get('/fields/details');
  return { ...reply.body.data.find((field: { key: string }) => field.key === key), problem: reply.body.problem };
};
const count = async (...parts: object[]) => (await member.post('/segments/count', { rule: { op: 'and', parts } })).body;

test('a field has a key that can be, once; a twin that differs by case alone is pointed out', async () => {
  expect((await makeField('plan', 'text', 'Plan')).body).toMatchObject({ key: 'plan', label: 'Plan', type: 'text', wantedType: 'text', twin: null, notice: null });
  expect((await makeField('plan', 'number')).body).toMatchObject({ status: 409, errors: [{ field: 'key' }] });
  expect((await makeField('Plan', 'text')).body).toMatchObject({ key: 'Plan', twin: 'plan', notice: 'The field plan differs from this one only by case.' });
  for (const key of ['email', 'is_bounced', '__proto__', 'a b', '']) expect((await makeField(key, 'text')).status, key).toBe(422);
  expect((await member.get('/fields')).body.data.map((field: { key: string; twin: string | null }) => [field.key, field.twin])).toEqual([['plan', 'Plan'], ['Plan', 'plan']]);
  expect((await member.patch('/fields/plan', { label: 'Tariff' })).body).toMatchObject({ label: 'Tariff', type: 'text' });
  expect((await member.patch('/fields/nothing', { label: 'x' })).status).toBe(404);
  expect((await member.patch('/fields/plan', { label: ' ' })).body).toMatchObject({ status: 422, errors: [{ field: 'label' }] });
});

test('what is filled and what does not fit is counted with the last write included', async () => {
  await makeField('age', 'number');
  await makeField('joined', 'date');
  await makeCustomer('ada@counts.example', { age: 36, joined: '2026-01-31', plan: 'team' });
  await makeCustomer('bob@counts.example', { age: 'old', joined: 'soon' });
  await makeCustomer('eve@counts.example', { age: 'unknown' });
  expect(await detail('age')).toMatchObject({ filled: 3, misfits: 2, problem: null });
  expect(await detail('joined')).toMatchObject({ filled: 2, misfits: 1 });
  expect(await detail('plan')).toMatchObject({ filled: 1, misfits: 0 });
  expect(await detail('Plan')).toMatchObject({ filled: 0, misfits: 0, usedBy: [] });
});

test('a new type re-indexes in the background; until it is done the field reads on with the old one', async () => {
  await makeField('size', 'text');
  await makeCustomer('ada@type.example', { size: '42' });
  await makeCustomer('bob@type.example', { size: 'large' });
  const asked = await member.patch('/fields/size', { type: 'number' });
  expect(asked.body).toMatchObject({ type: 'text', wantedType: 'number' });
  expect(await count({ field: 'size', operator: 'equals', value: 'large' })).toMatchObject({ total: 1 });
  await expect.poll(async () => (await member.get('/fields')).body.data.find((field: { key: string }) => field.key === 'size').type, { timeout: 60_000, interval: 300 }).toBe('number');
  expect(await count({ field: 'size', operator: 'greater_than', value: 40 })).toMatchObject({ total: 1 });
  expect(await detail('size')).toMatchObject({ type: 'number', wantedType: 'number', filled: 2, misfits: 1 });
  expect((await member.get('/customers?search=bob@type')).body.data[0].custom).toEqual({ size: 'large' });
}, 120_000);

test('changed back while it is being built, the field ends with the type asked for last', async () => {
  await makeField('flip', 'text');
  await makeCustomer('ada@flip.example', { flip: '7' });
  await member.patch('/fields/flip', { type: 'number' });
  await member.patch('/fields/flip', { type: 'text' });
  await expect.poll(async () => (await sql('select 1 from search_index where state = $1 union all select 1 from custom_field where wanted_type <> type', ['building'])).length, { timeout: 90_000, interval: 300 }).toBe(0);
  expect((await member.get('/fields')).body.data.find((field: { key: string }) => field.key === 'flip')).toMatchObject({ type: 'text', wantedType: 'text' });
  expect(await count({ field: 'flip', operator: 'equals', value: '7' })).toMatchObject({ total: 1 });
}, 120_000);

test('a field in use cannot be deleted, and says by what', async () => {
  await makeField('tier', 'text');
  const segment = (await member.post('/segments', { name: 'Gold', rule: { op: 'or', parts: [{ op: 'not', parts: [{ field: 'tier', operator: 'equals', value: 'gold' }] }] } })).body;
  const campaign = (await member.post('/campaigns', { name: 'Tiers' })).body;
  await member.patch(`/campaigns/${campaign.id}`, { version: campaign.version, html: '<p>custom.tier is prose.</p>{% if custom.tier == "gold" %}Thank you{% endif %}' });
  const importId = randomUUID();
  await sql(`insert into import_job (id, list_name, file_name, file_size, options, state, created_by) values ($1, 'x', 'tiers.csv', 1, $2, 'running', 'Ada')`, [importId, JSON.stringify({ columns: [{ header: 'tier', target: 'custom:tier', type: 'text' }] })]);
  const template = (await member.post('/templates', { name: 'Golden letter', html: '<p>For {{ custom.tier | upcase }} members; custom.other is prose.</p>' })).body;
  expect((await detail('tier')).usedBy).toEqual([
    { kind: 'campaign', id: campaign.id, name: 'Tiers' }, { kind: 'import', id: importId, name: 'tiers.csv' }, { kind: 'segment', id: segment.id, name: 'Gold' }, { kind: 'template', id: template.id, name: 'Golden letter' },
  ]);
  const refused = await member.delete('/fields/tier');
  expect([refused.status, refused.body.detail]).toEqual([409, 'This field is in use and cannot be deleted. Used by: campaign “Tiers”, import “tiers.csv”, segment “Gold”, template “Golden letter”.']);
  await member.delete(`/templates/${template.id}`);
  await sql(`update import_job set state = 'completed' where id = $1`, [importId]);
  await member.delete(`/segments/${segment.id}`);
  await sql(`update campaign set html = 'custom.tier is prose' where id = $1`, [campaign.id]);
  expect((await detail('tier')).usedBy).toEqual([]);
});

test('deleted, it is gone at once, its values follow, and its slot is free when no value is left in the index', async () => {
  await makeField('hobby', 'text');
  const [before] = await sql<{ no: number; slot: string }>(`select field_no as no, slot from custom_field where key = 'hobby'`);
  const ada = await makeCustomer('ada@hobby.example', { hobby: 'chess', plan: 'team' });
  const bob = await makeCustomer('bob@hobby.example', { plan: 'free' });
  // Somebody who looked the field up before it was deleted still writes it: the values are taken away after she is done.
  const written = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const writing = api.container.tenants.use(api.orgId, ({ sql }) => sql.transaction(async (tx) => {
    await tx.run(`update customer set custom = custom || '{"hobby": "late"}', version = version + 1 where id = $1`, [bob.id]);
    written.resolve();
    await end.promise;
  }));
  await written.promise;
  expect((await member.delete('/fields/hobby')).status).toBe(204);
  expect((await member.get('/fields')).body.data.map((field: { key: string }) => field.key)).not.toContain('hobby');
  expect((await member.patch('/fields/hobby', { label: 'x' })).status).toBe(404);
  const early = await makeField('hobby', 'text');
  expect([early.status, early.body.errors]).toEqual([409, [{ field: 'key', message: 'The field hobby was deleted a moment ago and its values are still being taken away. Try again in a minute.' }]]);
  end.resolve();
  await writing;
  await expect.poll(async () => (await sql(`select 1 from custom_field where field_no = $1`, [before!.no])).length, { timeout: 60_000, interval: 200 }).toBe(0);
  expect(await sql('select custom from customer where id = any($1) order by id', [[ada.id, bob.id]])).toEqual([{ custom: { plan: 'team' } }, { custom: { plan: 'free' } }]);
  await makeField('pastime', 'text');
  expect((await sql<{ slot: string }>(`select slot from custom_field where key = 'pastime'`))[0]!.slot).toBe(before!.slot);
  expect(await count({ field: 'pastime', operator: 'is_set' })).toMatchObject({ total: 0 });
}, 120_000);

test('a deleted field stays while an import that knows it is running, and what that wrote is taken away as well', async () => {
  await makeField('shelf', 'text');
  const [field] = await sql<{ no: number }>(`update custom_field set removing = true where key = 'shelf' returning field_no as no`);
  const importId = randomUUID();
  await sql(`insert into import_job (id, list_name, file_name, file_size, options, state, created_by) values ($1, 'x', 'shelves.csv', 1, $2, 'running', 'Ada')`, [importId, JSON.stringify({ columns: [{ header: 'shelf', target: 'custom:shelf', type: 'text' }] })]);
  const { stripField, dropField } = createFieldActivities(api.container, () => false);
  const run = <T>(activity: (input: { orgId: string; fieldNo: number }) => Promise<T>) => new MockActivityEnvironment().run(activity, { orgId: api.orgId, fieldNo: field!.no });
  expect(await run(stripField)).toEqual({ customers: 0 });
  await sql(`insert into customer (email, email_key, custom) values ('late@shelf.example', 'late@shelf.example', '{"shelf": "top"}')`);
  expect(await run(dropField)).toEqual({ gone: false });
  await sql(`update import_job set state = 'completed' where id = $1`, [importId]);
  expect(await run(stripField)).toEqual({ customers: 1 });
  expect(await run(dropField)).toEqual({ gone: true });
  expect(await run(dropField)).toEqual({ gone: true });
  expect(await sql(`select custom, version from customer where email_key = 'late@shelf.example'`)).toEqual([{ custom: {}, version: 2 }]);
});

test('a removal that lost its start is found by the sweep, and a type nobody began to build as well', async () => {
  await makeField('lost', 'text');
  await makeField('late', 'text');
  await makeCustomer('ada@lost.example', { lost: 'x', late: '5' });
  await sql(`update custom_field set removing = true where key = 'lost'`);
  await sql(`update custom_field set wanted_type = 'number' where key = 'late'`);
  await asActivity(createSweepActivities(api.container).sweep);
  await expect.poll(async () => (await sql(`select 1 from custom_field where key = 'lost' or wanted_type <> type`)).length, { timeout: 60_000, interval: 200 }).toBe(0);
  expect((await member.get('/customers?search=ada@lost')).body.data[0].custom).toEqual({ late: 5 });
}, 120_000);

test('how far a re-index is can be asked', async () => {
  expect((await member.get('/search-index')).body).toEqual({ timezone: 'UTC', building: null });
  await sql(`insert into search_index (version, state, reason, timezone, customers_done, customers_total) select max(version) + 100, 'building', 'fields', 'UTC', 3, 9 from search_index`);
  expect((await member.get('/search-index')).body.building).toMatchObject({ reason: 'fields', customersDone: 3, customersTotal: 9 });
  await sql(`delete from search_index where state = 'building'`);
});

test('a field added while the index is being built has its place in both versions', async () => {
  const made = await api.container.tenants.use(api.orgId, ({ sql }) => sql.transaction(async (tx) => {
    await tx.run(`insert into search_index (version, state, reason, timezone) select max(version) + 100, 'building', 'fields', 'UTC' from search_index`);
    const field = await addField(tx, { key: 'colour', label: 'Colour', type: 'text' });
    const row = await tx.first<{ slot: string; nextType: string; nextSlot: string }>('select slot, next_type as "nextType", next_slot as "nextSlot" from custom_field where field_no = $1', [field.no]);
    await tx.run(`delete from search_index where state = 'building'`);
    await tx.run('update custom_field set next_type = null, next_slot = null');
    return row!;
  }));
  expect(made).toEqual({ slot: expect.stringMatching(/^k\d+$/), nextType: 'text', nextSlot: expect.stringMatching(/^k\d+$/) });
});
