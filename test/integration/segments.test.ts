import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COUNT_PATIENCE_MS } from '../../search/freshness.ts';
import { countFinalAmong, estimateAudience, estimateLines, sampleAudience, streamCustomerIds } from '../../search/audience.ts';
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
  expect(await count(rule)).toMatchObject({ mailable: expected.length, total: expected.length, warnings: [] });
});

describe('when nobody is left, the count says why', () => {
  const is = (value: string) => ({ field: 'city', operator: 'equals', value });
  test.each([
    ['the part that matches nobody by itself', and({ field: 'score', operator: 'is_set' }, is('Lond')), ['By itself, this matches nobody: City is “Lond”.', '“Equals” wants the whole text. “Contains” also finds a part of it.']],
    ['parts that exclude one another', and({ field: 'score', operator: 'greater_than', value: 80 }, { field: 'score', operator: 'less_than', value: 20 }), ['Each condition matches somebody by itself, but nobody fulfils all of them. Leave one out, or choose “Any of”.']],
    ['an empty "any of"', { op: 'or', parts: [] }, ['“Any of” without conditions matches nobody. Add a condition.']],
  ])('%s', async (_, rule, causes) => {
    expect(await count(rule)).toMatchObject({ mailable: 0, total: 0, causes });
  });

  test('everybody suppressed, a field without values, and twins that differ by case', async () => {
    await member.post('/customers', { email: 'gone@only.example', city: 'Atlantis' });
    await member.post('/suppressions', { email: 'gone@only.example' });
    expect(await count(and(is('Atlantis')))).toMatchObject({ mailable: 0, total: 1, causes: ['The one person who matches is suppressed, unsubscribed or bounced.'] });
    await member.post('/fields', { key: 'Plan_Type', label: 'Plan again', type: 'text' });
    const empty = await count(and({ field: 'custom.Plan_Type', operator: 'equals', value: 'premium' }));
    expect(empty.warnings).toEqual([{ field: 'rule.parts[0].field', message: 'No customer has a value for Plan again yet: nobody matches.' }]);
    expect(empty.causes).toContain('Two fields differ by case only, Plan_Type and plan_type. Is the right one asked?');
  });
});

describe('event conditions', () => {
  /** Writes what somebody did, as applied events leave it, without the events. */
  async function did(email: string, columns: Record<string, unknown>): Promise<void> {
    const names = Object.keys(columns);
    await sql(`with she as (select id from customer where email_key = $1),
      done as (insert into customer_activity (customer_id, version, ${names.join(', ')}) select id, 1, ${names.map((_, i) => `$${i + 2}`).join(', ')} from she on conflict (customer_id) do nothing)
      insert into outbox (topic, ids) select 'customer', array[id] from she`, [email, ...Object.values(columns)]);
  }
  const minutesAgo = (minutes: number) => Date.now() - minutes * 60_000;
  const among = (condition: object) => and({ field: 'email', operator: 'ends_with', value: '@events.example' }, condition);
  let campaignId: string;

  beforeAll(async () => {
    for (const name of ['opener', 'sleeper', 'stranger']) await member.post('/customers', { email: `${name}@events.example` });
    campaignId = (await member.post('/campaigns', { name: 'Spring' })).body.id;
    const [{ no } = { no: 0 }] = await sql<{ no: number }>('select mail_no as no from campaign where id = $1', [campaignId]);
    const inMail = (minutes: number) => [no * 2 ** 32 + Math.floor(minutesAgo(minutes) / 1_000)];
    await did('opener@events.example', { sent_last: minutesAgo(60), sent_count: 1, sent_in: inMail(60), opened_last: minutesAgo(10), opened_count: 3, opened_in: inMail(10), opened_any_last: minutesAgo(10), opened_any_count: 3, opened_any_in: inMail(10) });
    await did('sleeper@events.example', { sent_last: minutesAgo(60), sent_count: 1, sent_in: inMail(60), opened_any_last: minutesAgo(59), opened_any_count: 1, opened_any_in: inMail(59) });
  });

  test.each<[string, () => object, string[]]>([
    ['opened, at any time', () => ({ event: 'opened', operator: 'has_done' }), ['opener']],
    ['opened within minutes', () => ({ event: 'opened', operator: 'has_done', window: { last: 30, unit: 'MINUTE' } }), ['opener']],
    ['opened, before the window', () => ({ event: 'opened', operator: 'has_done', window: { last: 5, unit: 'MINUTE' } }), []],
    ['opened the campaign', () => ({ event: 'opened', operator: 'has_done', campaign: campaignId, window: { last: 1, unit: 'YEAR' } }), ['opener']],
    ['machines included', () => ({ event: 'opened', operator: 'has_done', machine: true }), ['sleeper', 'opener']],
    ['not opened: those never mailed too', () => ({ event: 'opened', operator: 'has_not_done' }), ['stranger', 'sleeper']],
    ['not opened, and was sent something', () => and({ event: 'opened', operator: 'has_not_done' }, { event: 'sent', operator: 'has_done' }), ['sleeper']],
    ['opened at least three times', () => ({ event: 'opened', operator: 'has_done_at_least', times: 3 }), ['opener']],
    ['opened at least four times', () => ({ event: 'opened', operator: 'has_done_at_least', times: 4 }), []],
  ])('%s', async (_, condition, expected) => {
    expect((await sample(among(condition()))).map((email: string) => email.split('@')[0])).toEqual(expected);
    expect((await count(among(condition()))).total).toBe(expected.length);
  });

  test.each([
    ['a campaign that is gone', { event: 'opened', operator: 'has_done', campaign: '0197b7a0-0000-7000-8000-000000000000' }, 'rule.parts[0].campaign', /does not exist any more/],
    ['a window that is none', { event: 'opened', operator: 'has_done', window: { last: 0, unit: 'DAY' } }, 'rule.parts[0].window', /whole number from 1/],
    ['a count with a window', { event: 'opened', operator: 'has_done_at_least', times: 2, window: { last: 1, unit: 'DAY' } }, 'rule.parts[0].window', /all time/],
    ['a custom event that never came', { event: 'custom', name: 'cart_abandoned', operator: 'has_done' }, 'rule.parts[0].name', /No custom event/],
    ['machines of a bounce', { event: 'bounced', operator: 'has_done', machine: true }, 'rule.parts[0].machine', /opened and clicked only/],
  ])('%s is refused at its part', async (_, condition, field, message) => {
    const reply = await member.post('/segments/count', { rule: and(condition) });
    expect([reply.status, reply.body.errors[0]]).toEqual([422, { field, message: expect.stringMatching(message) }]);
  });
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

describe('a rule beyond all limits is refused in words, never a failure', () => {
  const isSet = { field: 'city', operator: 'is_set' };
  const deep = (levels: number) => `{"rule":${'{"op":"and","parts":['.repeat(levels)}${JSON.stringify(isSet)}${']}'.repeat(levels)}}`;
  const wide = (conditions: number) => JSON.stringify({ rule: and(...Array.from({ length: conditions }, () => isSet)) });
  test.each<[string, string, RegExp]>([
    ['1,000 levels', deep(1_000), /nested/],
    ['100,000 levels', deep(100_000), /nested/],
    ['100,000 conditions', wide(100_000), /more than 100000 values|10,000 conditions/],
    ['10,001 conditions', wide(10_001), /at most 10,000 conditions/],
    ['a prototype as a group', '{"rule":{"op":"and","parts":[{"__proto__":{"op":"and","parts":[]}}]}}', /Unknown property|Choose a field/],
    ['a prototype as an operator', JSON.stringify({ rule: and({ field: 'city', operator: 'constructor', value: 'x' }) }), /Unknown operator/],
    ['a prototype as a field', JSON.stringify({ rule: and({ field: '__proto__', operator: 'is_set' }) }), /no field/],
    ['a prototype as a list', JSON.stringify({ rule: and({ list: '__proto__', in: true }) }), /does not exist/],
    ['a prototype as a segment', JSON.stringify({ rule: and({ segment: 'constructor', in: true }) }), /does not exist/],
    ['an index field as a field', JSON.stringify({ rule: and({ field: 'k0', operator: 'is_set' }, { field: 'custom.k0", "x', operator: 'is_set' }) }), /no field/],
    ['a null among the parts', JSON.stringify({ rule: and(null) }), /group or a condition/],
  ])('%s', async (_, body, message) => {
    for (const path of ['/segments/count', '/segments/sample', '/segments/explain', '/segments']) {
      const more = path === '/segments' ? '"name":"Beyond",' : path === '/segments/explain' ? '"email":"ada@example.com",' : '';
      const reply = await member.request('POST', path, `{${more}${body.slice(1)}`);
      expect([reply.status, reply.body.code], path).toEqual([422, 'invalid']);
      expect(reply.body.errors[0]?.message ?? reply.body.detail).toMatch(message);
    }
  }, 30_000);

  test('10,000 conditions are counted, saved, explained and said in words', async () => {
    const rule = { op: 'or', parts: Array.from({ length: 10_000 }, (_, i) => ({ field: 'email', operator: 'equals', value: `nobody${i}@example.com` })) };
    expect((await count(rule)).total).toBe(0);
    const made = await member.post('/segments', { name: 'Ten thousand', rule });
    expect([made.status, made.body.rule.parts.length]).toEqual([201, 10_000]);
    expect((await member.get('/segments?search=ten%20thousand')).body.data[0].sentence.length).toBeLessThan(500);
    expect((await member.post('/segments/explain', { segmentId: made.body.id, email: 'ada@example.com' })).body).toMatchObject({ matches: false });
  }, 60_000);
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
    expect(await estimateAudience(tenant, targets)).toEqual({ included: 10, duplicates: 5, excluded: 1, suppressed: 1, unsubscribed: 1, bounced: 1, final: 1, targets: [5, 5, 1] });
    const examples = await Promise.all(estimateLines.map(async (line) => [line, await sampleAudience(tenant, targets, line, 20)]));
    const newestFirst = ids.toReversed();
    expect(Object.fromEntries(examples)).toEqual({ included: newestFirst, duplicates: newestFirst, excluded: [ids[4]], suppressed: [ids[1]], unsubscribed: [ids[2]], bounced: [ids[3]], final: [ids[0]] });
    expect(await countFinalAmong(tenant, targets, ids)).toBe(1);
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
