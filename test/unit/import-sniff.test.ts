import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { afterAll, describe, expect, test } from 'vitest';
import { createCsvReader, type CsvRecord } from '#domain/customer/csv.ts';
import { inferredType, noEvidence, weigh } from '#domain/customer/fields.ts';
import { columnNotes, columnProblems, guessColumns } from '#domain/customer/import-columns.ts';
import { createEncodingSniffer } from '../../infra/imports/encoding.ts';
import { readHead, readRecords } from '../../infra/imports/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'fermata-sniff-'));
afterAll(() => rmSync(folder, { recursive: true }));

const text = 'email;vorname\nada@example.org;Zoë Müller\n';
const sniff = (bytes: Buffer, pieces = 1) => {
  const sniffer = createEncodingSniffer();
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += size) sniffer.watch(bytes.subarray(at, at + size));
  return sniffer.end()?.encoding ?? null;
};

describe('encoding', () => {
  test.for([
    ['UTF-8', Buffer.from(text), 'utf8'],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`), 'utf8'],
    ['UTF-16 little endian', iconv.encode(text, 'utf16le', { addBOM: true }), 'utf16le'],
    ['UTF-16 big endian', iconv.encode(text, 'utf16be', { addBOM: true }), 'utf16be'],
    ['UTF-16 without a mark', iconv.encode(text, 'utf16le'), 'utf16le'],
    ['Latin-1', iconv.encode(text, 'latin1'), 'windows-1252'],
  ] as const)('%s is known and read without loss', async ([name, bytes, encoding]) => {
    expect(sniff(bytes)).toBe(encoding);
    expect(sniff(bytes, 7)).toBe(encoding);
    const path = join(folder, `${name}.csv`);
    writeFileSync(path, bytes);
    const head = await readHead(path, encoding, 20);
    expect(head.delimiter).toBe(';');
    expect(head.records.map((record) => record.cells)).toEqual([['email', 'vorname'], ['ada@example.org', 'Zoë Müller']]);
    const records: CsvRecord[] = [];
    for await (const piece of readRecords(path, encoding, ';')) records.push(...piece.records);
    expect(records).toEqual(head.records);
  });

  test.for([
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])],
    ['a spreadsheet', Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 6, 0, 8, 0])],
  ] as const)('%s is no text', ([, bytes]) => expect(sniff(bytes)).toBeNull());

  test('a Latin-1 letter after megabytes of ASCII is found', () => {
    expect(sniff(Buffer.concat([Buffer.from('a@example.org\n'.repeat(100_000)), Buffer.from([0xe9, 0x0a])]), 50)).toBe('windows-1252');
  });
});

test.for([',', ';', '\t', '|'])('the delimiter %j is found, though others stand in a quoted name', async (delimiter) => {
  const path = join(folder, `delimiter-${delimiter.charCodeAt(0)}.csv`);
  writeFileSync(path, ['email', '"a,b;c|d,e;f|g"', 'city'].join(delimiter) + '\n');
  expect((await readHead(path, 'utf8', 20)).delimiter).toBe(delimiter);
});

describe('rows', () => {
  const read = (content: string, pieces: number) => {
    const reader = createCsvReader(',');
    const records: CsvRecord[] = [];
    const size = Math.max(1, Math.ceil(content.length / pieces));
    for (let at = 0; at < content.length; at += size) records.push(...reader.push(content.slice(at, at + size)));
    return [...records, ...reader.end()];
  };

  test('whatever is written as CSV is read back, in whatever pieces it arrives', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', '\r', ' ', ';'), maxLength: 6 });
    fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.integer({ min: 1, max: 40 }), (rows, newline, pieces) => {
      const content = stringify(rows, { record_delimiter: newline, quoted: true });
      expect(read(content, pieces).map((record) => record.cells)).toEqual(rows);
    }), { numRuns: 500 });
  });

  test.for([1, 3, 1_000])('a broken row names its line and costs no other (%i pieces)', (pieces) => {
    const records = read('email,note\na@example.org,"two\nlines"\n"b@example.org"x,1\nc@example.org,ok\nd@example.org,"never closed\n', pieces);
    expect(records.map((record) => [record.line, record.cells[0], record.problem === undefined])).toEqual([
      [1, 'email', true], [2, 'a@example.org', true], [4, '"b@example.org"x', false], [5, 'c@example.org', true], [6, 'd@example.org', false],
    ]);
    expect(records[2]!.problem).toMatch(/quotes are unbalanced/);
    expect(records[4]!.problem).toMatch(/never closed/);
  });

  test('a row over 1 MB is refused and the next one read', () => {
    const records = read(`email,note\na@example.org,${'x'.repeat(1_100_000)}\nb@example.org,ok\n`, 9);
    expect(records.map((record) => record.problem ?? record.cells[0])).toEqual(['email', 'The row is longer than 1 MB.', 'b@example.org']);
  });
});

test.for([
  ['boolean', ['true', 'No', 'YES', 'false']],
  ['number', ['0', '-1.5', '123456789012345']],
  ['date', ['2026-01-31', '2026-01-31T10:00:00Z']],
  ['text', ['1', '007']],
  ['text', ['+49']],
  ['text', ['1234567890123456']],
  ['text', ['2026-02-30']],
  ['text', ['2026-01-31', 'soon']],
  ['text', []],
] as const)('the type %s fits all of %j', ([type, values]) => {
  const evidence = noEvidence();
  for (const value of values) weigh(evidence, value);
  expect(inferredType(evidence)).toBe(type);
});

describe('columns', () => {
  const field = { no: 1, key: 'Plan', label: 'Plan', type: 'text', slot: 'k0' } as const;

  test('standard names in any case, system values and nameless columns left out, the rest custom fields', () => {
    const columns = guessColumns('customers', ['EMail', 'First_Name', 'is_bounced', '', 'lifetime value'], [['a@example.org', 'Ada', 'no', '', '12.5']], []);
    expect(columns.map((column) => column.target)).toEqual(['email', 'first_name', 'ignore', 'ignore', 'custom:lifetime_value']);
    expect(columns[4]!.type).toBe('number');
    expect(columnNotes('customers', columns, [], []).map((note) => note.message)).toEqual([
      'Column 3 (is_bounced) is left out: the system keeps this value itself.', 'Column 4 is left out: it has no name.',
    ]);
  });

  test('a name that differs from a field by case alone is pointed out', () => {
    expect(columnNotes('customers', guessColumns('customers', ['email', 'plan'], [], [field]), [], [field])[0]!.message).toMatch(/plan would be a new field; there is one named Plan/);
    expect(columnNotes('customers', guessColumns('customers', ['email', 'Plan'], [], [field]), [], [field])).toEqual([]);
  });

  test('without an email column the columns found are named', () => {
    const [problem] = columnProblems('customers', guessColumns('customers', ['name', 'city'], [], []));
    expect(problem).toEqual({ field: 'email', message: expect.stringContaining('The columns are: name, city.') as string });
  });
});
