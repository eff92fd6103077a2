import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toDocument, type CustomerRow } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';
import { checkRule, type Node, type Rule } from '#domain/segment/ast.ts';
import { evaluate } from '#domain/segment/evaluate.ts';
import { operators, type Operator, type OperatorRow } from '#domain/segment/operators.ts';
import { compile, emailGrams } from '../../search/compile.ts';
import { createCustomerIndex, deleteCustomerIndex } from '../../search/mapping.ts';
import { customerAlias } from '../../search/names.ts';
import { createTestContainer } from '../support/organization.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const zone = 'America/New_York';
const org = `segments-${Date.now()}`;
const catalogue: CustomField[] = [
  { no: 1, key: 'plan', label: 'Plan', type: 'text', slot: 'k0' },
  { no: 2, key: 'spent', label: 'Spent', type: 'number', slot: 'n0' },
  { no: 3, key: 'joined', label: 'Joined', type: 'date', slot: 'd0' },
  { no: 4, key: 'vip', label: 'VIP', type: 'boolean', slot: 'b0' },
  // The same past the slots.
  { no: 5, key: 'note', label: 'Note', type: 'text', slot: null },
  { no: 6, key: 'visits', label: 'Visits', type: 'number', slot: null },
  { no: 7, key: 'born', label: 'Born', type: 'date', slot: null },
  { no: 8, key: 'adult', label: 'Adult', type: 'boolean', slot: null },
];

const words = fc.constantFrom('London', 'london ', 'New York', 'Île', 'a*b', 'a?b', 'a\\b', 'x|y', 'ÄÖ', 'Straße', '  ', 'O\'Neil', '日本', '😀 smile', '5|a', 'lon', 'don', '*', '?');
const numbers = fc.constantFrom('0', '-1', '1', '1.5', '-2.25', '42', '100', '007', 'n/a', '123456789012345');
const dates = fc.constantFrom('2026-01-31', '2026-02-01', '2026-03-08', '2026-11-01', '2025-12-31T23:30:00Z', '2026-02-01T04:59:59.999Z', '2026-02-01 00:00', '2026-02-30', 'soon', '1970-01-01', '1969-12-31');
const booleans = fc.constantFrom('true', 'No', 'YES', 'false', 'maybe');
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });

const person = (id: number): fc.Arbitrary<CustomerRow> => fc.record({
  id: fc.constant(id),
  email: fc.constantFrom('ada@example.com', 'bob.smith@gmail.com', 'C@x.io', 'dora@uni.edu', 'a@b.co', 'ada+news@example.org').map((email) => email.replace('@', `${id % 7 === 0 ? '' : id}@`)),
  firstName: orNull(words), lastName: orNull(words), phone: orNull(words), city: orNull(words), country: orNull(words),
  score: orNull(fc.constantFrom(0, -1, 1.5, 42, 1e6)),
  timezone: orNull(fc.constantFrom('Europe/London', 'UTC')),
  custom: fc.record({ plan: words, spent: numbers, joined: dates, vip: booleans, note: words, visits: numbers, born: dates, adult: booleans }, { requiredKeys: [] }) as fc.Arbitrary<Record<string, string>>,
  isUnsubscribed: fc.boolean(), isBounced: fc.boolean(), isSuppressed: fc.boolean(), mailable: fc.boolean(),
  lists: fc.subarray(['l1', 'l2', 'l3']),
  createdAt: fc.constantFrom(1_769_835_600_000, 1_769_921_999_999, 1_769_922_000_000, 0), updatedAt: fc.constant(1_770_000_000_000),
});

const fieldsByType = {
  text: ['email', 'first_name', 'city', 'suppression_status', 'custom.plan', 'note'],
  number: ['score', 'custom.spent', 'visits'],
  date: ['created_at', 'custom.joined', 'born'],
  boolean: ['is_unsubscribed', 'vip', 'custom.adult'],
} as const;
const textOperand = fc.oneof(words.filter((word) => word.trim() !== ''), fc.constantFrom('@gmail', '.edu', 'a', 'o', 'om', '@', 'ada', 'suppressed', 'mple.c', '.'));
const numberOperand = fc.constantFrom(0, -1, 1, 1.5, -2.25, 42, 50, 1e6);
const dateOperand = fc.constantFrom('2026-01-31', '2026-02-01', '2026-03-08', '2025-12-31', '2026-02-01T04:59:59.999Z', '1970-01-01');
const operandOf = { text: textOperand, number: numberOperand, date: dateOperand, boolean: fc.boolean() };

const condition: fc.Arbitrary<Node> = fc.constantFrom<keyof typeof fieldsByType>('text', 'number', 'date', 'boolean').chain((type) =>
  fc.tuple(fc.constantFrom(...fieldsByType[type]), fc.constantFrom(...(Object.keys(operators) as Operator[]).filter((name) => (operators[name] as OperatorRow).types.includes(type)))).chain(([field, operator]) => {
    const { takes } = operators[operator] as OperatorRow;
    const operand = operandOf[type] as fc.Arbitrary<string | number | boolean>;
    if (takes === 'none') return fc.constant<Node>({ field, operator });
    if (takes === 'one') return operand.map<Node>((value) => ({ field, operator, value }));
    if (takes === 'many') return fc.array(operand, { minLength: 1, maxLength: 4 }).map<Node>((value) => ({ field, operator, value }));
    return fc.tuple(operand, operand).map<Node>((value) => ({ field, operator, value: [...value].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) }));
  }));
const leaf: fc.Arbitrary<Node> = fc.oneof({ weight: 8, arbitrary: condition }, { weight: 1, arbitrary: fc.record({ list: fc.constantFrom('l1', 'l2', 'gone'), in: fc.boolean() }) });
const { rule } = fc.letrec<{ rule: Rule; node: Node }>((tie) => ({
  rule: fc.record({ op: fc.constantFrom('and' as const, 'or' as const, 'not' as const), parts: fc.array(tie('node'), { maxLength: 4 }) }),
  node: fc.oneof({ maxDepth: 4, depthSize: 'small' }, leaf, tie('rule')),
}));

const container = await createTestContainer();
const client = container.elasticsearch;
beforeAll(() => createCustomerIndex(client, org));
afterAll(async () => {
  await deleteCustomerIndex(client, org);
  await container.close();
});

test(`the index and evaluate() give the same people for any rule (SEED=${seed})`, async () => {
  const people = fc.sample(fc.tuple(...Array.from({ length: 300 }, (_, i) => person(i + 1))), { seed, numRuns: 1 })[0]!;
  const documents = people.map((row) => toDocument(row, catalogue, zone));
  const written = await client.bulk({
    index: customerAlias(org), refresh: true,
    operations: documents.flatMap((document) => [{ index: { _id: String(document.id) } }, { ...document, email_grams: emailGrams(document.email) }]),
  });
  expect(written.errors).toBe(false);
  const rules = fc.sample(rule, { seed, numRuns: 600 });
  const context = { catalogue, zone };
  for (const each of rules) expect(checkRule(each, context).filter((problem) => !problem.message.includes('must not be'))).toEqual([]);
  const answers = await client.msearch({
    searches: rules.flatMap((each) => [{ index: customerAlias(org) }, { size: 300, query: compile(each, context), _source: false, docvalue_fields: ['id'] }]),
  });
  answers.responses.forEach((answer, i) => {
    if (!('hits' in answer)) throw new Error(`refused: ${JSON.stringify(answer)} for ${JSON.stringify(rules[i])}`);
    const found = answer.hits.hits.map((hit) => Number((hit.fields as { id: [number] }).id[0])).sort((a, b) => a - b);
    const expected = documents.filter((document) => evaluate(rules[i]!, document, context)).map((document) => document.id);
    expect(found, `rule ${JSON.stringify(rules[i])}`).toEqual(expected);
  });
}, 90_000);
