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
  /** Other standard fields and slots. */
  readonly [field: string]: unknown;
}

/**
 * Builds the document from rows: texts folded, custom values by the catalogue's type in their slot.
 * @param catalogue every custom field; values of keys it does not know are left out
 * @param zone the organization's, in which plain dates begin
 */
export function toDocument(row: CustomerRow, catalogue: readonly CustomField[], zone: string): CustomerDocument {
  const document: Record<string, unknown> = {
    id: row.id,
    email: fold(row.email),
    mailable: row.mailable,
    is_unsubscribed: row.isUnsubscribed,
    is_bounced: row.isBounced,
    suppression_status: row.isSuppressed ? 'suppressed' : 'active',
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    lists: row.lists,
  };
  put(document, 'first_name', row.firstName);
  put(document, 'last_name', row.lastName);
  put(document, 'phone', row.phone);
  put(document, 'city', row.city);
  put(document, 'country', row.country);
  put(document, 'timezone', row.timezone);
  if (row.score !== null) document['score'] = row.score;

  const set: string[] = [];
  let more: Record<string, string> | undefined;
  let moreText: string[] | undefined;
  for (const field of catalogue) {
    const raw = Object.hasOwn(row.custom, field.key) ? row.custom[field.key] : undefined;
    if (raw === undefined || raw.trim() === '') continue;
    set.push(String(field.no));
    const value = readValue(field.type, raw, zone);
    if (value === null) continue;
    if (field.slot !== null) document[field.slot] = value;
    else {
      (more ??= {})[field.no] = encodeOverflow(value);
      if (typeof value === 'string') (moreText ??= []).push(`${field.no}|${value}`);
    }
  }
  document['set'] = set;
  if (more !== undefined) document['more'] = more;
  if (moreText !== undefined) document['more_text'] = moreText;
  return document as CustomerDocument;
}

function put(document: Record<string, unknown>, field: string, value: string | null): void {
  if (value === null) return;
  const folded = fold(value);
  if (folded !== '') document[field] = folded;
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
