import type { FieldError } from '../shared/errors.ts';
import { fittingPatterns, type DatePattern } from './date-pattern.ts';
import { parseEmailAddress } from './email-address.ts';
import { fieldKeyProblem, inferredType, noEvidence, standardFields, systemFields, toFieldKey, weigh, type CustomField, type FieldType } from './fields.ts';

/** What a file brings: customers with their fields, or addresses that get no mail. */
export type ImportKind = 'customers' | 'suppressions';

/** What becomes of one column of a file: a standard field, `custom:<key>`, `note` (of a suppression), or `ignore`. */
export interface ImportColumn {
  readonly header: string;
  readonly target: string;
  readonly type: FieldType;
  /** How this column writes dates; null: ISO. */
  readonly datePattern: DatePattern | null;
}

export const MAX_COLUMNS = 500;

/** The key of the custom field a column fills, or null. */
export function customKey(column: Pick<ImportColumn, 'target'>): string | null {
  return column.target.startsWith('custom:') ? column.target.slice('custom:'.length) : null;
}

/** Guesses what each column holds; types of new fields from the rows shown (the import looks at all of them). */
export function guessColumns(kind: ImportKind, header: readonly string[], rows: readonly (readonly string[])[], catalogue: readonly CustomField[]): ImportColumn[] {
  return header.map((name, i) => ({ header: name, datePattern: null, ...(kind === 'customers' ? guess(name, rows.map((row) => row[i] ?? ''), catalogue) : guessSuppression(name)) }));
}

function guess(name: string, values: readonly string[], catalogue: readonly CustomField[]): Pick<ImportColumn, 'target' | 'type'> {
  const key = toFieldKey(name);
  const lower = key.toLowerCase();
  if (Object.hasOwn(standardFields, lower)) return { target: lower, type: standardFields[lower as keyof typeof standardFields].type };
  if (Object.hasOwn(systemFields, lower) || fieldKeyProblem(key) !== null) return { target: 'ignore', type: 'text' };
  const known = catalogue.find((field) => field.key === key);
  if (known !== undefined) return { target: `custom:${key}`, type: known.type };
  const evidence = noEvidence();
  for (const value of values) if (value.trim() !== '') weigh(evidence, value);
  return { target: `custom:${key}`, type: inferredType(evidence) };
}

function guessSuppression(name: string): Pick<ImportColumn, 'target' | 'type'> {
  const lower = name.trim().toLowerCase();
  return { target: lower === 'email' || lower === 'note' ? lower : 'ignore', type: 'text' };
}

/**
 * What a person should know before she starts, though nothing keeps her from it: columns that are left out, keys that
 * differ from a field's by case alone, texts that look like dates.
 * @param rows the first ones, as far as they were read
 */
export function columnNotes(kind: ImportKind, columns: readonly ImportColumn[], rows: readonly (readonly string[])[], catalogue: readonly CustomField[]): FieldError[] {
  const isUnaddressed = !columns.some((column) => column.target === 'email');
  return columns.flatMap((column, i): FieldError[] => {
    const { header, target, type } = column;
    const field = `columns[${i}].target`;
    const named = `Column ${i + 1}${header.trim() === '' ? '' : ` (${shortened(header)})`}`;
    if (isUnaddressed && holdsAddresses(rows.map((row) => row[i] ?? ''))) return [{ field, message: `${named} holds addresses. Choose Email for it.` }];
    if (target === 'ignore') return [{ field, message: `${named} is left out: ${reasonLeftOut(kind, header)}.` }];
    const key = customKey(column);
    if (key === null || catalogue.some((known) => known.key === key)) return [];
    const twin = catalogue.find((known) => known.key.toLowerCase() === key.toLowerCase());
    if (twin !== undefined) return [{ field, message: `${key} would be a new field; there is one named ${twin.key} already. They differ by case only.` }];
    const patterns = type === 'text' ? fittingPatterns(rows.map((row) => (row[i] ?? '').trim()).filter((value) => value !== '')) : [];
    return patterns.length === 0 ? [] : [{ field: `columns[${i}].type`, message: `${named} looks like dates written ${patterns.join(' or ')}. Choose the type date and how they are written, or they come in as text.` }];
  });
}

/** Nine of ten values are addresses. */
function holdsAddresses(values: readonly string[]): boolean {
  const filled = values.filter((value) => value.trim() !== '');
  return filled.length > 0 && filled.filter((value) => !('problem' in parseEmailAddress(value))).length >= filled.length * 0.9;
}

function reasonLeftOut(kind: ImportKind, header: string): string {
  if (header.trim() === '') return 'it has no name';
  if (kind === 'suppressions') return 'only email and note are taken';
  return Object.hasOwn(systemFields, header.trim().toLowerCase()) ? 'the system keeps this value itself' : 'its name cannot be the name of a field';
}

/** What no choice of columns mends: the file must be written anew. */
export function headerProblem(header: readonly string[]): FieldError | null {
  if (header.length > MAX_COLUMNS) return { field: 'file', message: `The file has ${header.length.toLocaleString('en-US')} columns; at most ${MAX_COLUMNS} are possible.` };
  const at = header.findIndex((cell) => !('problem' in parseEmailAddress(cell)));
  if (at === -1) return null;
  return { field: 'file', message: `The first line holds an address in column ${at + 1} where a column name was expected. Put a line with the names above it, like email,first_name,city, and upload the file again.` };
}

/** Everything that keeps a file with these columns from being imported. */
export function columnProblems(kind: ImportKind, columns: readonly ImportColumn[]): FieldError[] {
  const problems: FieldError[] = [];
  if (!columns.some((column) => column.target === 'email')) {
    const names = columns.slice(0, 20).map((column) => (column.header === '' ? '(no name)' : shortened(column.header))).join(', ');
    problems.push({ field: 'email', message: `No column is chosen as the email address. The columns are: ${names}${columns.length > 20 ? ` and ${columns.length - 20} more` : ''}. Choose the one with the addresses.` });
  }
  const seen = new Map<string, number>();
  columns.forEach((column, i) => {
    const { target } = column;
    if (target === 'ignore') return;
    const field = `columns[${i}].target`;
    const key = customKey(column);
    const problem = key === null ? null : fieldKeyProblem(key);
    if (problem !== null) problems.push({ field, message: problem });
    if (!(kind === 'suppressions' ? target === 'email' || target === 'note' : key !== null || Object.hasOwn(standardFields, target))) {
      problems.push({ field, message: `There is no field ${target} to import into.` });
    }
    if (column.datePattern !== null && (key === null || column.type !== 'date')) problems.push({ field: `columns[${i}].datePattern`, message: 'How dates are written is said of columns of the type date only.' });
    const other = seen.get(target);
    if (other !== undefined) {
      problems.push({ field, message: `Columns ${other + 1} and ${i + 1} (“${shortened(columns[other]!.header)}” and “${shortened(column.header)}”) would fill the same field. Leave one of them out or choose another field for it.` });
    } else seen.set(target, i);
  });
  return problems;
}

function shortened(header: string): string {
  return header.length > 60 ? `${header.slice(0, 59)}…` : header;
}
