import { fold, standardFields, systemFields, type CustomField, type FieldType } from '../customer/fields.ts';
import { operators, type Operand, type Operator, type OperatorRow } from './operators.ts';
import type { EventName, EventOperator } from './events.ts';
import { daysAround, MAX_WINDOW, monthDaysAhead, parseDate, type Window } from './windows.ts';

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

export interface SegmentCondition {
  readonly segment: string;
  readonly in: boolean;
}

/**
 * What she did or did not do. A filter of mail (campaign, journey, step) and a window may be combined;
 * `has_done_at_least` counts all time and takes neither.
 */
export interface EventCondition {
  readonly event: EventName;
  /** Of a custom event, its name. */
  readonly name?: string;
  readonly operator: EventOperator;
  /** Of `has_done_at_least`. */
  readonly times?: number;
  /** Without one: any time. */
  readonly window?: Window;
  readonly campaign?: string;
  readonly journey?: string;
  /** A send step of `journey`. */
  readonly step?: string;
  /** Opens and clicks of machines too; of `opened` and `clicked` only. */
  readonly machine?: boolean;
}

export type Node = Rule | AttributeCondition | ListCondition | SegmentCondition | EventCondition;

export const MAX_CONDITIONS = 10_000;
export const MAX_DEPTH = 100;
export const MAX_OPERAND_LENGTH = 1_000;
export const MAX_OPERANDS = 1_000;
/** Of a part of a text (contains, starts with, ends with): the server's automata give up between 255 and 300 characters. */
export const MAX_PART_LENGTH = 200;
const partOperators: ReadonlySet<Operator> = new Set(['contains', 'not_contains', 'starts_with', 'ends_with']);

export const isRule = (node: Node): node is Rule => 'op' in node;
export const isListCondition = (node: Node): node is ListCondition => 'list' in node;
export const isSegmentCondition = (node: Node): node is SegmentCondition => 'segment' in node;
export const isEventCondition = (node: Node): node is EventCondition => 'event' in node;

/** What a rule is read against, all of it read at one moment. Plain JSON: a journey's activity may pass it on. */
export interface RuleContext {
  readonly catalogue: readonly CustomField[];
  /** The organization's, as the index has it. */
  readonly zone: string;
  /** Epoch ms: what windows and days are counted from. */
  readonly now: number;
  /** Names of the lists there are, by lower-case id. */
  readonly lists: Readonly<Record<string, string>>;
  /** Every segment that the rule mentions, and those these mention, by id. */
  readonly segments: Readonly<Record<string, { readonly name: string; readonly rule: Rule }>>;
  /** Campaigns and journeys the rule mentions, by id, with the numbers of their mails. */
  readonly sources: Readonly<Record<string, MailSource>>;
  /** Numbers of custom events by name. */
  readonly customEvents: Readonly<Record<string, number>>;
}

export interface MailSource {
  readonly kind: 'campaign' | 'journey';
  readonly name: string;
  /** With their send step, if they have one. */
  readonly mails: readonly { readonly no: number; readonly step?: string }[];
  /** Names of a journey's send steps, by id. */
  readonly steps?: Readonly<Record<string, string>>;
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
export function readOperand(type: FieldType, operator: Operator, value: unknown, when: Pick<RuleContext, 'zone' | 'now'>): Operand | { readonly problem: string } {
  const row: OperatorRow = operators[operator];
  if (!row.types.includes(type)) return { problem: `"${row.words}" is for ${row.types.join(' and ')} fields; this one is a ${type}.` };
  if (row.takes === 'none') return { kind: 'none' };
  if (row.takes === 'days') return readDays(operator, value, when);
  const { zone } = when;
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

function readDays(operator: Operator, value: unknown, { zone, now }: Pick<RuleContext, 'zone' | 'now'>): Operand | { readonly problem: string } {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > MAX_WINDOW) return { problem: `Expected a whole number of days from 0 to ${MAX_WINDOW.toLocaleString('en-US')}.` };
  const days = value as number;
  if (operator === 'anniversary_within') return { kind: 'month_days', ranges: monthDaysAhead(days, now, zone) };
  return { kind: 'span', ...(operator === 'in_last_days' ? daysAround(-days, 0, now, zone) : daysAround(0, days, now, zone)) };
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

/** A value as a message quotes it, shortened. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Every condition of a rule, segments it mentions not entered. */
export function* conditionsOf(rule: Rule): Iterable<Exclude<Node, Rule>> {
  const todo: Node[] = [rule];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (isRule(node)) todo.push(...node.parts);
    else yield node;
  }
}

/** Ids a rule mentions, each once. */
export function mentionsOf(rule: Rule): { readonly lists: string[]; readonly segments: string[]; readonly campaigns: string[]; readonly journeys: string[]; readonly customEvents: string[] } {
  const found = { lists: new Set<string>(), segments: new Set<string>(), campaigns: new Set<string>(), journeys: new Set<string>(), customEvents: new Set<string>() };
  for (const condition of conditionsOf(rule)) {
    if (isListCondition(condition)) found.lists.add(condition.list);
    else if (isSegmentCondition(condition)) found.segments.add(condition.segment);
    else if (isEventCondition(condition)) {
      if (condition.campaign !== undefined) found.campaigns.add(condition.campaign);
      if (condition.journey !== undefined) found.journeys.add(condition.journey);
      if (condition.event === 'custom' && condition.name !== undefined) found.customEvents.add(condition.name);
    }
  }
  return { lists: [...found.lists], segments: [...found.segments], campaigns: [...found.campaigns], journeys: [...found.journeys], customEvents: [...found.customEvents] };
}

/** Whether a rule asks for a custom field. */
export function mentionsField(rule: Rule, key: string, catalogue: readonly CustomField[]): boolean {
  const wanted = catalogue.find((field) => field.key === key)?.no;
  for (const condition of conditionsOf(rule)) {
    if (!('field' in condition)) continue;
    const target = findField(condition.field, catalogue);
    if (target?.at.kind === 'custom' && target.at.no === wanted) return true;
  }
  return false;
}
