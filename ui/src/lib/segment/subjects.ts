import type { Field, FieldType, RuleNode } from '$lib/api/types.ts';
import { standardFields, systemFields } from '#domain/customer/fields.ts';
import { eventNames } from '#domain/segment/events.ts';
import { operators, type OperatorRow } from '#domain/segment/operators.ts';
import { strings } from '$lib/strings/en.ts';
import { isAttribute, isEvent, isList, isSegment, takes, type AttributeCondition, type ConditionNode, type EventName, type Operator } from './rule.ts';

const text = strings.segments;

export type SubjectGroup = keyof typeof text.subject.groups;
/** What a condition can be about: a field, a kind of event, a list, a segment. */
export interface Subject {
  /** Unique among all. */
  readonly key: string;
  readonly label: string;
  readonly note: string;
  readonly group: SubjectGroup;
  readonly icon: FieldType | EventName | 'list' | 'segment';
  readonly type?: FieldType;
  /** The condition a choice of it begins with. */
  readonly start: ConditionNode;
}

export interface Named { readonly id: string; readonly name: string }

export interface Catalogue {
  readonly fields: readonly Field[];
  readonly lists: readonly Named[];
  readonly segments: readonly Named[];
  readonly customEvents: readonly string[];
}

const ofType = (type: FieldType): AttributeCondition['operator'] => operatorsOf(type)[0] ?? 'is_set';

function field(key: string, label: string, type: FieldType, group: SubjectGroup): Subject {
  return { key: `field ${key}`, label, note: key, group, icon: type, type, start: fresh(key, type) };
}

/** A new condition on a field, with the first operator of its type and nothing filled in. */
export function fresh(name: string, type: FieldType, operator: Operator = ofType(type)): AttributeCondition {
  return { field: name, operator, ...emptyValue(operator, type) };
}

/** The value an operator begins with. */
export function emptyValue(operator: Operator, type: FieldType): { value?: unknown } {
  const shape = takes(operator);
  if (shape === 'none') return {};
  if (shape === 'two') return { value: ['', ''] };
  if (shape === 'many') return { value: [] };
  if (shape === 'days') return { value: operator === 'anniversary_within' ? 7 : 30 };
  return { value: type === 'boolean' ? true : '' };
}

/** Everything that can be asked, in the order a person looks for it. */
export function subjectsOf({ fields, lists, segments, customEvents }: Catalogue): Subject[] {
  return [
    ...Object.entries(standardFields).map(([key, { type }]) => field(key, text.fields[key] ?? key, type, 'standard')),
    ...fields.map(({ key, label, type }) => field(`custom.${key}`, label, type, 'custom')),
    ...eventNames.filter((event) => event !== 'custom').map((event): Subject => ({ key: `event ${event}`, label: text.events.names[event], note: text.events.notes[event], group: 'events', icon: event, start: { event, operator: 'has_done' } })),
    ...customEvents.map((name): Subject => ({ key: `event custom ${name}`, label: name, note: text.events.notes.custom, group: 'customEvents', icon: 'custom', start: { event: 'custom', name, operator: 'has_done' } })),
    ...lists.map(({ id, name }): Subject => ({ key: `list ${id}`, label: name, note: text.inList, group: 'lists', icon: 'list', start: { list: id, in: true } })),
    ...segments.map(({ id, name }): Subject => ({ key: `segment ${id}`, label: name, note: text.inSegment, group: 'segments', icon: 'segment', start: { segment: id, in: true } })),
    ...Object.entries(systemFields).map(([key, { type }]) => field(key, text.fields[key] ?? key, type, 'system')),
  ];
}

/** What a condition is about, by the key its subject has. A custom field may be written without `custom.`. */
export function keyOf(node: RuleNode, fields: readonly Field[]): string {
  if (isList(node)) return `list ${node.list}`;
  if (isSegment(node)) return `segment ${node.segment}`;
  if (isEvent(node)) return node.event === 'custom' ? `event custom ${node.name ?? ''}` : `event ${node.event}`;
  if (!isAttribute(node)) return '';
  const isBare = !(node.field in standardFields) && !(node.field in systemFields) && fields.some(({ key }) => key === node.field);
  return `field ${isBare ? 'custom.' : ''}${node.field}`;
}

/** Operators of a type as people choose among them; booleans are asked by "is true", not by "equals". */
export function operatorsOf(type: FieldType): Operator[] {
  const all = Object.keys(text.operators) as Operator[];
  return all.filter((name) => (operators[name] as OperatorRow).types.includes(type) && !(type === 'boolean' && takes(name) === 'one'));
}

/** A condition with another operator: what was filled in is kept where it fits. */
export function withOperator(node: AttributeCondition, operator: Operator, type: FieldType): AttributeCondition {
  const [before, after] = [takes(node.operator), takes(operator)];
  const values = Array.isArray(node.value) ? node.value : node.value === undefined || node.value === '' ? [] : [node.value];
  const isDays = before === 'days' || after === 'days';
  if (after === 'none' || values.length === 0 || (isDays && before !== after)) return fresh(node.field, type, operator);
  if (after === 'many') return { field: node.field, operator, value: values.filter((value) => value !== '') };
  if (after === 'two') return { field: node.field, operator, value: [values[0] ?? '', values[1] ?? ''] };
  return { field: node.field, operator, value: values[0] };
}
