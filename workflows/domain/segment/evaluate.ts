import { anniversaryBase, encodeOverflow, type CustomerDocument } from '../customer/document.ts';
import { findField, isEventCondition, isListCondition, isRule, isSegmentCondition, readOperand, type AttributeCondition, type FieldTarget, type Node, type Rule, type RuleContext } from './ast.ts';
import { eventTest, type EventTest } from './events.ts';
import { positiveOf, type Operand, type PositiveOperator } from './operators.ts';

/**
 * Whether a customer matches a rule: the same answer the index gives to `compile(rule)`,
 * kept so by a property test on the real server. Conditions on fields that are gone, or whose
 * value no longer fits the type, count as a missing value.
 */
export function evaluate(rule: Rule, document: CustomerDocument, context: RuleContext): boolean {
  return holds(rule, document, context);
}

/** The same of one part of a rule. */
export function holds(node: Node, document: CustomerDocument, context: RuleContext): boolean {
  if (isRule(node)) {
    if (node.op === 'and') return node.parts.every((part) => holds(part, document, context));
    if (node.op === 'or') return node.parts.some((part) => holds(part, document, context));
    return !node.parts.some((part) => holds(part, document, context));
  }
  if (isListCondition(node)) return document.lists.includes(node.list) === node.in;
  if (isSegmentCondition(node)) {
    const segment = Object.hasOwn(context.segments, node.segment) ? context.segments[node.segment] : undefined;
    return (segment !== undefined && holds(segment.rule, document, context)) === node.in;
  }
  if (isEventCondition(node)) return eventHolds(eventTest(node, context), document);
  return conditionHolds(node, document, context);
}

function eventHolds({ field, ranges, negated }: EventTest, document: CustomerDocument): boolean {
  const held = document[field];
  const values = (held === undefined ? [] : Array.isArray(held) ? held : [held]) as number[];
  return ranges.some(({ gte, lte }) => values.some((value) => value >= gte && (lte === undefined || value <= lte))) !== negated;
}

function conditionHolds(condition: AttributeCondition, document: CustomerDocument, context: RuleContext): boolean {
  const { positive, negated } = positiveOf(condition.operator);
  const target = findField(condition.field, context.catalogue);
  if (target === null) return negated;
  const operand = readOperand(target.type, condition.operator, condition.value, context);
  if ('problem' in operand) return negated;
  if (positive === 'is_set') return isSet(target, document) !== negated;
  if (operand.kind === 'month_days') return hasAnniversary(target, document, operand.ranges) !== negated;
  const value = valueAt(target, document);
  return (value !== undefined && tests[positive as keyof typeof tests](value, operand)) !== negated;
}

function isSet(target: FieldTarget, document: CustomerDocument): boolean {
  return target.at.kind === 'own' ? document[target.at.name] !== undefined : document.set.includes(String(target.at.no));
}

function hasAnniversary(target: FieldTarget, document: CustomerDocument, ranges: readonly { readonly gte: number; readonly lte: number }[]): boolean {
  const base = anniversaryBase(target.at.kind === 'custom' ? target.at.no : (target.at.name as 'created_at' | 'updated_at'));
  return ranges.some(({ gte, lte }) => document.anniversary.some((day) => day >= base + gte && day <= base + lte));
}

type Value = string | number | boolean;

/** The value a condition compares, as the document has it. */
export function valueAt(target: FieldTarget, document: CustomerDocument): Value | undefined {
  if (target.at.kind === 'own') return document[target.at.name] as Value | undefined;
  if (target.at.slot !== null) return document[target.at.slot] as Value | undefined;
  const encoded = document.more?.[target.at.no];
  return encoded === undefined ? undefined : decodeOverflow(encoded, target.type);
}

function decodeOverflow(encoded: string, type: FieldTarget['type']): Value | undefined {
  if (type === 'text') return encoded;
  if (type === 'boolean') return encoded === encodeOverflow(true);
  const bits = BigInt(`0x${encoded}`);
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits >> 63n === 1n ? bits & 0x7fff_ffff_ffff_ffffn : ~bits & 0xffff_ffff_ffff_ffffn);
  return view.getFloat64(0);
}

type Test = (value: Value, operand: Operand) => boolean;

const text = (test: (value: string, operand: string) => boolean): Test => (value, operand) =>
  typeof value === 'string' && operand.kind === 'text' && test(value, operand.text);
const number = (test: (value: number, operand: number) => boolean): Test => (value, operand) =>
  typeof value === 'number' && operand.kind === 'number' && test(value, operand.number);
const span = (test: (value: number, from: number, to: number) => boolean): Test => (value, operand) =>
  typeof value === 'number' && operand.kind === 'span' && test(value, operand.from, operand.to);

const tests: Record<Exclude<PositiveOperator, 'is_set' | 'anniversary_within'>, Test> = {
  equals: (value, operand) =>
    operand.kind === 'text' ? value === operand.text
    : operand.kind === 'number' ? value === operand.number
    : operand.kind === 'boolean' ? value === operand.boolean
    : operand.kind === 'span' && typeof value === 'number' && value >= operand.from && value < operand.to,
  contains: text((value, part) => value.includes(part)),
  starts_with: text((value, part) => value.startsWith(part)),
  ends_with: text((value, part) => value.endsWith(part)),
  is_one_of: (value, operand) =>
    operand.kind === 'texts' ? operand.texts.includes(value as string) : operand.kind === 'numbers' && operand.numbers.includes(value as number),
  greater_than: number((value, other) => value > other),
  less_than: number((value, other) => value < other),
  at_least: number((value, other) => value >= other),
  at_most: number((value, other) => value <= other),
  between: (value, operand) =>
    typeof value === 'number'
    && ((operand.kind === 'range' && value >= operand.low && value <= operand.high) || (operand.kind === 'span' && value >= operand.from && value < operand.to)),
  before: span((value, from) => value < from),
  after: span((value, _from, to) => value >= to),
  in_last_days: span((value, from, to) => value >= from && value < to),
  in_next_days: span((value, from, to) => value >= from && value < to),
  is_true: (value) => value === true,
  is_false: (value) => value === false,
};
