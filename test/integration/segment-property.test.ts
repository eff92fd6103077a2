import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { activityColumns, mailEvents, pack } from '#domain/customer/activity.ts';
import { toDocument } from '#domain/customer/document.ts';
import type { Node, Rule, RuleContext } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { describe as inWords } from '#domain/segment/describe.ts';
import { evaluate } from '#domain/segment/evaluate.ts';
import { explain } from '#domain/segment/explain.ts';
import { operators, type Operator, type OperatorRow } from '#domain/segment/operators.ts';
import { windowStart, windowUnits } from '#domain/segment/windows.ts';
import { compile } from '../../search/compile.ts';
import { readRuleContext } from '../../search/context.ts';
import { indexCustomers } from '../../search/indexer.ts';
import { readCustomerRows } from '../../search/rows.ts';
import { createTestOrganization, type TestOrganization } from '../support/organization.ts';

/**
 * Random people as rows of the real database, written by the real indexer: for thousands of random rules the real index
 * and `evaluate()` on the rows give the same people.
 */
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const PEOPLE = 2_000;
const RULES = 2_000;
const zone = 'America/New_York';
/** Windows of months reach over the change of clocks of 8 March and the end of a short February. */
const NOW = Date.UTC(2026, 2, 31, 16, 34, 56, 789);

/** Fields 1 to 4 in slots, 5 to 8 the same past the slots. */
const FIELDS = [
  ['plan', 'text', 'k0'], ['spent', 'number', 'n0'], ['joined', 'date', 'd0'], ['vip', 'boolean', 'b0'],
  ['note', 'text', null], ['visits', 'number', null], ['born', 'date', null], ['adult', 'boolean', null],
] as const;
const lists = ['0190a000-0000-7000-8000-000000000001', '0190a000-0000-7000-8000-000000000002'];
const campaigns = ['0190b000-0000-7000-8000-000000000001', '0190b000-0000-7000-8000-000000000002'];
const journey = '0190c000-0000-7000-8000-000000000001';
const segments = ['0190d000-0000-7000-8000-000000000001', '0190d000-0000-7000-8000-000000000002'];
const gone = '0190e000-0000-7000-8000-000000000001';

const words = fc.constantFrom('London', 'london ', 'New York', 'Île', 'a*b', 'a?b', 'a\\b', 'x|y', 'ÄÖ', 'Straße', '  ', 'O\'Neil', '日本', '😀 smile', '5|a', 'lon', 'don', '*', '?');
const numbers = fc.constantFrom('0', '-1', '1', '1.5', '-2.25', '42', '100', '007', 'n/a', '123456789012345');
const dates = fc.constantFrom('2026-01-31', '2026-02-01', '2026-03-08', '2026-11-01', '2025-12-31T23:30:00Z', '2026-02-01T04:59:59.999Z', '2026-02-01 00:00', '2026-02-30', 'soon', '1970-01-01', '1969-12-31', '2024-02-29', '2025-12-25', '2026-03-31', '2026-04-01', '2026-03-30T23:59:59.999-04:00');
const booleans = fc.constantFrom('true', 'No', 'YES', 'false', 'maybe');
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });

/** Instants at and beside the edges of windows, to the millisecond and the second. */
const moments = fc.tuple(fc.constantFrom(...windowUnits), fc.constantFrom(1, 2, 7, 30), fc.constantFrom(0, -1, 1, -789, 211, -1_000, 1_000)).map(([unit, last, beside]) => windowStart({ last, unit }, NOW, zone) + beside);
const seconds = moments.map((ms) => Math.floor(ms / 1_000));
const mailNos = fc.constantFrom(1, 2, 3, 4, 2 ** 21 - 1);
const deeds = fc.record({ last: moments, count: fc.integer({ min: 1, max: 5 }), in: fc.uniqueArray(fc.tuple(mailNos, seconds), { selector: ([no]) => no, maxLength: 3 }) });
const activity = fc.record(Object.fromEntries(mailEvents.map((event) => [event, deeds])), { requiredKeys: [] }).map((did) => {
  const row: Record<string, number | number[] | null> = Object.fromEntries(activityColumns.map((column) => [column, null]));
  for (const [event, deed] of Object.entries(did)) {
    if (deed === undefined) continue;
    row[`${event}_last`] = deed.last;
    row[`${event}_count`] = deed.count;
    row[`${event}_in`] = deed.in.map(([no, second]) => pack(no, second)).sort((a, b) => a - b);
  }
  return row;
});
const customs = fc.uniqueArray(fc.tuple(fc.constantFrom(1, 2), seconds, fc.integer({ min: 1, max: 4 })), { selector: ([no]) => no, maxLength: 2 });

const person = (id: number) => fc.record({
  id: fc.constant(id),
  email: fc.constantFrom('ada@example.com', 'bob.smith@gmail.com', 'Cecil.Stone@X.io', 'ÉVA@Gmail.com', 'dora@uni.edu', 'a@b.co', 'ada+news@example.org').map((email) => email.replace('@', `${id}@`)),
  first_name: orNull(words), last_name: orNull(words), phone: orNull(words), city: orNull(words), country: orNull(words),
  score: orNull(fc.constantFrom(0, -1, 1.5, 42, 1e6)),
  timezone: orNull(fc.constantFrom('Europe/London', 'UTC')),
  custom: fc.record({ plan: words, spent: numbers, joined: dates, vip: booleans, note: words, visits: numbers, born: dates, adult: booleans }, { requiredKeys: [] }),
  is_unsubscribed: fc.boolean(), is_bounced: fc.boolean(), is_suppressed: fc.boolean(),
  created_at: fc.oneof(fc.constantFrom(1_769_835_600_000, 1_769_921_999_999, 1_769_922_000_000, 0), moments),
  lists: fc.subarray(lists), activity: fc.option(activity, { nil: null }), customs,
});

const fieldsByType = {
  text: ['email', 'first_name', 'city', 'suppression_status', 'custom.plan', 'note'],
  number: ['score', 'custom.spent', 'visits'],
  date: ['created_at', 'custom.joined', 'born'],
  boolean: ['is_unsubscribed', 'vip', 'custom.adult'],
} as const;
const textOperand = fc.oneof(words.filter((word) => word.trim() !== ''), fc.constantFrom('@gmail', 'Cecil', 'stone', 'éva', '.edu', 'a', 'o', 'om', '@', 'ada', 'suppressed', 'mple.c', '.'));
const numberOperand = fc.constantFrom(0, -1, 1, 1.5, -2.25, 42, 50, 1e6);
const dateOperand = fc.constantFrom('2026-01-31', '2026-02-01', '2026-03-08', '2025-12-31', '2026-02-01T04:59:59.999Z', '1970-01-01', '2026-03-31');
const operandOf = { text: textOperand, number: numberOperand, date: dateOperand, boolean: fc.boolean() };

const condition: fc.Arbitrary<Node> = fc.constantFrom<keyof typeof fieldsByType>('text', 'number', 'date', 'boolean').chain((type) =>
  fc.tuple(fc.constantFrom(...fieldsByType[type]), fc.constantFrom(...(Object.keys(operators) as Operator[]).filter((name) => (operators[name] as OperatorRow).types.includes(type)))).chain(([field, operator]) => {
    const { takes } = operators[operator] as OperatorRow;
    const operand = operandOf[type] as fc.Arbitrary<string | number | boolean>;
    if (takes === 'none') return fc.constant<Node>({ field, operator });
    if (takes === 'one') return operand.map<Node>((value) => ({ field, operator, value }));
    if (takes === 'days') return fc.constantFrom(0, 1, 3, 7, 30, 200, 364, 365).map<Node>((value) => ({ field, operator, value }));
    if (takes === 'many') return fc.array(operand, { minLength: 1, maxLength: 4 }).map<Node>((value) => ({ field, operator, value }));
    return fc.tuple(operand, operand).map<Node>((value) => ({ field, operator, value: [...value].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) }));
  }));
const window = fc.record({ last: fc.constantFrom(1, 2, 7, 30), unit: fc.constantFrom(...windowUnits) });
const source = fc.constantFrom({}, {}, { campaign: campaigns[0]! }, { campaign: campaigns[1]! }, { campaign: gone }, { journey }, { journey, step: 'hello' }, { journey, step: 'nobody' });
const mailEvent = fc.constantFrom('sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed' as const).chain((event) => {
  const machine = event === 'opened' || event === 'clicked' ? fc.constantFrom({}, { machine: true }, { machine: false }) : fc.constant({});
  return fc.oneof(
    fc.tuple(fc.constantFrom('has_done', 'has_not_done'), fc.option(window), source, machine).map(([operator, of, from, by]) => ({ event, operator, ...(of === null ? {} : { window: of }), ...from, ...by }) as Node),
    fc.tuple(fc.integer({ min: 1, max: 6 }), machine).map(([times, by]) => ({ event, operator: 'has_done_at_least', times, ...by }) as Node),
  );
});
const customEvent = fc.tuple(fc.constantFrom('bought', 'called', 'unheard'), fc.constantFrom('has_done', 'has_not_done', 'has_done_at_least'), fc.option(window), fc.integer({ min: 1, max: 5 })).map(([name, operator, of, times]) =>
  ({ event: 'custom', name, operator, ...(operator === 'has_done_at_least' ? { times } : of === null ? {} : { window: of }) }) as Node);
const leaf: fc.Arbitrary<Node> = fc.oneof(
  { weight: 8, arbitrary: condition }, { weight: 5, arbitrary: mailEvent }, { weight: 1, arbitrary: customEvent },
  { weight: 1, arbitrary: fc.record({ list: fc.constantFrom(...lists, gone), in: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ segment: fc.constantFrom(...segments, gone), in: fc.boolean() }) });
const { rule } = fc.letrec<{ rule: Rule; node: Node }>((tie) => ({
  rule: fc.record({ op: fc.constantFrom('and' as const, 'or' as const, 'not' as const), parts: fc.array(tie('node'), { maxLength: 4 }) }),
  node: fc.oneof({ maxDepth: 4, depthSize: 'small' }, leaf, tie('rule')),
}));

let organization: TestOrganization;
beforeAll(async () => {
  organization = await createTestOrganization({ timezone: zone });
}, 60_000);
afterAll(() => organization.close());

/** Of a random rule, what it mentions that is gone is refused by the check; both readers must agree on it all the same. */
const isExpected = (message: string) => /does not exist any more|has arrived yet|must not be (greater|after)/.test(message);

test(`the index and evaluate() give the same people for any rule (SEED=${seed})`, () => organization.container.tenants.use(organization.orgId, async (tenant) => {
  const people = fc.sample(fc.tuple(...Array.from({ length: PEOPLE }, (_, i) => person(i + 1))), { seed, numRuns: 1 })[0]!;
  const rules = fc.sample(rule, { seed, numRuns: RULES });
  const { sql } = tenant;
  for (const [i, [key, type, slot]] of FIELDS.entries()) {
    await sql.run('insert into custom_field (field_no, key, label, type, wanted_type, slot) overriding system value values ($1, $2, $2, $3, $3, $4)', [i + 1, key, type, slot]);
  }
  for (const [i, id] of lists.entries()) await sql.run('insert into list (id, name) values ($1, $2)', [id, `List ${i}`]);
  await sql.run(`insert into journey (id, name, slug, created_by) values ($1, 'Journey', 'journey', 'test')`, [journey]);
  await sql.run(`insert into mail (kind, ref_id, step_id) values ('campaign', $1, null), ('campaign', $2, null), ('journey', $3, 'hello'), ('journey', $3, 'bye')`, [...campaigns, journey]);
  for (const [i, id] of campaigns.entries()) await sql.run(`insert into campaign (id, mail_no, name, created_by) values ($1, $2, $3, 'test')`, [id, i + 1, `Campaign ${i}`]);
  const inner: Rule[] = [{ op: 'or', parts: [{ field: 'city', operator: 'contains', value: 'on' }, { event: 'opened', operator: 'has_done', window: { last: 1, unit: 'MONTH' } }] }, { op: 'not', parts: [{ segment: segments[0]!, in: true }] }];
  for (const [i, id] of segments.entries()) await sql.run('insert into segment (id, name, rule) values ($1, $2, $3)', [id, `Segment ${i}`, JSON.stringify(inner[i])]);
  await sql.run(`insert into custom_event (name) values ('bought'), ('called')`);
  await sql.run(`insert into customer (id, email, email_key, first_name, last_name, phone, city, country, score, timezone, custom, is_unsubscribed, is_bounced, is_suppressed, created_at)
    overriding system value select id, email, lower(email), first_name, last_name, phone, city, country, score, timezone, custom, is_unsubscribed, is_bounced, is_suppressed, to_timestamp(created_at::numeric / 1000)
      from jsonb_to_recordset($1) r(id bigint, email text, first_name text, last_name text, phone text, city text, country text, score float8, timezone text, custom jsonb, is_unsubscribed boolean, is_bounced boolean, is_suppressed boolean, created_at bigint)`, [JSON.stringify(people)]);
  for (const each of people) {
    if (each.lists.length > 0) await sql.run('insert into list_member (list_id, customer_id) select unnest($1::uuid[]), $2', [each.lists, each.id]);
    if (each.activity === null && each.customs.length === 0) continue;
    const row = { ...each.activity, custom_events: each.customs.map(([no, second]) => pack(no, second)), custom_event_counts: each.customs.map(([no, , times]) => pack(no, times)) };
    await sql.run(`insert into customer_activity (customer_id, version, ${Object.keys(row).join(', ')}) values ($1, 1, ${Object.keys(row).map((_, i) => `$${i + 2}`).join(', ')})`, [each.id, ...Object.values(row)]);
  }
  const ids = people.map((each) => each.id);
  expect(await indexCustomers(tenant, ids)).toEqual([]);

  const live = await readRuleContext(tenant, { op: 'and', parts: rules });
  await tenant.search.client.indices.refresh({ index: live.index.index });
  const context: RuleContext = { ...live, now: NOW };
  const documents = (await readCustomerRows(tenant, ids)).map((row) => toDocument(row, context.catalogue, context.zone));
  expect(documents.length).toBe(PEOPLE);
  const compiled = rules.map((each) => {
    expect(checkRule(each, context).filter((problem) => !isExpected(problem.message)), JSON.stringify(each)).toEqual([]);
    return compile(each, context);
  });
  let somewhere = 0;
  for (let from = 0; from < RULES; from += 200) {
    const answers = await tenant.search.client.msearch({ searches: compiled.slice(from, from + 200).flatMap((query) => [{ index: live.index.index }, { size: PEOPLE, query, _source: false, docvalue_fields: ['id'] }]) });
    answers.responses.forEach((answer, i) => {
      const each = rules[from + i]!;
      if (!('hits' in answer)) throw new Error(`refused: ${JSON.stringify(answer)} for ${JSON.stringify(each)}`);
      const found = answer.hits.hits.map((hit) => Number((hit.fields as { id: [number] }).id[0])).sort((a, b) => a - b);
      const expected = documents.filter((document) => evaluate(each, document, context)).map((document) => document.id).sort((a, b) => a - b);
      expect(found, `rule ${JSON.stringify(each)}`).toEqual(expected);
      if (found.length > 0 && found.length < PEOPLE) somewhere++;
    });
  }
  // Rules that say yes or no to everybody prove little: most must tell people apart.
  expect(somewhere).toBeGreaterThan(RULES / 3);

  // Words and explanation of the same rules: no sentence without words, and the explanation's answer is evaluate's.
  const shown = { field: () => null, time: String };
  for (const each of rules.slice(0, 300)) {
    expect(inWords(each, context)).not.toMatch(/undefined|null|NaN/);
    for (const document of documents.slice(0, 20)) expect(explain(each, document, context, shown).holds).toBe(evaluate(each, document, context));
  }
}), 240_000);
