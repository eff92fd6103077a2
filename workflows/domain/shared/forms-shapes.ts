import { isOperator } from '../segment/operators.ts';
import type { Duration, Field, FieldType } from './forms.ts';

/** Shapes of what forms hold: whether a value can be read at all. Whether it is a good one is `forms-check.ts`'s question. */

/** @returns what was expected, as the rest of "Expected …", or null */
export function shapeProblem(field: Field, value: unknown): string | null {
  return (shapes[field.type] as (value: unknown, field: Field) => string | null)(value, field);
}

type Of<Type extends FieldType['type']> = Extract<FieldType, { readonly type: Type }>;
type Shapes = { readonly [Type in FieldType['type']]: (value: unknown, field: Of<Type>) => string | null };

const text = (value: unknown) => (typeof value === 'string' ? null : 'a text');
const id = (value: unknown) => (typeof value === 'string' && value.length <= 100 ? null : 'an id');

export const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;
/** Names of custom events, as the event API takes them. */
export const EVENT_NAME = /^[a-z0-9_.-]{1,64}$/;

const shapes: Shapes = {
  text, 'long-text': text, html: text, email: text, url: text, secret: text,
  list: id, segment: id, campaign: id, journey: id, connection: id, 'send-step': id, 'customer-field': id,
  number: (value) => (typeof value === 'number' && Number.isFinite(value) ? null : 'a number'),
  boolean: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  choice: (value, { options }) => (options.some((option) => option.value === value) ? null : `one of ${options.map((option) => option.value).join(', ')}`),
  duration: (value, { units }) => (isDuration(value) && units.includes(value.unit) ? null : `an amount and a unit, like { "amount": 3, "unit": "${units.at(-1) ?? 'days'}" }`),
  time: (value) => (typeof value === 'string' && TIME.test(value) ? null : 'a time like 09:00'),
  weekdays: (value) => (Array.isArray(value) && value.length <= 7 && new Set(value).size === value.length && value.every((day) => Number.isInteger(day) && day >= 1 && day <= 7) ? null : 'days as numbers from 1 (Monday) to 7, each once'),
  comparison: (value) => (isRecord(value, ['operator', 'value']) && isOperator(value['operator']) ? null : 'an operator and a value'),
  'customer-value': (value) => (['string', 'number', 'boolean'].includes(typeof value) ? null : 'a text, a number, true or false'),
  window: (value) => (isRecord(value, ['last', 'unit']) && typeof value['last'] === 'number' && typeof value['unit'] === 'string' ? null : 'a time like { "last": 30, "unit": "DAY" }'),
  utm: (value) => (isRecord(value) && Object.values(value).every((each) => typeof each === 'string') ? null : 'parameters like { "utm_source": "shop" }'),
  pairs: (value) => (isListOf(value, (each) => isRecord(each, ['key', 'value']) && typeof each['key'] === 'string' && typeof each['value'] === 'string') ? null : 'a list of { "key", "value" }'),
  shares: (value) => (isListOf(value, (each) => isRecord(each, ['label', 'percent']) && typeof each['label'] === 'string' && typeof each['percent'] === 'number') ? null : 'a list of { "label", "percent" }'),
  'property-filters': (value) => (isFilters(value) ? null : 'a list of { "property", "operator", "value" }'),
  event: (value, { events }) => (isRecord(value, ['type', 'name']) && events.includes(value['type'] as string) && isOptional(value['name']) ? null : `an event, one of ${events.join(', ')}`),
  trigger: (value) => (isOneOf(value, { manual: [], list: ['list'], event: ['event', 'campaign?'], custom: ['name', 'filters?'] }) ? null : 'how people enter: { "kind": "manual" }, "list", "event" or "custom"'),
  exits: (value) => (isRecord(value, ['goal', 'segment']) && (value['goal'] === undefined || typeof value['goal'] === 'boolean') && isOptional(value['segment']) ? null : 'exits like { "goal": true, "segment": "…" }'),
  goal: (value) => (isOneOf(value, { event: ['event', 'campaign?', 'journey?', 'step?'], custom: ['name', 'filters?'], segment: ['segment'] }) ? null : 'a goal: { "kind": "event" }, "custom" or "segment", or null'),
};

/** A record of one kind with its texts; those with `?` may be absent. Texts that are wanted may be empty while a person chooses. */
function isOneOf(value: unknown, kinds: Readonly<Record<string, readonly string[]>>): boolean {
  if (!isRecord(value) || typeof value['kind'] !== 'string' || !Object.hasOwn(kinds, value['kind'])) return false;
  const keys = kinds[value['kind']]!;
  const known = keys.map((key) => key.replace('?', ''));
  if (Object.keys(value).some((key) => key !== 'kind' && !known.includes(key))) return false;
  return known.every((key) => (key === 'filters' ? value[key] === undefined || isFilters(value[key]) : isOptional(value[key])));
}

function isFilters(value: unknown): boolean {
  return isListOf(value, (each) => isRecord(each, ['property', 'operator', 'value']) && typeof each['property'] === 'string' && typeof each['operator'] === 'string'
    && (each['value'] === undefined || ['string', 'number', 'boolean'].includes(typeof each['value'])));
}

function isListOf(value: unknown, is: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= 1_000 && value.every(is);
}

function isOptional(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= 100);
}

export function isDuration(value: unknown): value is Duration {
  return isRecord(value, ['amount', 'unit']) && Number.isFinite(value['amount']) && ['minutes', 'hours', 'days', 'weeks'].includes(value['unit'] as string);
}

/** @param keys those it may have; any without */
export function isRecord(value: unknown, keys?: readonly string[]): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && (keys === undefined || Object.keys(value).every((key) => keys.includes(key)));
}
