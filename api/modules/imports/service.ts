import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { ImportColumn, ImportKind } from '#domain/customer/import-columns.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { ImportJob } from '../../../infra/db/organization/entities/import-job.ts';
import { List } from '../../../infra/db/organization/entities/list.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import type { Encoding } from '../../../infra/imports/encoding.ts';
import { importFiles } from '../../../infra/imports/files.ts';
import { KEPT_DAYS } from '../../../infra/imports/retention.ts';
import { storeUpload } from '../../../infra/imports/store.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { previewFile, settleColumns, type Preview } from './preview.ts';
import { toImportView } from './views.ts';

export type ImportService = ReturnType<typeof createImportService>;

export interface UploadInput {
  readonly kind?: ImportKind;
  readonly fileName: string;
  readonly listId?: string | undefined;
  readonly listName?: string | undefined;
  readonly start: boolean;
}

/** How a person has the file read: what differs from the guess. */
export interface Choices {
  readonly encoding?: Encoding | undefined;
  readonly delimiter?: string | undefined;
}

export interface StartInput extends Choices {
  readonly columns?: readonly ImportColumn[] | undefined;
  readonly emptyCellsClear?: boolean | undefined;
}

/** Files of customers and of suppressed addresses: uploaded, looked at, started, followed. What runs is the import's workflow. */
export function createImportService(container: Pick<Container, 'tenants' | 'gateway' | 'config'>) {
  const { tenants, gateway, config } = container;
  const one = (em: EntityManager, id: string) => em.findOneOrFail(ImportJob, id, { failHandler: () => notFound('import') });

  async function views(em: EntityManager, orgId: string, jobs: readonly ImportJob[]) {
    const lists = await em.find(List, { id: jobs.flatMap((job) => job.listId ?? []) });
    return jobs.map((job) => toImportView(job, lists.find((list) => list.id === job.listId)?.name ?? null, gateway.workflowUrl(workflowIds.import(orgId, job.id))));
  }
  const shown = async ({ em, org }: Tenant, id: string) => {
    const fresh = em.fork();
    return (await views(fresh, org.id, [await one(fresh, id)]))[0]!;
  };

  function previewOf(tenant: Tenant, job: ImportJob, choices: Choices): Promise<Preview> {
    if (job.fileRemovedAt !== null) throw new AppError('conflict', 'The file of this import was removed. Upload it again.');
    const encoding = choices.encoding ?? job.options.encoding;
    const isAsStored = choices.encoding === undefined && choices.delimiter === undefined;
    return previewFile(tenant, job.kind, importFiles(config, tenant.org.id, job.id).source, job.options, { encoding, delimiter: isAsStored ? job.options.delimiter : choices.delimiter });
  }

  async function begin(tenant: Tenant, id: string, input: StartInput): Promise<void> {
    const job = await one(tenant.em, id);
    if (job.state !== 'uploaded') throw startedAlready();
    const preview = await previewOf(tenant, job, input);
    const options = { ...job.options, encoding: preview.encoding, delimiter: preview.delimiter, ...settleColumns(job.kind, preview.columns, input.columns), emptyCellsClear: input.emptyCellsClear ?? false };
    if ((await tenant.em.nativeUpdate(ImportJob, { id, state: 'uploaded' }, { state: 'queued', options })) === 0) throw startedAlready();
    try {
      await gateway.startImport({ orgId: tenant.org.id, importId: id });
    } catch (error) {
      await tenant.em.nativeUpdate(ImportJob, { id, state: 'queued' }, { state: 'uploaded' });
      throw error;
    }
  }

  return {
    /**
     * Stores the file as it streams in, reads how it is written, and starts the import when asked to.
     * @throws AppError `too_large`, `invalid` for what is no text, empty, or has no header line, `malformed` when the sender breaks off; then nothing is kept.
     * Columns that cannot be imported as they are guessed are `invalid` only when the import is to start at once
     */
    upload: (orgId: string, actor: string, body: Readable, input: UploadInput) => tenants.use(orgId, async (tenant) => {
      const id = newId();
      const kind = input.kind ?? 'customers';
      const files = importFiles(config, orgId, id);
      await mkdir(files.folder, { recursive: true });
      let preview: Preview;
      try {
        const sniffed = await storeUpload(body, files.source, config.FERMATA_UPLOAD_LIMIT_MB);
        preview = await previewFile(tenant, kind, files.source, sniffed, { encoding: sniffed.encoding });
        if (input.start) settleColumns(kind, preview.columns, undefined);
        const list = await targetList(tenant.sql, input);
        const { encoding, delimiter, columns } = preview;
        await tenant.em.persist(tenant.em.create(ImportJob, {
          id, kind, listId: list?.id ?? null, listName: list?.name ?? '', fileName: input.fileName, fileSize: (await stat(files.source)).size, state: 'uploaded', createdBy: actor,
          options: { encoding, delimiter, columns, isMixed: sniffed.isMixed, chosen: [], emptyCellsClear: false },
        })).flush();
      } catch (error) {
        await rm(files.source, { force: true });
        throw error;
      }
      if (input.start) await begin(tenant, id, {});
      return { ...(await shown(tenant, id)), preview };
    }),

    /** Newest first; ids are made in the order of time. */
    list: (orgId: string, query: ListQuery & { kind?: ImportKind | undefined }) => tenants.use(orgId, async ({ em }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.uuid()]));
      const wanted = query.kind === undefined ? {} : { kind: query.kind };
      const jobs = await em.find(ImportJob, { ...wanted, ...(after === null ? {} : { id: { $lt: after[0] } }) }, { orderBy: { id: 'desc' }, limit: query.limit + 1 });
      const shownById = new Map((await views(em, orgId, jobs)).map((view) => [view.id, view]));
      const page = toPage(jobs, query.limit, (job) => [job.id], (job) => shownById.get(job.id)!);
      return query.count === true ? { ...page, count: await em.count(ImportJob, wanted) } : page;
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, (tenant) => shown(tenant, id)),

    /** The file as it would be read with these choices. @throws AppError `conflict` when it was removed */
    preview: (orgId: string, id: string, choices: Choices) => tenants.use(orgId, async (tenant) => previewOf(tenant, await one(tenant.em, id), choices)),

    /** @throws AppError `conflict` when it was started already, `invalid` for columns that cannot be imported */
    start: (orgId: string, id: string, input: StartInput) => tenants.use(orgId, async (tenant) => {
      await begin(tenant, id, input);
      return shown(tenant, id);
    }),

    /** Stops an import; what is applied stays. Ended ones are left as they are. The file of one that never started goes at once. */
    cancel: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => {
      await one(tenant.em, id);
      const end = { state: 'cancelled', endedAt: new Date() } as const;
      if ((await tenant.em.nativeUpdate(ImportJob, { id, state: 'uploaded' }, { ...end, fileRemovedAt: end.endedAt })) > 0) await rm(importFiles(config, orgId, id).source, { force: true });
      else if ((await tenant.em.nativeUpdate(ImportJob, { id, state: ['queued', 'validating', 'running'] }, end)) > 0) await gateway.cancelImport({ orgId, importId: id });
      return shown(tenant, id);
    }),

    /** The rejected rows as a file, with its name. @throws AppError `not_found` when there are none yet or any more */
    rejected: (orgId: string, id: string) => tenants.use(orgId, async ({ em }) => {
      const job = await one(em, id);
      const { rejected } = importFiles(config, orgId, id);
      const found = job.fileRemovedAt === null ? await stat(rejected).catch(() => null) : null;
      if (found === null) throw new AppError('not_found', job.fileRemovedAt === null ? 'There are no rejected rows to download yet.' : `Files are kept for ${KEPT_DAYS} days. This one and its rejected rows were removed.`);
      return { fileName: `${job.fileName.replace(/\.[^.]*$/, '')}-rejected.csv`, size: found.size, stream: createReadStream(rejected) };
    }),
  };
}

function startedAlready(): AppError {
  return new AppError('conflict', 'This import was started already.');
}

async function targetList(sql: Sql, input: { listId?: string | undefined; listName?: string | undefined }): Promise<{ id: string; name: string } | null> {
  if (input.listId !== undefined) {
    const list = await sql.first<{ id: string; name: string }>('select id, name from list where id = $1', [input.listId]);
    if (list === undefined) throw refuse('listId', 'This list does not exist.');
    return list;
  }
  const name = input.listName?.trim() ?? '';
  if (name === '') return null;
  await sql.run('insert into list (id, name) values ($1, $2) on conflict do nothing', [newId(), name]);
  return (await sql.first<{ id: string; name: string }>('select id, name from list where lower(name) = lower($1)', [name])) ?? null;
}
