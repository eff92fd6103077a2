import { parseDate } from '../segment/windows.ts';

/** Types, keys, parsing and slots of what is known about a customer. */

export type FieldType = 'text' | 'number' | 'date' | 'boolean';

/** Standard fields a person or a file may write, in the order screens show them. */
export const standardFields = {
  email: { type: 'text', label: 'Email' },
  first_name: { type: 'text', label: 'First name' },
  last_name: { type: 'text', label: 'Last name' },
  phone: { type: 'text', label: 'Phone' },
  city: { type: 'text', label: 'City' },
  country: { type: 'text', label: 'Country' },
  score: { type: 'number', label: 'Score' },
  timezone: { type: 'text', label: 'Time zone' },
} as const satisfies Record<string, { type: FieldType; label: string }>;

/** Values the system keeps: usable in segments, never importable. */
export const systemFields = {
  is_unsubscribed: { type: 'boolean', label: 'Unsubscribed' },
  is_bounced: { type: 'boolean', label: 'Bounced' },
  suppression_status: { type: 'text', label: 'Suppression status' },
  created_at: { type: 'date', label: 'Created' },
  updated_at: { type: 'date', label: 'Updated' },
} as const satisfies Record<string, { type: FieldType; label: string }>;

/** One row of the catalogue. `slot` names the mapped field of the index; null: the flattened overflow. */
export interface CustomField {
  readonly no: number;
  readonly key: string;
  readonly label: string;
  readonly type: FieldType;
  readonly slot: string | null;
}

export const VALUE_MAX_LENGTH = 10_000;
export const TEXT_MAX_LENGTH = 1_000;
export const KEY_MAX_LENGTH = 64;

const RESERVED = new Set([...Object.keys(standardFields), ...Object.keys(systemFields), 'id', 'custom', 'lists', '__proto__', 'constructor', 'prototype']);

/** A header or typed name as a key: trimmed, anything but letters, digits and `_` turned into `_`; case is kept. */
export function toFieldKey(name: string): string {
  return name.trim().replace(/[^\p{L}\p{N}_]/gu, '_').slice(0, KEY_MAX_LENGTH);
}

/** @returns a sentence that says why this cannot be a custom field's key, or null */
export function fieldKeyProblem(key: string): string | null {
  if (key === '' || /^_+$/.test(key)) return 'A field needs a name with letters or digits.';
  if (key !== toFieldKey(key)) return `A key holds letters, digits and _ only, at most ${KEY_MAX_LENGTH}: expected ${toFieldKey(key)}.`;
  if (RESERVED.has(key.toLowerCase())) return `${key} is a reserved name; choose another one.`;
  return null;
}

/** How many mapped fields of each type the index has, and the letter they start with. */
export const slots = {
  text: { prefix: 'k', count: 150 },
  number: { prefix: 'n', count: 100 },
  date: { prefix: 'd', count: 50 },
  boolean: { prefix: 'b', count: 50 },
} as const satisfies Record<FieldType, { prefix: string; count: number }>;

/** The lowest free slot of a type, or null when all are taken (the field then lives in the overflow). */
export function freeSlot(type: FieldType, taken: ReadonlySet<string>): string | null {
  const { prefix, count } = slots[type];
  for (let n = 0; n < count; n++) if (!taken.has(`${prefix}${n}`)) return `${prefix}${n}`;
  return null;
}

/** Text as it is compared: the same in the index, in `evaluate` and in a rule's operand. */
export function fold(text: string): string {
  return text.trim().toLowerCase().normalize('NFC');
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** Decimal with at most 15 digits, no leading zeros or `+`; what is longer or odd is text. */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed.length > 18 || !NUMBER.test(trimmed) || trimmed.replace(/[-.]/g, '').length > 15) return null;
  const value = Number(trimmed);
  return value === 0 ? 0 : value;  // never -0: the index tells them apart
}

export function parseBoolean(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === 'yes') return true;
  if (word === 'false' || word === 'no') return false;
  return null;
}

/**
 * A stored value as its type sees it: folded text, number, epoch ms of a date's start, boolean.
 * @returns null when it is empty or does not fit (a misfit: readable as text, missing to conditions)
 */
export function readValue(type: FieldType, raw: string, zone: string): string | number | boolean | null {
  if (type === 'text') return fold(raw) === '' ? null : fold(raw);
  if (type === 'number') return parseNumber(raw);
  if (type === 'boolean') return parseBoolean(raw);
  return parseDate(raw.trim(), zone)?.from ?? null;
}

/** What all values of a column have in common so far; feed every value, then ask `inferredType`. */
export interface TypeEvidence {
  seen: number;
  boolean: boolean;
  number: boolean;
  date: boolean;
}

export const noEvidence = (): TypeEvidence => ({ seen: 0, boolean: true, number: true, date: true });

export function weigh(evidence: TypeEvidence, value: string): void {
  evidence.seen++;
  if (evidence.boolean && parseBoolean(value) === null) evidence.boolean = false;
  if (evidence.number && parseNumber(value) === null) evidence.number = false;
  if (evidence.date && !looksLikeDate(value)) evidence.date = false;
}

export function inferredType(evidence: TypeEvidence): FieldType {
  if (evidence.seen === 0) return 'text';
  return evidence.boolean ? 'boolean' : evidence.number ? 'number' : evidence.date ? 'date' : 'text';
}

function looksLikeDate(value: string): boolean {
  const trimmed = value.trim();
  return /^\d{4}-/.test(trimmed) && parseDate(trimmed, 'UTC') !== null;
}

/** A text the database can hold: trimmed, or null when empty. @returns a sentence when it cannot be stored */
export function readText(label: string, raw: string, max = TEXT_MAX_LENGTH): { value: string | null } | { problem: string } {
  const value = raw.trim();
  if (value.length > max) return { problem: `${label} is longer than ${max.toLocaleString('en-US')} characters (${value.length.toLocaleString('en-US')}).` };
  if (value.includes('\u0000')) return { problem: `${label} holds a NUL character.` };
  return { value: value === '' ? null : value };
}

