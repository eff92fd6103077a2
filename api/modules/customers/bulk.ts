import type { Readable } from 'node:stream';
import { z } from 'zod';
import { allows, type Role } from '#domain/access.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { addressFile, storeAddresses } from '../../../infra/customers/address-file.ts';
import type { BulkOptions } from '../../../infra/customers/bulk-job.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import type { Actor } from '../../http/route.ts';
import { BULK, toBulkView, type BulkAction, type BulkRecord } from './bulk-views.ts';
import { readFilter, type FilterInput } from './filter.ts';

export type BulkService = ReturnType<typeof createBulkService>;

export interface BulkRequest {
  readonly action: BulkAction;
  readonly listId?: string | undefined;
  readonly neverMail?: boolean | undefined;
  readonly note?: string | undefined;
  readonly selection: { readonly ids: readonly number[] } | { readonly filter: FilterInput };
}

const takesList: ReadonlySet<BulkAction> = new Set(['add_to_list', 'remove_from_list']);

/** One action over many customers: a row says what is wanted, a workflow does it. */
export function createBulkService(container: Pick<Container, 'tenants' | 'gateway' | 'config' | 'logger'>) {
  const { tenants, gateway, config, logger } = container;
  const urlOf = (orgId: string, id: string) => gateway.workflowUrl(workflowIds.bulk(orgId, id));
  const shown = async (sql: Sql, orgId: string, id: string) => {
    const row = await sql.first<BulkRecord>(`${BULK} where id = $1`, [id]);
    if (row === undefined) throw notFound('action');
    return toBulkView(row, urlOf(orgId, id));
  };

  /** Writes the job and starts it. The row says what is to be done: without this start the sweep begins it within a minute. */
  async function begin(sql: Sql, orgId: string, id: string, action: BulkAction, options: BulkOptions, actor: string) {
    await sql.transaction(async (tx) => {
      await tx.run('insert into bulk_job (id, action, options, created_by) values ($1, $2, $3, $4)', [id, action, JSON.stringify(options), actor]);
      await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'customers.bulk', $2, jsonb_build_object('action', $3::text))`, [actor, `bulk ${id}`, action]);
    });
    await gateway.startBulk({ orgId, bulkId: id }).catch((error: unknown) => logger.warn({ err: error, orgId }, 'a bulk action waits for the sweep'));
    return shown(sql, orgId, id);
  }

  return {
    /** @throws AppError `forbidden` when the role may not erase, `invalid` for a list, segment or rule that cannot be used */
    start: (orgId: string, by: { readonly role: Role; readonly actor: Actor }, input: BulkRequest) => tenants.use(orgId, async (tenant) => {
      if (input.action === 'erase') refuseWithoutRight(by.role);
      if (takesList.has(input.action) !== (input.listId !== undefined)) throw refuse('listId', takesList.has(input.action) ? 'Choose a list.' : 'This action takes no list. Leave it out.');
      if (input.neverMail !== undefined && input.action !== 'erase') throw refuse('neverMail', 'Only erasing takes this. Leave it out.');
      if (input.note !== undefined && input.action !== 'suppress') throw refuse('note', 'Only suppressing takes a note. Leave it out.');
      const list = input.listId === undefined ? undefined : await tenant.sql.first<{ id: string; name: string }>('select id::text, name from list where id = $1', [input.listId]);
      if (input.listId !== undefined && list === undefined) throw refuse('listId', 'This list does not exist.');
      const options: BulkOptions = {
        source: by.actor.kind === 'user' ? 'manual' : 'api',
        ...(list === undefined ? {} : { list }),
        ...(input.neverMail === undefined ? {} : { neverMail: input.neverMail }),
        ...(input.note === undefined || input.note === '' ? {} : { note: input.note }),
        selection: 'ids' in input.selection ? { ids: [...new Set(input.selection.ids)] } : { filter: await readFilter(tenant, input.selection.filter, 'selection.filter') },
      };
      return begin(tenant.sql, orgId, newId(), input.action, options, by.actor.name);
    }),

    /** Keeps the file until its addresses are read. @throws AppError `invalid` for what holds no addresses, `too_large` */
    eraseFile: (orgId: string, actor: Actor, body: Readable, neverMail: boolean) => tenants.use(orgId, async ({ sql }) => {
      const id = newId();
      const file = addressFile(config, orgId, id);
      await file.make();
      try {
        const reading = await storeAddresses(body, file.path, config.FERMATA_UPLOAD_LIMIT_MB);
        return await begin(sql, orgId, id, 'erase', { source: actor.kind === 'user' ? 'manual' : 'api', neverMail, selection: { file: reading } }, actor.name);
      } catch (error) {
        const kept = await sql.first('select 1 as kept from bulk_job where id = $1', [id]).catch(() => ({ kept: 1 }));
        if (kept === undefined) await file.remove();
        throw error;
      }
    }),

    list: (orgId: string, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.uuid()]));
      const rows = await sql.rows<BulkRecord>(`${BULK} where $1::uuid is null or id < $1::uuid order by id desc limit $2`, [after?.[0] ?? null, query.limit + 1]);
      const count = query.count === true ? { count: (await sql.first<{ n: number }>('select count(*) as n from bulk_job'))!.n } : {};
      return { ...toPage(rows, query.limit, (row) => [row.id], (row) => toBulkView(row, urlOf(orgId, row.id))), ...count };
    }),

    get: (orgId: string, id: string) => tenants.use(orgId, ({ sql }) => shown(sql, orgId, id)),

    /** Stops it; what is done stays. Ended ones are left as they are. */
    cancel: (orgId: string, role: Role, id: string) => tenants.use(orgId, async ({ sql }) => {
      if ((await shown(sql, orgId, id)).action === 'erase') refuseWithoutRight(role);
      await sql.run(`update bulk_job set state = 'cancelled', ended_at = now() where id = $1 and state in ('queued', 'collecting', 'running')`, [id]);
      await gateway.cancelBulk({ orgId, bulkId: id });
      return shown(sql, orgId, id);
    }),
  };
}

function refuseWithoutRight(role: Role): void {
  if (!allows(role, 'customers.erase')) throw new AppError('forbidden', `Your role (${role}) does not allow erasing customers. Ask an owner or admin.`);
}
