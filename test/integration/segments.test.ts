import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COUNT_PATIENCE_MS } from '../../search/freshness.ts';
import { estimateAudience, streamCustomerIds } from '../../search/population.ts';
import { startTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { followOutbox } from '../support/indexing.ts';

let api: TestApi;
let member: TestUser;
let stopIndexing: () => Promise<void>;

beforeAll(async () => {
  api = await startTestApi();
  member = await api.signIn('member');
  stopIndexing = followOutbox(api);
  await member.post('/fields', { key: 'plan_type', label: 'Plan', type: 'text' });
  await member.post('/fields', { key: 'signup_date', type: 'date' });
  for (const [email, city, score, plan] of [
    ['ada@example.com', 'London', 90, 'premium'], ['bob@gmail.com', 'london ', 10, 'free'], ['cat@gmail.com', 'New York', 50, 'premium'], ['dan@example.edu', null, null, null],
  ] as const) {
    await member.post('/customers', { email, ...(city === null ? {} : { city }), ...(score === null ? {} : { score }), ...(plan === null ? {} : { custom: { plan_type: plan } }) });
  }
}, 60_000);
afterAll(async () => {
  await stopIndexing();
  await api.close();
});

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));
const and = (...parts: unknown[]) => ({ op: 'and', parts });
const count = async (rule: unknown) => (await member.post('/segments/count', { rule })).body;
const sample = async (rule: unknown) => (await member.post('/segments/sample', { rule })).body.data.map((row: { email: string }) => row.email);

test.each([
  ['city equals', and({ field: 'city', operator: 'equals', value: 'LONDON' }), ['bob@gmail.com', 'ada@example.com']],
  ['not equals includes those without', and({ field: 'city', operator: 'not_equals', value: 'London' }), ['dan@example.edu', 'cat@gmail.com']],
  ['score greater than', and({ field: 'score', operator: 'greater_than', value: 50 }), ['ada@example.com']],
  ['both ends of between', and({ field: 'score', operator: 'between', value: [10, 50] }), ['cat@gmail.com', 'bob@gmail.com']],
  ['email contains', and({ field: 'email', operator: 'contains', value: '@gmail' }), ['cat@gmail.com', 'bob@gmail.com']],
  ['a custom field by its bare key', and({ field: 'plan_type', operator: 'equals', value: 'Premium' }), ['cat@gmail.com', 'ada@example.com']],
  ['groups', { op: 'or', parts: [and({ field: 'city', operator: 'equals', value: 'London' }, { field: 'score', operator: 'less_than', value: 50 }), { op: 'not', parts: [{ field: 'score', operator: 'is_set' }] }] }, ['dan@example.edu', 'bob@gmail.com']],
  ['nobody', { op: 'or', parts: [] }, []],
])('%s: count and sample agree', async (_, rule, expected) => {
  expect(await sample(rule)).toEqual(expected);
  expect(await count(rule)).toEqual({ mailable: expected.length, total: expected.length });
});

test('a segment says its rule in words and is counted anew at every use', async () => {
  const made = await member.post('/segments', { name: 'Londoners', rule: and({ field: 'city', operator: 'equals', value: 'London' }, { field: 'custom.plan_type', operator: 'is_set' }) });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ name: 'Londoners', description: '', version: 1, sentence: 'City is “London” and plan is set' });
  expect((await member.get(`/segments/${made.body.id}/count`)).body.total).toBe(2);
  const eve = (await member.post('/customers', { email: 'eve@example.com', city: 'London', custom: { plan_type: 'free' } })).body;
  expect((await member.get(`/segments/${made.body.id}/count`)).body.total).toBe(3);
  expect((await member.get(`/customers?segmentId=${made.body.id}&search=eve&count=true`)).body).toMatchObject({ count: 1, data: [{ id: eve.id }] });
  await (await api.signIn('admin')).delete(`/customers/${eve.id}`);
  expect((await member.get(`/segments/${made.body.id}/count`)).body.total).toBe(2);
  const changed = await member.patch(`/segments/${made.body.id}`, { version: 1, rule: and() });
  expect(changed.body).toMatchObject({ version: 2, sentence: 'Everyone', name: 'Londoners' });
  expect((await member.patch(`/segments/${made.body.id}`, { version: 1, name: 'Late' })).status).toBe(409);
  expect((await member.post('/segments', { name: 'londoners', rule: and() })).status).toBe(409);
});

describe('a rule that cannot be asked is refused at the field that is wrong', () => {
  test.each([
    ['an unknown field, with the nearest name', and({ field: 'citty', operator: 'equals', value: 'x' }), 'rule.parts[0].field', /Did you mean city\?/],
    ['a value of the wrong type', and({ op: 'or', parts: [{ field: 'score', operator: 'equals', value: 'high' }] }), 'rule.parts[0].parts[0].value', /Expected a number/],
    ['an operator of another type', and({ field: 'score', operator: 'contains', value: '1' }), 'rule.parts[0].operator', /number/],
    ['a date that is none', and({ field: 'signup_date', operator: 'before', value: 'soon' }), 'rule.parts[0].value', /2026-01-31/],
    ['a list that does not exist', and({ list: '0197b7a0-0000-7000-8000-000000000000', in: true }), 'rule.parts[0].list', /does not exist/],
    ['an unknown property', and({ field: 'city', operator: 'is_set', colour: 'red' }), 'rule.parts[0].colour', /Unknown/],
    ['no rule at all', undefined, 'rule', /required/],
    ['a condition where a group must be', { field: 'city', operator: 'is_set' }, 'rule', /begins with a group/],
  ])('%s', async (_, rule, field, message) => {
    for (const [path, body] of [['/segments', { name: 'Wrong', rule }], ['/segments/count', { rule }], ['/segments/sample', { rule }]] as const) {
      const reply = await member.post(path, body);
      expect([reply.status, reply.body.errors?.[0].field], path).toEqual([422, field]);
      expect(reply.body.errors[0].message).toMatch(message);
    }
  });
});

test('a rule nested a hundred levels deep is answered or refused in words, never a failure', async () => {
  const isSet = { field: 'city', operator: 'is_set' };
  const nested = (levels: number, ...beside: unknown[]): unknown => (levels === 0 ? isSet : { op: levels % 2 === 0 ? 'and' : 'or', parts: [nested(levels - 1, ...beside), ...beside] });
  expect((await count(nested(100))).total).toBe((await count(and(isSet))).total);
  const deep = await member.post('/segments/count', { rule: nested(100, isSet) });
  expect([200, 422]).toContain(deep.status);
  if (deep.status === 422) expect(deep.body.errors[0].message).toContain('too deeply nested');
  const tooDeep = await member.post('/segments/count', { rule: nested(102) });
  expect([tooDeep.status, tooDeep.body.errors[0].message]).toEqual([422, 'Groups may be nested 100 levels deep.']);
});

test('the longest texts a rule may hold are answered', async () => {
  for (const field of ['email', 'city', 'custom.plan_type']) {
    for (const letter of ['a', '日', '*', '😀']) {
      for (const operator of ['contains', 'not_contains', 'starts_with', 'ends_with']) expect((await member.post('/segments/count', { rule: and({ field, operator, value: letter.repeat(200 / letter.length) }) })).status).toBe(200);
      expect((await member.post('/segments/count', { rule: and({ field, operator: 'equals', value: letter.repeat(1_000 / letter.length) }) })).status).toBe(200);
    }
  }
});

test('a segment that a campaign aims at is not deleted', async () => {
  const segment = (await member.post('/segments', { name: 'Aimed at', rule: and() })).body;
  const [mail] = await sql<{ no: number }>(`insert into mail (kind, ref_id) values ('campaign', gen_random_uuid()) returning no`);
  await sql(`insert into campaign (id, mail_no, name, created_by, targets) values (gen_random_uuid(), $1, 'Autumn', 'Ada', $2)`, [mail!.no, JSON.stringify([{ kind: 'segment', id: segment.id, mode: 'include' }])]);
  const refused = await member.delete(`/segments/${segment.id}`);
  expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('campaign “Autumn”')]);
  await sql('delete from campaign where mail_no = $1', [mail!.no]);
  expect((await member.delete(`/segments/${segment.id}`)).status).toBe(204);
  expect((await member.delete(`/segments/${segment.id}`)).status).toBe(404);
});

test('an audience holds each included, not excluded, mailable person once; the estimate adds up to it', async () => {
  const list = (await member.post('/lists', { name: 'Audience' })).body;
  const add = async (email: string) => (await member.post('/customers', { email, city: 'Audience', listIds: [list.id] })).body.id as number;
  const ids = [await add('a@aud.example'), await add('b@aud.example'), await add('c@aud.example'), await add('d@aud.example'), await add('e@aud.example')];
  await member.post('/suppressions', { email: 'b@aud.example' });
  await member.post('/suppressions', { email: 'c@aud.example', reason: 'unsubscribed' });
  await member.post('/suppressions', { email: 'd@aud.example', reason: 'hard_bounce' });
  const [inCity, starred] = await Promise.all([
    member.post('/segments', { name: 'In city', rule: and({ field: 'city', operator: 'equals', value: 'audience' }) }),
    member.post('/segments', { name: 'Starred', rule: and({ field: 'email', operator: 'starts_with', value: 'e@aud' }) }),
  ]);
  const targets = [
    { kind: 'list', id: list.id, mode: 'include' }, { kind: 'segment', id: inCity.body.id, mode: 'include' }, { kind: 'segment', id: starred.body.id, mode: 'exclude' },
  ] as const;
  await api.container.tenants.use(api.orgId, async (tenant) => {
    expect(await estimateAudience(tenant, targets)).toEqual({ included: 10, duplicates: 5, excluded: 1, suppressed: 1, unsubscribed: 1, bounced: 1, final: 1 });
    const streamed: number[] = [];
    for await (const page of streamCustomerIds(tenant, targets)) streamed.push(...page);
    expect(streamed).toEqual([ids[0]]);
  });
  await expect(api.container.tenants.use(api.orgId, (tenant) => estimateAudience(tenant, [{ kind: 'list', id: starred.body.id, mode: 'include' }])))
    .rejects.toMatchObject({ code: 'invalid', fields: [{ field: 'targets[0]' }] });
});

test('while the index is behind, a count says so after 10 s instead of an old number', async () => {
  await stopIndexing();
  await member.post('/customers', { email: 'late@example.com' });
  const startedAt = performance.now();
  const reply = await member.post('/segments/count', { rule: and() });
  expect(reply.status).toBe(503);
  expect(reply.body.detail).toMatch(/^The search index is \d+ s behind/);
  expect(performance.now() - startedAt).toBeGreaterThan(COUNT_PATIENCE_MS - 100);
  stopIndexing = followOutbox(api);
  expect((await member.post('/segments/count', { rule: and({ field: 'email', operator: 'equals', value: 'late@example.com' }) })).body.total).toBe(1);
}, 60_000);
