import type { CsvRecord } from '#domain/customer/csv.ts';
import { createDateReader } from '#domain/customer/date-pattern.ts';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { parseNumber, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH, weigh, type TypeEvidence } from '#domain/customer/fields.ts';
import { customKey, type ImportColumn } from '#domain/customer/import-columns.ts';
import { isTimeZone } from '#domain/shared/time.ts';

/** A row as COPY takes it (from `email` on) with its address and the number of values that did not fit, or why it is refused. */
export type ReadRow = { readonly key: string; readonly line: string; readonly warnings: number } | { readonly problem: string };

export type RowReader = (record: CsvRecord) => ReadRow;

/** Standard fields besides the address, in the order staging tables have them. */
export const standardTexts = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone'] as const;

export type StandardText = (typeof standardTexts)[number];

/** Those of them that this file has. */
export function standardIn(columns: readonly ImportColumn[]): StandardText[] {
  return standardTexts.filter((field) => columns.some((column) => column.target === field));
}

export interface CustomerRowOptions {
  /** Evidence of the types of fields that are new; every value is weighed. */
  readonly unknown: ReadonlyMap<string, TypeEvidence>;
  /** Empty cells become JSON nulls instead of nothing, and `kept` says which standard values did not fit and change nothing. */
  readonly emptyCellsClear: boolean;
}

interface Cell {
  readonly at: number;
  readonly header: string;
}

/** Reads records into `email, email_key, <standard fields of the file>, custom[, kept]`. */
export function createCustomerReader(columns: readonly ImportColumn[], { unknown, emptyCellsClear }: CustomerRowOptions): RowReader {
  const emailAt = columns.findIndex((column) => column.target === 'email');
  const standard = standardIn(columns).map((field) => ({ field, ...cellOf(columns, field) }));
  const custom = columns.flatMap((column, at) => {
    const key = customKey(column);
    return key === null ? [] : [{ key, at, header: column.header, evidence: unknown.get(key), toIso: column.datePattern === null ? null : createDateReader(column.datePattern) }];
  });

  return ({ cells }) => {
    const wide = tooWide(cells, columns.length);
    if (wide !== null) return wide;
    const email = parseEmailAddress(cells[emailAt] ?? '');
    if ('problem' in email) return email;
    let line = `${escapeCopy(email.shown)}\t${escapeCopy(email.key)}`;
    let warnings = 0;
    let kept = '';
    for (const { field, at, header } of standard) {
      let value = (cells[at] ?? '').trim();
      const problem = textProblem(header, value, TEXT_MAX_LENGTH);
      if (problem !== null) return { problem };
      if (value !== '' && ((field === 'score' && parseNumber(value) === null) || (field === 'timezone' && !isTimeZone(value)))) {
        warnings++;
        kept += kept === '' ? field : `,${field}`;
        value = '';
      }
      line += value === '' ? '\t\\N' : `\t${escapeCopy(value)}`;
    }
    let json = '';
    for (const { key, at, header, evidence, toIso } of custom) {
      let value = (cells[at] ?? '').trim();
      if (value === '') {
        if (emptyCellsClear) json += `,"${key}":null`;
        continue;
      }
      const problem = textProblem(header, value, VALUE_MAX_LENGTH);
      if (problem !== null) return { problem };
      if (toIso !== null) {
        const iso = toIso(value);
        if (iso === null) warnings++;
        value = iso ?? value;
      }
      if (evidence !== undefined) weigh(evidence, value);
      json += `,"${key}":${QUOTE.test(value) ? escapeCopy(JSON.stringify(value)) : `"${value}"`}`;
    }
    line += `\t{${json.slice(1)}}${emptyCellsClear ? `\t{${kept}}` : ''}`;
    return { key: email.key, line, warnings };
  };
}

/** Reads records into `email, email_key, note`. */
export function createSuppressionReader(columns: readonly ImportColumn[]): RowReader {
  const emailAt = columns.findIndex((column) => column.target === 'email');
  const note = columns.some((column) => column.target === 'note') ? cellOf(columns, 'note') : null;
  return ({ cells }) => {
    const wide = tooWide(cells, columns.length);
    if (wide !== null) return wide;
    const email = parseEmailAddress(cells[emailAt] ?? '');
    if ('problem' in email) return email;
    const text = note === null ? '' : (cells[note.at] ?? '').trim();
    const problem = note === null ? null : textProblem(note.header, text, TEXT_MAX_LENGTH);
    if (problem !== null) return { problem };
    return { key: email.key, line: `${escapeCopy(email.shown)}\t${escapeCopy(email.key)}\t${text === '' ? '\\N' : escapeCopy(text)}`, warnings: 0 };
  };
}

function cellOf(columns: readonly ImportColumn[], target: string): Cell {
  const at = columns.findIndex((column) => column.target === target);
  return { at, header: columns[at]!.header };
}

function tooWide(cells: readonly string[], width: number): { problem: string } | null {
  for (let i = width; i < cells.length; i++) {
    if (cells[i]!.trim() !== '') return { problem: `The row has ${cells.length} cells, the first line only ${width}.` };
  }
  return null;
}

const UNREADABLE = /[\u0000\ufffd]/;

function textProblem(header: string, value: string, max: number): string | null {
  if (value.length > max) return `${header} is longer than ${max.toLocaleString('en-US')} characters (${value.length.toLocaleString('en-US')}).`;
  if (!UNREADABLE.test(value)) return null;
  return value.includes('\u0000') ? `${header} holds a NUL character.` : `${header} holds a character that cannot be read in this encoding. Save the whole file in one encoding, UTF-8 at best.`;
}

const QUOTE = /["\\\u0000-\u001f]/;
const ESCAPED = /[\\\n\r\t]/;

function escapeCopy(text: string): string {
  return ESCAPED.test(text)
    ? text.replace(/[\\\n\r\t]/g, (sign) => (sign === '\\' ? '\\\\' : sign === '\n' ? '\\n' : sign === '\r' ? '\\r' : '\\t'))
    : text;
}
