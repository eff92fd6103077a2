import { fold, standardFields, systemFields, type CustomField, type FieldType } from '../customer/fields.ts';
import type { FieldError } from '../shared/errors.ts';
import { isOperator, operators, type Operand, type Operator, type OperatorRow } from './operators.ts';
import { parseDate } from './windows.ts';

/** A rule tree: what a segment stores. Members are never stored, the tree is asked at every use. */
export interface Rule {
  readonly op: 'and' | 'or' | 'not';
  readonly parts: readonly Node[];
}

export interface AttributeCondition {
  /** A standard or system field, `custom.<key>` or just a custom field's key. */
  readonly field: string;
  readonly operator: Operator;
  readonly value?: unknown;
}

export interface ListCondition {
  readonly list: string;
  readonly in: boolean;
}

export type Node = Rule | AttributeCondition | ListCondition;

export const MAX_CONDITIONS = 10_000;
export const MAX_DEPTH = 100;
export const MAX_OPERAND_LENGTH = 1_000;
export const MAX_OPERANDS = 1_000;
/** Of a part of a text (contains, starts with, ends with): the server's automata give up between 255 and 300 characters. */
export const MAX_PART_LENGTH = 200;
const partOperators: ReadonlySet<Operator> = new Set(['contains', 'not_contains', 'starts_with', 'ends_with']);

export const isRule = (node: Node): node is Rule => 'op' in node;
export const isListCondition = (node: Node): node is ListCondition => 'list' in node;

/** What a rule is read against: the catalogue, the organization's zone, the lists there are. */
export interface RuleContext {
  readonly catalogue: readonly CustomField[];
  readonly zone: string;
  /** Ids of the lists there are, lower-case; without them a check takes any id. */
  readonly lists?: ReadonlySet<string>;
}

/** A field of a condition, found. */
export interface FieldTarget {
  readonly type: FieldType;
  readonly label: string;
  /** Where the document holds it: a top-level name, or a custom field by slot or overflow. */
  readonly at: { readonly kind: 'own'; readonly name: string } | { readonly kind: 'custom'; readonly no: number; readonly slot: string | null };
}

/** Finds the field a condition names; standard names win, `custom.` always means the catalogue. */
export function findField(name: string, catalogue: readonly CustomField[]): FieldTarget | null {
  const own = { ...standardFields, ...systemFields } as Record<string, { type: FieldType; label: string }>;
  if (Object.hasOwn(own, name)) return { ...own[name]!, at: { kind: 'own', name } };
  const key = name.startsWith('custom.') ? name.slice('custom.'.length) : name;
  const custom = catalogue.find((field) => field.key === key);
  return custom === undefined ? null : { type: custom.type, label: custom.label, at: { kind: 'custom', no: custom.no, slot: custom.slot } };
}

/**
 * Reads a condition's value as its field's type wants it.
 * @returns the operand, or a sentence with what was expected
 */
export function readOperand(type: FieldType, operator: Operator, value: unknown, zone: string): Operand | { readonly problem: string } {
  const row: OperatorRow = operators[operator];
  if (!row.types.includes(type)) return { problem: `"${row.words}" is for ${row.types.join(' and ')} fields; this one is a ${type}.` };
  if (row.takes === 'none') return { kind: 'none' };
  if (row.takes === 'one') {
    const one = readOne(type, value, zone);
    if ('kind' in one && one.kind === 'text' && one.text.length > MAX_PART_LENGTH && partOperators.has(operator)) return { problem: `At most ${MAX_PART_LENGTH} characters for a part of a text.` };
    return one;
  }
  if (row.takes === 'two') {
    if (!Array.isArray(value) || value.length !== 2) return { problem: 'Expected two values: the lowest and the highest.' };
    const [low, high] = [readOne(type, value[0], zone), readOne(type, value[1], zone)];
    if ('problem' in low) return low;
    if ('problem' in high) return high;
    if (low.kind === 'number' && high.kind === 'number') {
      return low.number <= high.number ? { kind: 'range', low: low.number, high: high.number } : { problem: 'The first value must not be greater than the second.' };
    }
    if (low.kind === 'span' && high.kind === 'span') {
      return low.from <= high.from ? { kind: 'span', from: low.from, to: high.to } : { problem: 'The first date must not be after the second.' };
    }
    return { problem: 'Expected two numbers or two dates.' };
  }
  if (!Array.isArray(value) || value.length === 0) return { problem: 'Expected at least one value.' };
  if (value.length > MAX_OPERANDS) return { problem: `At most ${MAX_OPERANDS} values.` };
  const texts: string[] = [];
  const numbers: number[] = [];
  for (const each of value as unknown[]) {
    const one = readOne(type, each, zone);
    if ('problem' in one) return one;
    if (one.kind === 'text') texts.push(one.text);
    if (one.kind === 'number') numbers.push(one.number);
  }
  return type === 'number' ? { kind: 'numbers', numbers } : { kind: 'texts', texts };
}

function readOne(type: FieldType, value: unknown, zone: string): Operand | { readonly problem: string } {
  switch (type) {
    case 'text': {
      if (typeof value !== 'string') return { problem: 'Expected a text.' };
      if (value.length > MAX_OPERAND_LENGTH) return { problem: `At most ${MAX_OPERAND_LENGTH} characters.` };
      if (fold(value) === '') return { problem: 'Write a value, or use "is set" or "is not set".' };
      return { kind: 'text', text: fold(value) };
    }
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) return { problem: `Expected a number, got ${shown(value)}.` };
      return { kind: 'number', number: value === 0 ? 0 : value };
    case 'boolean':
      return typeof value === 'boolean' ? { kind: 'boolean', boolean: value } : { problem: `Expected true or false, got ${shown(value)}.` };
    case 'date': {
      const span = typeof value === 'string' ? parseDate(value.trim(), zone) : null;
      return span === null ? { problem: `Expected a date like 2026-01-31, got ${shown(value)}.` } : { kind: 'span', ...span };
    }
  }
}

/**
 * Everything wrong with a rule, each with the path of its field; an empty list means it can be asked.
 * Takes any JSON: shape, depth and size are checked without recursion.
 */
export function checkRule(input: unknown, context: RuleContext, path = 'rule'): FieldError[] {
  const problems: FieldError[] = [];
  const todo: { node: unknown; path: string; depth: number }[] = [{ node: input, path, depth: 0 }];
  let conditions = 0;
  while (todo.length > 0 && problems.length < 100) {
    const { node, path: at, depth } = todo.pop()!;
    const refuse = (field: string, message: string) => void problems.push({ field, message });
    if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      refuse(at, 'Expected a group or a condition.');
      continue;
    }
    const record = node as Record<string, unknown>;
    const unknown = Object.keys(record).find((key) => !['op', 'parts', 'field', 'operator', 'value', 'list', 'in'].includes(key));
    if (unknown !== undefined) refuse(`${at}.${unknown}`, 'Unknown property.');
    if ('op' in record) {
      if (record['op'] !== 'and' && record['op'] !== 'or' && record['op'] !== 'not') refuse(`${at}.op`, 'Expected and, or, or not.');
      if (!Array.isArray(record['parts'])) refuse(`${at}.parts`, 'Expected a list of conditions and groups.');
      else if (depth >= MAX_DEPTH) refuse(at, `Groups may be nested ${MAX_DEPTH} levels deep.`);
      else for (let i = record['parts'].length - 1; i >= 0; i--) todo.push({ node: record['parts'][i], path: `${at}.parts[${i}]`, depth: depth + 1 });
      continue;
    }
    if (depth === 0) {
      refuse(at, 'A rule begins with a group: { "op": "and", "parts": [ … ] }.');
      continue;
    }
    if (++conditions > MAX_CONDITIONS) {
      refuse(path, `A rule holds at most ${MAX_CONDITIONS.toLocaleString('en-US')} conditions.`);
      break;
    }
    if ('list' in record) {
      if (typeof record['list'] !== 'string' || record['list'] === '') refuse(`${at}.list`, 'Choose a list.');
      else if (context.lists !== undefined && !context.lists.has(record['list'])) refuse(`${at}.list`, 'This list does not exist any more. Choose another list.');
      if (typeof record['in'] !== 'boolean') refuse(`${at}.in`, 'Expected true (in the list) or false (not in it).');
      continue;
    }
    if (typeof record['field'] !== 'string') refuse(`${at}.field`, 'Choose a field.');
    else if (!isOperator(record['operator'])) refuse(`${at}.operator`, `Unknown operator ${shown(record['operator'])}.`);
    else {
      const target = findField(record['field'], context.catalogue);
      if (target === null) refuse(`${at}.field`, `There is no field ${shown(record['field'])}.${nearest(record['field'], context.catalogue)}`);
      else {
        const row: OperatorRow = operators[record['operator']];
        const operand = readOperand(target.type, record['operator'], record['value'], context.zone);
        if ('problem' in operand) refuse(row.types.includes(target.type) ? `${at}.value` : `${at}.operator`, operand.problem);
      }
    }
  }
  return problems;
}

/** Ids of the lists a rule mentions. */
export function listsOf(rule: Rule): string[] {
  const found = new Set<string>();
  const todo: Node[] = [rule];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (isRule(node)) todo.push(...node.parts);
    else if (isListCondition(node)) found.add(node.list);
  }
  return [...found];
}

/** Whether a rule asks for a custom field. */
export function mentionsField(rule: Rule, key: string, catalogue: readonly CustomField[]): boolean {
  const wanted = catalogue.find((field) => field.key === key)?.no;
  const todo: Node[] = [rule];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (isRule(node)) todo.push(...node.parts);
    else if (!isListCondition(node)) {
      const target = findField(node.field, catalogue);
      if (target?.at.kind === 'custom' && target.at.no === wanted) return true;
    }
  }
  return false;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The name meant, most likely: the one with the fewest edits, if at most a third of it differs. */
function nearest(name: string, catalogue: readonly CustomField[]): string {
  const wanted = name.replace(/^custom\./, '').toLowerCase().slice(0, 64);
  let best: { name: string; edits: number } | null = null;
  for (const known of [...Object.keys(standardFields), ...Object.keys(systemFields), ...catalogue.map((field) => `custom.${field.key}`)]) {
    const edits = distance(wanted, known.replace(/^custom\./, '').toLowerCase());
    if (edits <= Math.max(1, Math.floor(wanted.length / 3)) && (best === null || edits < best.edits)) best = { name: known, edits };
  }
  return best === null ? '' : ` Did you mean ${best.name}?`;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
