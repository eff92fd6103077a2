import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDateReader, datePatterns, fittingPatterns, type DatePattern } from '#domain/customer/date-pattern.ts';
import { inferredType, noEvidence } from '#domain/customer/fields.ts';
import { columnNotes, columnProblems, guessColumns, headerProblem, type ImportColumn } from '#domain/customer/import-columns.ts';
import { createCustomerReader, createSuppressionReader } from '../../infra/imports/rows.ts';
import { createSeenAddresses } from '../../infra/imports/seen-addresses.ts';

describe('dates by a pattern', () => {
  test.for<[DatePattern, string, string | null]>([
    ['DD/MM/YYYY', '31/01/2026', '2026-01-31'], ['DD/MM/YYYY', '1/2/2026', '2026-02-01'], ['DD/MM/YYYY', '01/31/2026', null],
    ['MM/DD/YYYY', '01/31/2026', '2026-01-31'], ['MM/DD/YYYY', '2/29/2024', '2024-02-29'], ['MM/DD/YYYY', '2/29/2025', null],
    ['DD.MM.YYYY', '31.1.2026', '2026-01-31'], ['DD.MM.YYYY', '31/1/2026', null], ['DD.MM.YYYY', '31x1x2026', null],
    ['DD-MM-YYYY', '31-12-1999', '1999-12-31'], ['MM-DD-YYYY', '12-31-1999', '1999-12-31'],
    ['YYYY/MM/DD', '2026/1/31', '2026-01-31'], ['YYYY.MM.DD', '2026.01.31', '2026-01-31'],
    ['YYYYMMDD', '20260131', '2026-01-31'], ['YYYYMMDD', '2026131', null],
    ['DD/MM/YYYY', ' 31/01/2026 14:05 ', '2026-01-31T14:05:00'], ['DD/MM/YYYY', '31/01/2026, 2:05:09 PM', '2026-01-31T14:05:09'], ['DD/MM/YYYY', '31/01/2026 12:00 am', '2026-01-31T00:00:00'],
    ['DD/MM/YYYY', '31/01/2026 25:00', null], ['DD/MM/YYYY', '2026-01-31', '2026-01-31'], ['DD/MM/YYYY', 'soon', null], ['DD/MM/YYYY', '', null],
  ])('%s reads %j as %j', ([pattern, text, iso]) => expect(createDateReader(pattern)(text)).toBe(iso));

  test('every day written by a pattern is read back', () => {
    fc.assert(fc.property(fc.date({ min: new Date('1900-01-01'), max: new Date('2199-12-31'), noInvalidDate: true }), fc.constantFrom(...datePatterns), (date, pattern) => {
      const iso = date.toISOString().slice(0, 10);
      const written = pattern.replace('YYYY', iso.slice(0, 4)).replace('MM', iso.slice(5, 7)).replace('DD', iso.slice(8, 10));
      expect(createDateReader(pattern)(written)).toBe(iso);
    }));
  });

  test('a pattern is proposed when it fits all values, two when the values do not tell', () => {
    expect(fittingPatterns(['31/01/2026', '1/2/2026'])).toEqual(['DD/MM/YYYY']);
    expect(fittingPatterns(['03/04/2026'])).toEqual(['DD/MM/YYYY', 'MM/DD/YYYY']);
    expect(fittingPatterns(['31/01/2026', 'never'])).toEqual([]);
    expect(fittingPatterns([])).toEqual([]);
  });
});

describe('addresses seen before', () => {
  const address = fc.emailAddress();
  test('one that came is never overlooked', () => {
    fc.assert(fc.property(fc.array(address, { minLength: 1, maxLength: 200 }), (addresses) => {
      const seen = createSeenAddresses(addresses.length * 60);
      for (const each of addresses) seen(each);
      expect(addresses.every((each) => seen(each))).toBe(true);
    }));
  });

  test('of 200,000 that did not come hardly one is suspected', () => {
    const seen = createSeenAddresses(200_000 * 40);
    let suspected = 0;
    for (let i = 0; i < 200_000; i++) if (seen(`person${i}@example.com`)) suspected++;
    expect(suspected).toBeLessThan(50);
  });
});

describe('rows as COPY takes them', () => {
  const column = (header: string, target: string, more: Partial<ImportColumn> = {}): ImportColumn => ({ header, target, type: 'text', datePattern: null, ...more });
  const read = (columns: ImportColumn[], cells: string[], emptyCellsClear = false) => createCustomerReader(columns, { unknown: new Map(), emptyCellsClear })({ line: 2, cells });

  test('whatever a cell holds, the row stays one line of as many values', () => {
    const columns = [column('email', 'email'), column('city', 'city'), column('note', 'custom:note')];
    const cell = fc.string({ unit: fc.constantFrom('a', 'ü', '"', '\\', '\n', '\r', '\t', '{', '}', '😀', 'N'), maxLength: 8 });
    fc.assert(fc.property(cell, cell, (city, note) => {
      const row = read(columns, ['ada@example.com', city, note]);
      if ('problem' in row) throw new Error(row.problem);
      const values = row.line.split('\t').map((value) => (value === '\\N' ? null : value.replace(/\\([nrt\\])/g, (_, sign: string) => ({ n: '\n', r: '\r', t: '\t' })[sign] ?? '\\')));
      expect(row.line).not.toMatch(/[\n\r]/);
      expect(values).toHaveLength(4);
      expect(values[2]).toBe(city.trim() === '' ? null : city.trim());
      expect(JSON.parse(values[3]!)).toEqual(note.trim() === '' ? {} : { note: note.trim() });
    }));
  });

  test('the values of new fields are weighed as they will be stored', () => {
    const unknown = new Map([['since', noEvidence()]]);
    const reader = createCustomerReader([column('email', 'email'), column('since', 'custom:since', { datePattern: 'DD.MM.YYYY' })], { unknown, emptyCellsClear: false });
    reader({ line: 2, cells: ['a@example.com', '31.12.2025'] });
    expect(inferredType(unknown.get('since')!)).toBe('date');
    expect(reader({ line: 3, cells: ['b@example.com', '12.31.2025'] })).toMatchObject({ warnings: 1 });
    expect(inferredType(unknown.get('since')!)).toBe('text');
  });

  test('where empty cells clear, a score that does not fit is marked to be kept', () => {
    const columns = [column('email', 'email'), column('score', 'score'), column('tier', 'custom:tier')];
    expect(read(columns, ['a@example.com', 'many', ''], true)).toEqual({ key: 'a@example.com', line: 'a@example.com\ta@example.com\t\\N\t{"tier":null}\t{score}', warnings: 1 });
    expect(read(columns, ['a@example.com', '', 'gold'], true)).toMatchObject({ line: 'a@example.com\ta@example.com\t\\N\t{"tier":"gold"}\t{}', warnings: 0 });
    expect(read(columns, ['a@example.com', '7', ''])).toMatchObject({ line: 'a@example.com\ta@example.com\t7\t{}' });
  });

  test('suppressions take an address and a note', () => {
    const reader = createSuppressionReader([column('email', 'email'), column('x', 'ignore'), column('why', 'note')]);
    expect(reader({ line: 2, cells: ['Ada@Example.com', 'x', ' asked\nby phone '] })).toEqual({ key: 'ada@example.com', line: 'Ada@Example.com\tada@example.com\tasked\\nby phone', warnings: 0 });
    expect(reader({ line: 3, cells: ['Ada@Example.com', 'x', 'y'.repeat(1_001)] })).toEqual({ problem: 'why is longer than 1,000 characters (1,001).' });
  });
});

describe('columns of suppressions', () => {
  test('email and note in any case, nothing else', () => {
    const columns = guessColumns('suppressions', ['Note', 'EMAIL', 'city'], [], []);
    expect(columns.map((each) => each.target)).toEqual(['note', 'email', 'ignore']);
    expect(columnProblems('suppressions', columns)).toEqual([]);
    expect(columnNotes('suppressions', columns, [], []).map((note) => note.message)).toEqual(['Column 3 (city) is left out: only email and note are taken.']);
    expect(columnProblems('suppressions', [{ ...columns[0]!, target: 'custom:x' }, columns[1]!])).toMatchObject([{ field: 'columns[0].target' }]);
  });
});

test('a pattern of dates goes with the type date alone', () => {
  const [email, since] = guessColumns('customers', ['email', 'since'], [], []);
  const problems = (more: Partial<ImportColumn>) => columnProblems('customers', [email!, { ...since!, datePattern: 'DD/MM/YYYY', ...more }]).map((problem) => problem.field);
  expect(problems({ type: 'date' })).toEqual([]);
  expect(problems({ type: 'text' })).toEqual(['columns[1].datePattern']);
  expect(problems({ type: 'date', target: 'city' })).toEqual(['columns[1].datePattern']);
});

test.for([
  [['ada@example.com', 'Ada'], /an address in column 1/],
  [Array.from({ length: 501 }, (_, i) => `c${i}`), /501 columns/],
  [['email', 'name'], null],
] as const)('the header %j', ([header, problem]) => {
  if (problem === null) expect(headerProblem(header)).toBeNull();
  else expect(headerProblem(header)!.message).toMatch(problem);
});
