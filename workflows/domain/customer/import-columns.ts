import { fieldKeyProblem, inferredType, noEvidence, standardFields, systemFields, toFieldKey, weigh, type CustomField, type FieldType } from './fields.ts';
import type { FieldError } from '../shared/errors.ts';

/** What becomes of one column of a file: a standard field, `custom:<key>`, or `ignore`. */
export interface ImportColumn {
  readonly header: string;
  readonly target: string;
  readonly type: FieldType;
}

export const MAX_COLUMNS = 500;

/** Guesses what each column holds; types of new fields from the rows shown (the import looks at all of them). */
export function guessColumns(header: readonly string[], rows: readonly (readonly string[])[], catalogue: readonly CustomField[]): ImportColumn[] {
  return header.map((name, i) => {
    const key = toFieldKey(name);
    const lower = key.toLowerCase();
    if (Object.hasOwn(standardFields, lower)) return { header: name, target: lower, type: standardFields[lower as keyof typeof standardFields].type };
    if (Object.hasOwn(systemFields, lower) || fieldKeyProblem(key) !== null) return { header: name, target: 'ignore', type: 'text' };
    const known = catalogue.find((field) => field.key === key);
    if (known !== undefined) return { header: name, target: `custom:${key}`, type: known.type };
    const evidence = noEvidence();
    for (const row of rows) if ((row[i] ?? '').trim() !== '') weigh(evidence, row[i]!);
    return { header: name, target: `custom:${key}`, type: inferredType(evidence) };
  });
}

/** What a person should know before she starts: columns that are left out, keys that differ from a field's by case alone. */
export function columnNotes(columns: readonly ImportColumn[], catalogue: readonly CustomField[]): FieldError[] {
  return columns.flatMap(({ header, target }, i): FieldError[] => {
    const field = `columns[${i}].target`;
    if (target === 'ignore') {
      const reason = header.trim() === '' ? 'it has no name' : Object.hasOwn(systemFields, header.trim().toLowerCase()) ? 'the system keeps this value itself' : 'its name cannot be the name of a field';
      return [{ field, message: `Column ${i + 1}${header.trim() === '' ? '' : ` (${header})`} is left out: ${reason}.` }];
    }
    const key = target.startsWith('custom:') ? target.slice('custom:'.length) : null;
    const twin = key === null || catalogue.some((known) => known.key === key) ? undefined : catalogue.find((known) => known.key.toLowerCase() === key.toLowerCase());
    return twin === undefined ? [] : [{ field, message: `${key} would be a new field; there is one named ${twin.key} already. They differ by case only.` }];
  });
}

/** Everything that keeps a file with these columns from being imported. */
export function columnProblems(columns: readonly ImportColumn[]): FieldError[] {
  const problems: FieldError[] = [];
  if (columns.length > MAX_COLUMNS) return [{ field: 'file', message: `The file has ${columns.length} columns; at most ${MAX_COLUMNS} are possible.` }];
  if (!columns.some((column) => column.target === 'email')) {
    const names = columns.slice(0, 20).map((column) => (column.header === '' ? '(no name)' : column.header)).join(', ');
    problems.push({ field: 'email', message: `The file has no email column. Its columns are: ${names}${columns.length > 20 ? ` and ${columns.length - 20} more` : ''}. Name the one with the addresses email in the first line and upload it again.` });
  }
  const seen = new Map<string, string>();
  columns.forEach((column, i) => {
    if (column.target === 'ignore') return;
    const field = `columns[${i}].target`;
    if (column.target.startsWith('custom:')) {
      const problem = fieldKeyProblem(column.target.slice('custom:'.length));
      if (problem !== null) problems.push({ field, message: problem });
    } else if (!Object.hasOwn(standardFields, column.target)) problems.push({ field, message: `There is no field ${column.target} to import into.` });
    const other = seen.get(column.target);
    if (other !== undefined) problems.push({ field, message: `The columns “${other}” and “${column.header}” would fill the same field. Ignore or rename one of them.` });
    seen.set(column.target, column.header);
  });
  return problems;
}
