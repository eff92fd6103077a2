import type { CsvRecord } from '#domain/customer/csv.ts';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { parseNumber, readText, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH, type TypeEvidence } from '#domain/customer/fields.ts';
import type { ImportColumn } from '#domain/customer/import-columns.ts';
import { isTimeZone } from '#domain/segment/windows.ts';

/** A row as COPY takes it (from `email` on) with the number of values left out, or why it is refused. */
export type ReadRow = { readonly line: string; readonly warnings: number } | { readonly problem: string };

const order = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone'] as const;

/**
 * Reads records by their columns. Empty custom cells become JSON nulls: the upsert drops or clears them.
 * @param unknown evidence of the types of fields that are new; every value is weighed
 */
export function createRowReader(columns: readonly ImportColumn[], unknown: ReadonlyMap<string, TypeEvidence>, weigh: (evidence: TypeEvidence, value: string) => void) {
  const standard = new Map<string, number>();
  const custom: { index: number; key: string; header: string; evidence: TypeEvidence | undefined }[] = [];
  columns.forEach((column, index) => {
    if (column.target.startsWith('custom:')) {
      const key = column.target.slice('custom:'.length);
      custom.push({ index, key, header: column.header, evidence: unknown.get(key) });
    } else if (column.target !== 'ignore') standard.set(column.target, index);
  });
  const emailAt = standard.get('email')!;

  return ({ cells }: CsvRecord): ReadRow => {
    for (let i = columns.length; i < cells.length; i++) {
      if (cells[i]!.trim() !== '') return { problem: `The row has ${cells.length} cells, the first line only ${columns.length}.` };
    }
    const email = parseEmailAddress(cells[emailAt] ?? '');
    if ('problem' in email) return email;
    let line = `${escapeCopy(email.shown)}\t${escapeCopy(email.key)}`;
    let warnings = 0;
    for (const field of order) {
      const at = standard.get(field);
      const read = at === undefined ? { value: null } : readText(columns[at]!.header, cells[at] ?? '', TEXT_MAX_LENGTH);
      if ('problem' in read) return read;
      let { value } = read;
      if (value !== null && ((field === 'score' && parseNumber(value) === null) || (field === 'timezone' && !isTimeZone(value)))) {
        warnings++;
        value = null;
      }
      line += value === null ? '\t\\N' : `\t${escapeCopy(value)}`;
    }
    const values: Record<string, string | null> = {};
    for (const { index, key, header, evidence } of custom) {
      const read = readText(header, cells[index] ?? '', VALUE_MAX_LENGTH);
      if ('problem' in read) return read;
      if (read.value !== null && evidence !== undefined) weigh(evidence, read.value);
      values[key] = read.value;
    }
    return { line: `${line}\t${escapeCopy(JSON.stringify(values))}`, warnings };
  };
}

function escapeCopy(text: string): string {
  return /[\\\n\r\t]/.test(text)
    ? text.replace(/[\\\n\r\t]/g, (sign) => (sign === '\\' ? '\\\\' : sign === '\n' ? '\\n' : sign === '\r' ? '\\r' : '\\t'))
    : text;
}
