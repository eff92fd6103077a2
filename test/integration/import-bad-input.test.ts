import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCsvReader } from '#domain/customer/csv.ts';
import { startTestApi, type Reply, type TestApi, type TestUser } from '../support/api.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/** Files as the world writes them: what cannot be taken is refused in a sentence with the fix, by file, column or row, and costs nothing else. */

const state = mkdtempSync(join(tmpdir(), 'fermata-import-bad-'));
let api: TestApi;
let member: TestUser;
let cookie: string;
let worker: WorkerProcess;

beforeAll(async () => {
  api = await startTestApi({ FERMATA_STATE_DIR: state });
  member = await api.signIn('member');
  const login = await api.anonymous.post('/auth/login', { email: member.email, password: member.password });
  cookie = login.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
  worker = await startWorker({ FERMATA_STATE_DIR: state });
}, 120_000);
afterAll(async () => {
  await worker?.kill('SIGTERM');
  await api?.close();
  rmSync(state, { recursive: true, force: true });
}, 90_000);

const sql = <T extends object>(text: string, values: unknown[] = []) => api.container.tenants.use(api.orgId, ({ sql }) => sql.rows<T>(text, values));

async function upload(content: string | Buffer, query = ''): Promise<Reply> {
  const answer = await fetch(`${api.baseUrl}/api/v1/imports?${query}`, { method: 'POST', headers: { cookie, 'content-type': 'text/csv', 'x-requested-by': 'fermata' }, body: new Uint8Array(Buffer.from(content)) });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}
async function ended(id: string): Promise<Reply['body']> {
  await expect.poll(async () => (await member.get(`/imports/${id}`)).body.state, { timeout: 60_000, interval: 50 }).toMatch(/completed|failed|cancelled/);
  return (await member.get(`/imports/${id}`)).body;
}
const run = async (content: string | Buffer) => {
  const { body, status } = await upload(content, 'start=true');
  expect([status, body.detail]).toEqual([201, undefined]);
  return ended(body.id);
};
/** The rejected rows: their cells, then line and reason. */
async function rejected(id: string): Promise<(readonly string[])[]> {
  const reader = createCsvReader(',');
  return [...reader.push((await member.get(`/imports/${id}/rejected`)).body), ...reader.end()].slice(1).map((record) => record.cells);
}
const reasons = async (id: string) => (await rejected(id)).map((cells) => cells.slice(-2).join(' '));
const people = (pattern: string) => sql<{ email: string; first_name: string | null; custom: object }>('select email, first_name, custom from customer where email_key like $1 order by email_key', [pattern]);

describe('columns', () => {
  test('a file without an email column is kept, and starts once the column with the addresses is chosen', async () => {
    const { status, body } = await upload('Adresse,Vorname\nada@kept.example,Ada\n');
    expect(status).toBe(201);
    expect(body.preview.problems).toEqual([{ field: 'email', message: 'No column is chosen as the email address. The columns are: Adresse, Vorname. Choose the one with the addresses.' }]);
    expect(body.preview.notes).toEqual([{ field: 'columns[0].target', message: 'Column 1 (Adresse) holds addresses. Choose Email for it.' }]);
    const refused = await member.post(`/imports/${body.id}/start`);
    expect([refused.status, refused.body.errors[0].field]).toEqual([422, 'email']);
    const columns = body.preview.columns.map((column: object, i: number) => ({ ...column, target: ['email', 'first_name'][i] }));
    expect((await member.post(`/imports/${body.id}/start`, { columns })).status).toBe(200);
    expect(await ended(body.id)).toMatchObject({ state: 'completed', created: 1 });
    expect(await people('%@kept.example')).toMatchObject([{ first_name: 'Ada', custom: {} }]);
  });

  test('two columns of one name are pointed out; one of them left out, the file starts', async () => {
    const { body } = await upload('email,City,city\nada@double.example,Rome,Oslo\n');
    expect(body.preview.problems).toEqual([{ field: 'columns[2].target', message: 'Columns 2 and 3 (“City” and “city”) would fill the same field. Leave one of them out or choose another field for it.' }]);
    const columns = body.preview.columns.map((column: object, i: number) => ({ ...column, ...(i === 1 ? { target: 'ignore' } : {}) }));
    expect((await member.post(`/imports/${body.id}/start`, { columns })).status).toBe(200);
    await ended(body.id);
    expect(await sql(`select city from customer where email_key = 'ada@double.example'`)).toEqual([{ city: 'Oslo' }]);
  });

  test('reserved names and the system’s own values are left out and said so', async () => {
    const { body } = await upload('email,id,lists,custom,__proto__,constructor,is_unsubscribed,created_at,,nickname\nada@reserved.example,1,2,3,4,5,yes,2020-01-01,9,Countess\n');
    expect(body.preview.columns.map((column: { target: string }) => column.target)).toEqual(['email', ...Array.from({ length: 8 }, () => 'ignore'), 'custom:nickname']);
    expect(body.preview.notes.map((note: { message: string }) => note.message)).toEqual([
      'Column 2 (id) is left out: its name cannot be the name of a field.', 'Column 3 (lists) is left out: its name cannot be the name of a field.', 'Column 4 (custom) is left out: its name cannot be the name of a field.',
      'Column 5 (__proto__) is left out: its name cannot be the name of a field.', 'Column 6 (constructor) is left out: its name cannot be the name of a field.',
      'Column 7 (is_unsubscribed) is left out: the system keeps this value itself.', 'Column 8 (created_at) is left out: the system keeps this value itself.', 'Column 9 is left out: it has no name.',
    ]);
    await member.post(`/imports/${body.id}/start`);
    await ended(body.id);
    expect(await people('%@reserved.example')).toMatchObject([{ custom: { nickname: 'Countess' } }]);
    expect(await sql(`select mailable from customer where email_key = 'ada@reserved.example'`)).toEqual([{ mailable: true }]);
  });

  test('a column chosen into a field that cannot be, and a wrong number of columns, are refused by their place', async () => {
    const { body } = await upload('email,a,b\nx@y.example,1,2\n');
    const start = (targets: string[]) => member.post(`/imports/${body.id}/start`, { columns: targets.map((target, i) => ({ header: String(i), target, type: 'text' })) });
    expect((await start(['email', 'custom:id', 'is_bounced'])).body.errors).toEqual([
      { field: 'columns[1].target', message: 'id is a reserved name; choose another one.' }, { field: 'columns[2].target', message: 'There is no field is_bounced to import into.' },
    ]);
    expect((await start(['email'])).body.errors).toEqual([{ field: 'columns', message: 'The file has 3 columns; 1 were given.' }]);
    expect((await member.post(`/imports/${body.id}/start`, { delimiter: ';' })).body.errors[0].field).toBe('email');
    expect((await member.get(`/imports/${body.id}/preview?delimiter=%3B`)).body).toMatchObject({ delimiter: ';', header: ['email,a,b'] });
    expect((await member.get(`/imports/${body.id}/preview?delimiter=x`)).body.errors[0].field).toBe('delimiter');
  });
});

describe('rows', () => {
  test('NUL bytes, at the head of the file or far in it, cost their rows', async () => {
    const many = Array.from({ length: 400 }, (_, i) => `nul${i}@nul.example,Name ${i}`);
    const job = await run(`email,note_nul\nhead@nul.example,a\u0000b\n${many.join('\n')}\nt\u0000ail@nul.example,x\nlast@nul.example,ok\n`);
    expect(job).toMatchObject({ state: 'completed', created: 401, skipped: 2 });
    expect(await reasons(job.id)).toEqual(['2 note_nul holds a NUL character.', '403 The part before the @ is not written as an email address allows it.']);
  });

  test('a file of mixed encodings is read as what most of it is; rows that cannot be are refused', async () => {
    const bytes = Buffer.concat([Buffer.from('email,name_mixed\nzoë1@mixed.example,x\nada@mixed.example,Zoë Müller\nbob@mixed.example,'), iconv.encode('Zoë', 'latin1'), Buffer.from('\ncat@mixed.example,Žižek\n')]);
    const { body } = await upload(bytes);
    expect(body.preview.encoding).toBe('utf8');
    expect(body.preview.notes[0]).toEqual({ field: 'encoding', message: 'The file mixes encodings: most of it is UTF-8, some of it is not. Rows that cannot be read are left out and listed with the rejected ones.' });
    await member.post(`/imports/${body.id}/start`);
    expect(await ended(body.id)).toMatchObject({ created: 2, skipped: 2 });
    expect(await reasons(body.id)).toEqual([
      '2 The part before the @ may hold only unaccented letters, digits and common signs.', '4 name_mixed holds a character that cannot be read in this encoding. Save the whole file in one encoding, UTF-8 at best.',
    ]);
    expect(await people('%@mixed.example')).toMatchObject([{ custom: { name_mixed: 'Zoë Müller' } }, { custom: { name_mixed: 'Žižek' } }]);
    // Read another way it is a person's choice, and nothing is refused for it.
    const again = await upload(bytes);
    expect((await member.get(`/imports/${again.body.id}/preview?encoding=windows-1252`)).body).toMatchObject({ encoding: 'windows-1252', rows: [[expect.any(String), 'x'], ['ada@mixed.example', 'ZoÃ« MÃ¼ller'], ['bob@mixed.example', 'Zoë'], expect.anything()] });
  });

  test('half of a surrogate pair costs its row and not the file', async () => {
    const job = await run(Buffer.from('\ufeffemail,mood\nada@half.example,\ud83d\nbob@half.example,\ud83d\ude00\n', 'utf16le'));
    expect(job).toMatchObject({ state: 'completed', created: 1, skipped: 1 });
    expect(await people('%@half.example')).toMatchObject([{ email: 'bob@half.example', custom: { mood: '😀' } }]);
  });

  test('a cell of a million characters costs its row, quoted or not', async () => {
    const job = await run(`email,note_long\nbig@long.example,${'x'.repeat(1_000_000)}\nquoted@long.example,"${'y\n'.repeat(500_000)}"\nhuge@long.example,${'z'.repeat(1_200_000)}\nfine@long.example,ok\n`);
    expect(job).toMatchObject({ state: 'completed', rowsTotal: 4, created: 1, skipped: 3 });
    expect(await reasons(job.id)).toEqual(['2 note_long is longer than 10,000 characters (1,000,000).', '3 note_long is longer than 10,000 characters (999,999).', '500004 The row is longer than 1 MB.']);
  });

  test('a formula is a text like any other, and disarmed only in files for spreadsheets', async () => {
    const job = await run('email,note_formula\nada@formula.example,"=HYPERLINK(""http://evil.example"")"\n=cmd@formula.example,+1\n@nobody,-2\n');
    expect(job).toMatchObject({ created: 2, skipped: 1 });
    expect(await people('%@formula.example')).toMatchObject([{ email: '=cmd@formula.example' }, { custom: { note_formula: '=HYPERLINK("http://evil.example")' } }]);
    expect(await rejected(job.id)).toEqual([["'@nobody", "'-2", '4', 'Not an email address: expected a form like ada@example.com.']]);
  });

  test('five in a hundred bad addresses: every one is listed with its line, everybody else is in', async () => {
    const bad = ['plain', 'two@@signs.example', 'space in@five.example', '@nobody.example', 'no-domain@', 'dot.@five.example', 'x@-dash.example', 'ünïcode@five.example', `${'l'.repeat(65)}@five.example`, ''];
    const lines = Array.from({ length: 2_000 }, (_, i) => (i % 20 === 0 ? bad[(i / 20) % bad.length]! : `five${i}@five.example`));
    const job = await run(`email,shoe_size\n${lines.map((email, i) => `${email},${i}`).join('\n')}\n`);
    expect(job).toMatchObject({ rowsTotal: 2_000, rowsDone: 2_000, created: 1_900, skipped: 100 });
    const listed = await rejected(job.id);
    expect(listed.map((cells) => Number(cells[2]))).toEqual(Array.from({ length: 100 }, (_, i) => i * 20 + 2));
    expect(new Set(listed.map((cells) => cells[3])).size).toBeGreaterThan(4);
    expect(listed.every((cells) => /^[A-Z].*\.$/.test(cells[3]!))).toBe(true);
  });

  test('one address in two cases, and a domain in two spellings, are one person; the last row wins', async () => {
    const job = await run('email,first_name\nAda@CASE.example,First\nada@case.example,Second\nbob@bücher.case.example,Old\nBOB@xn--bcher-kva.case.example,New\n');
    expect(job).toMatchObject({ created: 2, updated: 0, skipped: 2 });
    expect(await people('%case.example')).toMatchObject([{ email: 'ada@case.example', first_name: 'Second' }, { email: 'BOB@xn--bcher-kva.case.example', first_name: 'New' }]);
    expect(await reasons(job.id)).toEqual(['2 The address comes again in line 3; the last row wins.', '4 The address comes again in line 5; the last row wins.']);
  });

  test('rows that are too long or too short for their header', async () => {
    const job = await run('email,a_short,b_short\nshort@width.example\nlong@width.example,1,2,3\nempty@width.example,1,2,,,\n\n   \n');
    expect(job).toMatchObject({ created: 2, skipped: 2 });
    expect(await reasons(job.id)).toEqual(['3 The row has 4 cells, the first line only 3.', '6 The email address is missing.']);
  });
});
