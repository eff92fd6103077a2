import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { columnNotes, columnProblems, guessColumns, type ImportColumn } from '#domain/customer/import-columns.ts';
import { AppError, notFound, refuse, type FieldError } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import { importFiles, readHead, type Encoding } from '../../../infra/imports/files.ts';
import { storeUpload } from '../../../infra/imports/store.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readCatalogue } from '../../../search/catalogue.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { IMPORT, toImportView, type ImportRecord } from './views.ts';

export type ImportService = ReturnType<typeof createImportService>;

interface Preview {
  readonly encoding: Encoding;
  readonly delimiter: string;
  readonly header: string[];
  readonly columns: ImportColumn[];
  readonly rows: string[][];
  readonly problems: FieldError[];
}

const PREVIEW_ROWS = 20;
/** The types shown are guessed from these; the import looks at every value. */
const GUESS_ROWS = 500;

export function createImportService(container: Pick<Container, 'tenants' | 'gateway' | 'config'>) {
  const { tenants, gateway, config } = container;
  const urlOf = (orgId: string, id: string) => gateway.workflowUrl(workflowIds.import(orgId, id));
  const one = async (sql: Sql, id: string) => {
    const row = await sql.first<ImportRecord>(`${IMPORT} where j.id = $1`, [id]);
    if (row === undefined) throw notFound('import');
    return row;
  };
  const shown = async (sql: Sql, orgId: string, id: string) => toImportView(await one(sql, id), urlOf(orgId, id));

  async function begin(tenant: Tenant, id: string, input: { columns?: ImportColumn[] | undefined; emptyCellsClear?: boolean | undefined }) {
    const job = await tenant.sql.first<{ options: Preview & { emptyCellsClear: boolean } }>('select options from import_job where id = $1', [id]);
    if (job === undefined) throw notFound('import');
    const guessed = job.options.columns;
    const columns = input.columns ?? guessed;
    if (columns.length !== guessed.length) throw refuse('columns', `The file has ${guessed.length} columns; ${columns.length} were given.`);
    const problems = columnProblems(columns);
    if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
    // A type that differs from the guess is a person's choice; the others are inferred over all values.
    const chosen = columns.filter((column, i) => column.target.startsWith('custom:') && column.type !== guessed[i]!.type).map((column) => column.target.slice('custom:'.length));
    const options = {
      encoding: job.options.encoding, delimiter: job.options.delimiter, rows: job.options.rows, header: job.options.header, problems: job.options.problems, chosen, emptyCellsClear: input.emptyCellsClear ?? false,
      columns: columns.map((column, i) => ({ ...column, header: guessed[i]!.header })),
    };
    const moved = await tenant.sql.run(`update import_job set state = 'queued', options = $2 where id = $1 and state = 'uploaded'`, [id, JSON.stringify(options)]);
    if (moved === 0) throw new AppError('conflict', 'This import was started already.');
    try {
      await gateway.startImport({ orgId: tenant.org.id, importId: id });
    } catch (error) {
      await tenant.sql.run(`update import_job set state = 'uploaded' where id = $1 and state = 'queued'`, [id]);
      throw error;
    }
  }

  return {
    /**
     * Stores the file as it streams in, reads how it is written, and starts the import when asked to.
     * @throws AppError `too_large`, `invalid` for what is no text, empty, or has columns that cannot be imported, `malformed` when the sender breaks off; then nothing is kept
     */
    upload: (orgId: string, actor: string, body: Readable, input: { fileName: string; listId?: string | undefined; listName?: string | undefined; start: boolean }) => tenants.use(orgId, async (tenant) => {
      const id = newId();
      const files = importFiles(config, orgId, id);
      await mkdir(files.folder, { recursive: true });
      try {
        const encoding = await storeUpload(body, files.source, config.FERMATA_UPLOAD_LIMIT_MB);
        const preview = await look(tenant, files.source, encoding);
        const list = await targetList(tenant.sql, input);
        await tenant.sql.run(
          `insert into import_job (id, list_id, list_name, file_name, file_size, options, state, created_by) values ($1, $2, $3, $4, $5, $6, 'uploaded', $7)`,
          [id, list?.id ?? null, list?.name ?? '', input.fileName, (await stat(files.source)).size, JSON.stringify({ ...preview, emptyCellsClear: false, chosen: [] }), actor]);
        if (input.start) await begin(tenant, id, {});
        return { ...(await shown(tenant.sql, orgId, id)), preview };
      } catch (error) {
        const kept = await tenant.sql.first('select 1 as kept from import_job where id = $1', [id]).catch(() => ({ kept: 1 }));
        if (kept === undefined) await rm(files.source, { force: true });
        throw error;
      }
    }),

    list: (orgId: string, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string(), z.string()]));
      const rows = await sql.rows<ImportRecord>(
        `${IMPORT} where ($1::timestamptz is null or (date_trunc('milliseconds', j.created_at), j.id) < ($1, $2::uuid)) order by date_trunc('milliseconds', j.created_at) desc, j.id desc limit $3`,
        [after?.[0] ?? null, after?.[1] ?? null, query.limit + 1]);
      const count = query.count === true ? (await sql.first<{ n: number }>('select count(*) as n from import_job'))!.n : undefined;
      return { ...toPage(rows, query.limit, (row) => [row.createdAt.toISOString(), row.id], (row) => toImportView(row, urlOf(orgId, row.id))), ...(count === undefined ? {} : { count }) };
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, ({ sql }) => shown(sql, orgId, id)),

    preview: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      const job = await sql.first<{ options: Preview }>('select options from import_job where id = $1', [id]);
      if (job === undefined) throw notFound('import');
      const { encoding, delimiter, header, columns, rows, problems } = job.options;
      return { encoding, delimiter, header, columns, rows, problems };
    }),

    start: (orgId: string, id: string, input: { columns?: ImportColumn[] | undefined; emptyCellsClear?: boolean | undefined }) => tenants.use(orgId, async (tenant) => {
      await begin(tenant, id, input);
      return shown(tenant.sql, orgId, id);
    }),

    /** Stops an import; what is applied stays. Ended ones are left as they are. */
    cancel: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      await one(sql, id);
      await sql.run(`update import_job set state = 'cancelled', ended_at = now() where id = $1 and state in ('uploaded', 'queued', 'validating', 'running')`, [id]);
      await gateway.cancelImport({ orgId, importId: id });
      return shown(sql, orgId, id);
    }),

    /** The rejected rows as a file, with its name. @throws AppError `not_found` when there are none yet */
    rejected: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      const job = await one(sql, id);
      const { rejected } = importFiles(config, orgId, id);
      const found = await stat(rejected).catch(() => null);
      if (found === null) throw new AppError('not_found', 'There are no rejected rows to download yet.');
      return { fileName: `${job.fileName.replace(/\.[^.]*$/, '')}-rejected.csv`, size: found.size, stream: createReadStream(rejected) };
    }),
  };
}

async function look(tenant: Tenant, path: string, encoding: Encoding): Promise<Preview> {
  const { delimiter, records } = await readHead(path, encoding, GUESS_ROWS);
  const head = records[0];
  if (head === undefined) throw refuse('file', 'The file is empty. Choose a CSV file with a header line.');
  if (head.problem !== undefined) throw refuse('file', `The header line cannot be read. ${head.problem}`);
  const header = head.cells.map((cell) => cell.trim());
  const rows = records.slice(1).filter((record) => record.problem === undefined).map((record) => [...record.cells]);
  const catalogue = await readCatalogue(tenant);
  const columns = guessColumns(header, rows, catalogue);
  const problems = columnProblems(columns);
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  return { encoding, delimiter, header, columns, rows: rows.slice(0, PREVIEW_ROWS).map((row) => row.map((cell) => cell.slice(0, 200))), problems: columnNotes(columns, catalogue) };
}

async function targetList(sql: Sql, input: { listId?: string | undefined; listName?: string | undefined }): Promise<{ id: string; name: string } | null> {
  if (input.listId !== undefined) {
    const list = await sql.first<{ id: string; name: string }>('select id, name from list where id = $1', [input.listId]);
    if (list === undefined) throw refuse('listId', 'This list does not exist.');
    return list;
  }
  const name = input.listName?.trim() ?? '';
  if (name === '') return null;
  const made = await sql.first<{ id: string; name: string }>(
    `with made as (insert into list (id, name) values ($1, $2) on conflict (lower(name)) do nothing returning id, name)
     select id, name from made union all select id, name from list where lower(name) = lower($2) limit 1`, [newId(), name]);
  return made ?? null;
}
