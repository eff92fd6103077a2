import type { EventCondition, ListCondition, Operator, Rule, RuleNode, SegmentCondition } from '$lib/api/types.ts';
import { operators, type OperatorRow } from '#domain/segment/operators.ts';

/** The rule tree as the builder changes it: the API's shapes, in place. */
export type { EventName, EventOperator } from '#domain/segment/events.ts';
export type { WindowUnit } from '#domain/segment/windows.ts';
export type { Operator };
export type AttributeCondition = Extract<RuleNode, { field: string }>;
export type ConditionNode = Exclude<RuleNode, Rule>;

export const isRule = (node: RuleNode): node is Rule => 'parts' in node;
export const isList = (node: RuleNode): node is ListCondition => 'list' in node;
export const isSegment = (node: RuleNode): node is SegmentCondition => 'segment' in node;
export const isEvent = (node: RuleNode): node is EventCondition => 'event' in node;
export const isAttribute = (node: RuleNode): node is AttributeCondition => 'field' in node;

export const emptyRule = (): Rule => ({ op: 'and', parts: [] });
export const newCondition = (): AttributeCondition => ({ field: 'city', operator: 'equals', value: '' });

/** What an operator takes: nothing, one value, two, many, or a number of days. */
export const takes = (operator: Operator): OperatorRow['takes'] => (Object.hasOwn(operators, operator) ? operators[operator].takes : 'one');

const filled = (value: unknown) => value !== null && value !== undefined && String(value).trim() !== '';

/** Whether a condition waits for nothing more, so that the server can be asked about it. */
export function isComplete(node: RuleNode): boolean {
  if (isRule(node)) return true;
  if (isList(node)) return filled(node.list);
  if (isSegment(node)) return filled(node.segment);
  if (isEvent(node)) {
    if (node.event === 'custom' && !filled(node.name)) return false;
    if (node.operator === 'has_done_at_least') return filled(node.times);
    return (node.window === undefined || filled(node.window.last)) && (node.campaign === undefined || filled(node.campaign)) && (node.journey === undefined || filled(node.journey));
  }
  const shape = takes(node.operator);
  if (shape === 'none') return true;
  if (shape === 'one' || shape === 'days') return filled(node.value);
  const values = Array.isArray(node.value) ? node.value : [];
  return shape === 'two' ? values.length === 2 && values.every(filled) : values.some(filled);
}

/** Every condition that waits for something, in the order in which it stands. */
export function incompleteIn(rule: Rule): ConditionNode[] {
  const found: ConditionNode[] = [];
  const todo: RuleNode[] = [rule];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (isRule(node)) todo.push(...node.parts.toReversed());
    else if (!isComplete(node)) found.push(node);
  }
  return found;
}

/** Makes a node another one in place, so that its row keeps its identity and the cursor its field. */
export function become(node: RuleNode, next: RuleNode): void {
  const record = node as unknown as Record<string, unknown>;
  for (const key of Object.keys(record)) if (!(key in next)) delete record[key];
  for (const [key, value] of Object.entries(next)) if (record[key] !== value) record[key] = value;
}

/** A copy that shares nothing with the tree being built. @param without a part that is left out */
export function plain(rule: Rule, without: RuleNode | null = null): Rule {
  const parts = rule.parts.filter((part) => part !== without);
  return { op: rule.op, parts: parts.map((part) => (isRule(part) ? plain(part, without) : copy(part))) };
}

/** A copy for reading aloud: what is not filled in yet is an ellipsis. */
export function spoken(node: Rule): Rule;
export function spoken(node: RuleNode): RuleNode;
export function spoken(node: RuleNode): RuleNode {
  if (isRule(node)) return { op: node.op, parts: node.parts.map((part) => spoken(part)) };
  if (!isAttribute(node)) return node;
  const value: unknown = Array.isArray(node.value) ? (node.value.length === 0 ? ['…'] : node.value.map((each: unknown) => (filled(each) ? each : '…'))) : filled(node.value) ? node.value : '…';
  return { ...node, value };
}

export const copy = <T extends RuleNode>(node: T): T => JSON.parse(JSON.stringify(node)) as T;
