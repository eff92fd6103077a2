import { monthDay } from '../segment/windows.ts';
import { fold, readValue, type CustomField } from './fields.ts';

/** A customer as rows hold her, whatever read them. */
export interface CustomerRow {
  readonly id: number;
  readonly email: string;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly phone: string | null;
  readonly city: string | null;
  readonly country: string | null;
  readonly score: number | null;
  readonly timezone: string | null;
  /** Values as given, by key. */
  readonly custom: Readonly<Record<string, string>>;
  readonly isUnsubscribed: boolean;
  readonly isBounced: boolean;
  readonly isSuppressed: boolean;
  readonly mailable: boolean;
  readonly lists: readonly string[];
  /** Columns of `customer_activity` by name as the database writes them: a number, or `{1,2}` for an array. */
  readonly activity: Readonly<Record<string, string | null>>;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What the index holds and `evaluate` reads: the one document of both. Absent means not set. */
export interface CustomerDocument {
  readonly id: number;
  readonly email: string;
  readonly mailable: boolean;
  readonly is_unsubscribed: boolean;
  readonly is_bounced: boolean;
  readonly suppression_status: 'active' | 'suppressed';
  readonly created_at: number;
  readonly updated_at: number;
  readonly lists: readonly string[];
  /** Numbers of the custom fields that hold anything, misfits included. */
  readonly set: readonly string[];
  /** Overflow past the slots: field number → order-preserving string. */
  readonly more?: Readonly<Record<string, string>>;
  /** Overflow texts again, `<field number>|<value>`: for conditions on parts of a text. */
  readonly more_text?: readonly string[];
  /** Days of the year of every date: `anniversaryBase(field) + monthDay`. */
  readonly anniversary: readonly number[];
  /** Other standard fields and slots, and the columns of `activityColumns`. */
  readonly [field: string]: unknown;
}

/** Field numbers of dates the system keeps, among those of custom fields, which begin at 1. */
const systemDates = { created_at: 0, updated_at: -1 } as const;

/** What a field's number adds to the days of the year in `anniversary`. @param field number of a custom field, or name of a date the system keeps */
export function anniversaryBase(field: number | keyof typeof systemDates): number {
  return 512 * (typeof field === 'number' ? field : systemDates[field]);
}

/** The document as an object: what `evaluate` reads. Arguments as `documentJson`. */
export function toDocument(row: CustomerRow, catalogue: readonly CustomField[], zone: string): CustomerDocument {
  return JSON.parse(documentJson(row, catalogue, zone)) as CustomerDocument;
}

/**
 * Builds the document from rows, as JSON: texts folded, custom values by the catalogue's type in their slot.
 * Written as text because the indexer makes millions of them and takes the packed values over as they come: 5 µs each.
 * @param catalogue every custom field; values of keys it does not know are left out
 * @param zone the organization's, in which plain dates begin
 */
export function documentJson(row: CustomerRow, catalogue: readonly CustomField[], zone: string): string {
  const anniversary: number[] = [
    anniversaryBase('created_at') + monthDay(row.createdAt, zone),
    anniversaryBase('updated_at') + monthDay(row.updatedAt, zone),
  ];
  let json = `{"id":${row.id},"email":${quote(fold(row.email))},"mailable":${row.mailable},"is_unsubscribed":${row.isUnsubscribed},"is_bounced":${row.isBounced},`
    + `"suppression_status":"${row.isSuppressed ? 'suppressed' : 'active'}","created_at":${row.createdAt},"updated_at":${row.updatedAt},"lists":${JSON.stringify(row.lists)}`
    + text('first_name', row.firstName) + text('last_name', row.lastName) + text('phone', row.phone)
    + text('city', row.city) + text('country', row.country) + text('timezone', row.timezone);
  if (row.score !== null) json += `,"score":${row.score}`;

  let set = '';
  let more = '';
  let moreText = '';
  for (const field of catalogue) {
    const raw = row.custom[field.key];
    if (raw === undefined || !Object.hasOwn(row.custom, field.key) || raw.trim() === '') continue;
    set += `${set === '' ? '' : ','}"${field.no}"`;
    const value = readValue(field.type, raw, zone);
    if (value === null) continue;
    if (field.type === 'date') anniversary.push(anniversaryBase(field.no) + monthDay(value as number, zone));
    const written = typeof value === 'string' ? quote(value) : String(value);
    if (field.slot !== null) json += `,"${field.slot}":${written}`;
    else {
      more += `${more === '' ? '' : ','}"${field.no}":${typeof value === 'string' ? written : `"${encodeOverflow(value)}"`}`;
      if (typeof value === 'string') moreText += `${moreText === '' ? '' : ','}${quote(`${field.no}|${value}`)}`;
    }
  }
  json += `,"set":[${set}],"anniversary":[${anniversary.join(',')}]`;
  if (more !== '') json += `,"more":{${more}}`;
  if (moreText !== '') json += `,"more_text":[${moreText}]`;
  for (const column in row.activity) {
    const value = row.activity[column];
    if (value !== null && value !== undefined) json += `,"${column}":${value.startsWith('{') ? `[${value.slice(1, -1)}]` : value}`;
  }
  return `${json}}`;
}

function text(field: string, value: string | null): string {
  const folded = value === null ? '' : fold(value);
  return folded === '' ? '' : `,"${field}":${quote(folded)}`;
}

// Most texts need no escape, and looking for one is faster than JSON.stringify.
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(value: string): string {
  return ESCAPED.test(value) ? JSON.stringify(value) : `"${value}"`;
}

/**
 * A value as a string that sorts as the value does: numbers and dates as 16 hex digits of the
 * sign-adjusted double, booleans as words, texts as they are.
 */
export function encodeOverflow(value: string | number | boolean): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const flipped = bits >> 63n === 1n ? ~bits & 0xffff_ffff_ffff_ffffn : bits | 0x8000_0000_0000_0000n;
  return flipped.toString(16).padStart(16, '0');
}

/** Custom values as their types read them, misfits as text: for views and merge tags. */
export function typedCustom(custom: Readonly<Record<string, string>>, catalogue: readonly CustomField[]): Record<string, string | number | boolean> {
  const typed: Record<string, string | number | boolean> = {};
  for (const field of catalogue) {
    const raw = Object.hasOwn(custom, field.key) ? custom[field.key] : undefined;
    if (raw === undefined) continue;
    const value = field.type === 'number' || field.type === 'boolean' ? readValue(field.type, raw, 'UTC') : null;
    typed[field.key] = value ?? raw;
  }
  return typed;
}
