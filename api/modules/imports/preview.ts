import type { z } from 'zod';
import { columnNotes, columnProblems, guessColumns, headerProblem, type ImportColumn, type ImportKind } from '#domain/customer/import-columns.ts';
import { AppError, refuse, type FieldError } from '#domain/shared/errors.ts';
import type { Encoding, Sniffed } from '../../../infra/imports/encoding.ts';
import { readHead } from '../../../infra/imports/files.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import type { PreviewView } from './views.ts';

const PREVIEW_ROWS = 20;
const CELL_SHOWN = 200;
/** The types shown are guessed from these; the import looks at every value. */
const GUESS_ROWS = 500;

export interface Reading {
  readonly encoding: Encoding;
  readonly delimiter?: string | undefined;
}

/** A file as it would be read: guessed columns, first rows, what keeps it from being imported, what one should know. */
export type Preview = z.output<typeof PreviewView>;

/** @throws AppError `invalid` for a file whose first line is no header, whatever is chosen */
export async function previewFile(tenant: Tenant, kind: ImportKind, path: string, sniffed: Pick<Sniffed, 'isMixed'>, reading: Reading): Promise<Preview> {
  const { delimiter, records } = await readHead(path, reading.encoding, GUESS_ROWS, reading.delimiter);
  const [head, ...others] = records;
  if (head === undefined) throw refuse('file', 'The file is empty. Choose a CSV file with a header line.');
  if (head.problem !== undefined) throw refuse('file', `The header line cannot be read. ${head.problem}`);
  const header = head.cells.map((cell) => cell.trim());
  const broken = headerProblem(header);
  if (broken !== null) throw new AppError('invalid', broken.message, [broken]);
  const rows = others.filter((record) => record.problem === undefined).map((record) => [...record.cells]);
  const catalogue = kind === 'customers' ? await readCatalogue(tenant) : [];
  const columns = guessColumns(kind, header, rows, catalogue);
  return {
    encoding: reading.encoding, delimiter, header, columns, problems: columnProblems(kind, columns),
    rows: rows.slice(0, PREVIEW_ROWS).map((row) => row.map((cell) => (cell.length > CELL_SHOWN ? `${cell.slice(0, CELL_SHOWN - 1)}…` : cell))),
    notes: [...mixedNote(sniffed.isMixed && reading.encoding === 'utf8'), ...columnNotes(kind, columns, rows, catalogue)],
  };
}

function mixedNote(isMixed: boolean): FieldError[] {
  return isMixed ? [{ field: 'encoding', message: 'The file mixes encodings: most of it is UTF-8, some of it is not. Rows that cannot be read are left out and listed with the rejected ones.' }] : [];
}

/**
 * The columns to import by: as given, under the file's own headers, or as guessed.
 * @returns with them the keys of new fields whose type is a person's choice; the others are inferred over all values
 * @throws AppError `invalid` with every problem
 */
export function settleColumns(kind: ImportKind, guessed: readonly ImportColumn[], given: readonly ImportColumn[] | undefined): { columns: ImportColumn[]; chosen: string[] } {
  if (given !== undefined && given.length !== guessed.length) throw refuse('columns', `The file has ${guessed.length} columns; ${given.length} were given.`);
  const columns = guessed.map((column, i) => ({ ...column, ...given?.[i], header: column.header }));
  const problems = columnProblems(kind, columns);
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  const chosen = columns.filter((column, i) => column.target.startsWith('custom:') && (column.type !== guessed[i]!.type || column.datePattern !== null)).map((column) => column.target.slice('custom:'.length));
  return { columns, chosen };
}
