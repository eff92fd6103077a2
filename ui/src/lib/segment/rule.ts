import type { Condition, CustomerList, Field, FieldType, ListCondition, Operator, Rule, RuleNode } from '$lib/api/types.ts';
import { strings } from '$lib/strings/en.ts';

const text = strings.audience.segments;

export const isRule = (node: RuleNode): node is Rule => 'parts' in node;
export const isList = (node: RuleNode): node is ListCondition => 'list' in node;
export const isCondition = (node: RuleNode): node is Condition => 'field' in node;

export interface FieldChoice { field: string; label: string; type: FieldType; group: 'standard' | 'system' | 'custom' }

const standard: readonly (readonly [string, FieldType, 'standard' | 'system'])[] = [
  ['email', 'text', 'standard'], ['first_name', 'text', 'standard'], ['last_name', 'text', 'standard'], ['city', 'text', 'standard'], ['country', 'text', 'standard'], ['phone', 'text', 'standard'],
  ['score', 'number', 'standard'], ['timezone', 'text', 'standard'],
  ['is_unsubscribed', 'boolean', 'system'], ['is_bounced', 'boolean', 'system'], ['suppression_status', 'text', 'system'], ['created_at', 'date', 'system'], ['updated_at', 'date', 'system'],
];

export const fieldChoices = (fields: readonly Field[]): FieldChoice[] => [
  ...standard.map(([field, type, group]) => ({ field, label: text.fields[field] ?? field, type, group })),
  ...fields.map(({ key, label, type }) => ({ field: `custom.${key}`, label, type, group: 'custom' as const })),
];

const present = ['is_set', 'is_not_set'] as const;
export const operatorsByType: Record<FieldType, readonly Operator[]> = {
  text: ['equals', 'not_equals', 'contains', 'not_contains', 'starts_with', 'ends_with', 'is_one_of', 'is_none_of', ...present],
  number: ['equals', 'not_equals', 'greater_than', 'less_than', 'at_least', 'at_most', 'between', 'is_one_of', 'is_none_of', ...present],
  date: ['equals', 'before', 'after', 'between', ...present],
  boolean: ['is_true', 'is_false', ...present],
};

export type ValueShape = 'none' | 'one' | 'many' | 'range';
export function shapeOf(operator: Operator): ValueShape {
  if (operator === 'between') return 'range';
  if (operator === 'is_one_of' || operator === 'is_none_of') return 'many';
  return ['is_true', 'is_false', 'is_set', 'is_not_set'].includes(operator) ? 'none' : 'one';
}

export const newCondition = (): Condition => ({ field: 'city', operator: 'equals', value: '' });
export const newGroup = (): Rule => ({ op: 'or', parts: [newCondition()] });
export const emptyRule = (): Rule => ({ op: 'and', parts: [] });

const filled = (value: unknown) => value !== null && value !== undefined && String(value).trim() !== '' && !(typeof value === 'number' && Number.isNaN(value));

/** Whether the server can be asked about the rule: no condition waits for its value. */
export function isComplete(node: RuleNode): boolean {
  if (isRule(node)) return node.parts.every(isComplete);
  if (isList(node)) return filled(node.list);
  const shape = shapeOf(node.operator);
  if (shape === 'none') return true;
  if (shape === 'one') return filled(node.value);
  const values = Array.isArray(node.value) ? node.value : [];
  return shape === 'range' ? values.length === 2 && values.every(filled) : values.some(filled);
}

/** The rule in words, while it is being built; a saved segment carries the server's sentence. */
export function describe(node: RuleNode, lists: readonly CustomerList[], fields: readonly FieldChoice[], top = true): string {
  const words = text.sentence;
  if (isList(node)) {
    const name = `“${lists.find(({ id }) => id === node.list)?.name ?? '…'}”`;
    return node.in ? words.inList(name) : words.notInList(name);
  }
  if (isCondition(node)) {
    const label = fields.find(({ field }) => field === node.field)?.label ?? node.field;
    const quote = (value: unknown) => (typeof value === 'number' ? String(value) : `“${String(value ?? '')}”`);
    const value = Array.isArray(node.value) ? node.value.map(quote).join(shapeOf(node.operator) === 'range' ? words.valueAnd : ', ') : quote(node.value);
    return [label, text.operators[node.operator], ...(shapeOf(node.operator) === 'none' ? [] : [value])].join(' ');
  }
  if (node.parts.length === 0) return node.op === 'or' ? words.nobody : words.everyone;
  const inner = node.parts.map((part) => describe(part, lists, fields, false));
  const joined = node.op === 'not' ? words.none + inner.join(words.or) : inner.join(node.op === 'and' ? words.and : words.or);
  return top || inner.length === 1 ? joined : `(${joined})`;
}
