import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { allows, type Role } from '#domain/access.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { columnsOf } from '../../../infra/exports/columns.ts';
import { exportKinds, type ExportKind, type ExportOptions } from '../../../infra/exports/export-job.ts';
import { exportFiles, EXPORT_KEPT_DAYS } from '../../../infra/exports/files.ts';
import { dayRange } from '../../../infra/reports/organization.ts';
import type { RecipientFilter } from '../../../infra/reports/recipients.ts';
import { newId } from '../../../infra/ids.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { covers, type Identity } from '../../http/session.ts';
import { isEverybody, readFilter, type FilterInput } from '../customers/filter.ts';
import { EXPORT, kinds, toExportView, type ExportRecord } from './views.ts';

export type ExportService = ReturnType<typeof createExportService>;

export interface ExportRequest {
  readonly kind: ExportKind;
  readonly listId?: string | undefined;
  readonly segmentId?: string | undefined;
  readonly campaignId?: string | undefined;
  readonly filter?: FilterInput | undefined;
  readonly ids?: readonly number[] | undefined;
  readonly recipients?: RecipientFilter | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly raw: boolean;
}

/** Who asks; what she may not export is not there for her. */
interface Asker extends Pick<Identity, 'scopes'> {
  readonly role: Role;
}

const hasScope = ({ scopes }: Asker, kind: ExportKind) => scopes === null || covers(scopes, exportKinds[kind].scope);
const mayExport = (by: Asker, kind: ExportKind) => allows(by.role, exportKinds[kind].capability) && hasScope(by, kind);

type Subject = 'listId' | 'segmentId' | 'campaignId' | 'from' | 'to' | 'filter' | 'ids' | 'recipients';
const subjects: readonly Subject[] = ['listId', 'segmentId', 'campaignId', 'from', 'to', 'filter', 'ids', 'recipients'];
const ofCampaign = { needs: ['campaignId'], takes: [] } as const;
const overDays = { needs: ['from', 'to'], takes: [] } as const;

/** What each kind is about: `needs` must be given, `takes` may. */
const about: Record<ExportKind, { readonly needs?: readonly Subject[]; readonly takes: readonly Subject[] }> = {
  customers: { takes: ['filter', 'ids'] }, list: { needs: ['listId'], takes: [] }, segment: { needs: ['segmentId'], takes: [] },
  suppressions: { takes: [] }, events: { takes: ['campaignId'] }, recipients: { needs: ['campaignId'], takes: ['recipients'] },
  campaign_summary: ofCampaign, campaign_reasons: ofCampaign, campaign_timeline: ofCampaign, campaign_links: ofCampaign, campaign_geography: ofCampaign, campaign_clients: ofCampaign, campaign_domains: ofCampaign, certificate: ofCampaign,
  report_days: overDays, report_campaigns: overDays, report_domains: overDays, report_connections: overDays,
};

/** Files of people, reports and suppressions: a row says what is wanted, a workflow writes the file. */
export function createExportService(container: Pick<Container, 'tenants' | 'gateway' | 'config' | 'logger'>) {
  const { tenants, gateway, config, logger } = container;
  const view = (orgId: string, row: ExportRecord) => toExportView(row, EXPORT_KEPT_DAYS, gateway.workflowUrl(workflowIds.export(orgId, row.id)));
  const one = async (sql: Sql, by: Asker, id: string) => {
    const row = await sql.first<ExportRecord>(`${EXPORT} where id = $1`, [id]);
    if (row === undefined || !mayExport(by, row.kind)) throw notFound('export');
    return row;
  };

  return {
    /** @throws AppError `forbidden` by role, scopes and kind, `invalid` for what does not exist or does not belong to the kind */
    start: (orgId: string, by: Asker & { readonly name: string }, input: ExportRequest) => tenants.use(orgId, async (tenant) => {
      if (!allows(by.role, exportKinds[input.kind].capability)) throw new AppError('forbidden', `Your role (${by.role}) does not allow this export. Ask an owner or admin.`);
      if (!hasScope(by, input.kind)) throw new AppError('forbidden', `This API key lacks the scope ${exportKinds[input.kind].scope}.`);
      const { title, options } = await readRequest(tenant, input);
      const id = newId();
      await tenant.sql.transaction(async (tx) => {
        await tx.run('insert into export_job (id, kind, title, options, created_by) values ($1, $2, $3, $4, $5)', [id, input.kind, title, JSON.stringify(options), by.name]);
        await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'export.started', $2, jsonb_build_object('kind', $3::text))`, [by.name, `export ${id}`, input.kind]);
      });
      // The row says what is to be done: without this start the sweep begins it within a minute.
      await gateway.startExport({ orgId, exportId: id }).catch((error: unknown) => logger.warn({ err: error, orgId }, 'an export waits for the sweep'));
      return view(orgId, await one(tenant.sql, by, id));
    }),

    list: (orgId: string, by: Asker, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      const allowed = kinds.filter((kind) => mayExport(by, kind));
      const after = decodeCursor(query.cursor, z.tuple([z.uuid()]));
      const rows = await sql.rows<ExportRecord>(`${EXPORT} where kind = any($1) and ($2::uuid is null or id < $2::uuid) order by id desc limit $3`, [allowed, after?.[0] ?? null, query.limit + 1]);
      const count = query.count === true ? { count: (await sql.first<{ n: number }>('select count(*) as n from export_job where kind = any($1)', [allowed]))!.n } : {};
      return { ...toPage(rows, query.limit, (row) => [row.id], (row) => view(orgId, row)), ...count };
    }),

    get: (orgId: string, by: Asker, id: string) => tenants.use(orgId, async ({ sql }) => view(orgId, await one(sql, by, id))),

    /** Stops it, with nothing kept. Ended ones are left as they are. */
    cancel: (orgId: string, by: Asker, id: string) => tenants.use(orgId, async ({ sql }) => {
      await one(sql, by, id);
      await sql.run(`update export_job set state = 'cancelled', ended_at = now() where id = $1 and state in ('queued', 'running')`, [id]);
      await gateway.cancelExport({ orgId, exportId: id });
      return view(orgId, await one(sql, by, id));
    }),

    /** The file with its name. @throws AppError `not_found` while it is not written and when it is gone */
    file: (orgId: string, by: Asker, id: string) => tenants.use(orgId, async ({ sql }) => {
      const row = await one(sql, by, id);
      const path = exportFiles(config, orgId).file(id);
      const found = row.state === 'completed' && row.fileRemovedAt === null ? await stat(path).catch(() => null) : null;
      if (found === null) throw new AppError('not_found', row.state === 'completed' ? 'The file of this export is gone. Export again.' : 'There is no file of this export yet.');
      return { fileName: view(orgId, row).fileName, size: found.size, stream: createReadStream(path) };
    }),
  };
}

async function readRequest(tenant: Tenant, input: ExportRequest): Promise<{ title: string; options: ExportOptions }> {
  const { needs = [], takes } = about[input.kind];
  for (const field of subjects) {
    if (needs.includes(field) && input[field] === undefined) throw refuse(field, `An export of this kind needs ${field}.`);
    if (!needs.includes(field) && !takes.includes(field) && input[field] !== undefined) throw refuse(field, `An export of the kind ${input.kind} takes no ${field}. Leave it out.`);
  }
  if (input.filter !== undefined && input.ids !== undefined) throw refuse('ids', 'Choose customers by a filter or one by one, not both.');
  if (input.from !== undefined && input.to !== undefined) dayRange(input.from, input.to, tenant.org.timezone);
  const known = columnsOf(input.kind, (await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing order by field_no')).map((field) => field.key));
  const unknown = (input.columns ?? []).findIndex((column) => !known.own.includes(column) && !known.extra.includes(column));
  if (unknown !== -1) throw refuse(`columns[${unknown}]`, `There is no column ${input.columns![unknown]!} in this export.`);
  const filter = input.filter === undefined ? undefined : await readFilter(tenant, input.filter, 'filter');
  const options: ExportOptions = {
    raw: input.raw,
    ...(input.listId === undefined ? {} : { listId: input.listId.toLowerCase() }), ...(input.segmentId === undefined ? {} : { segmentId: input.segmentId.toLowerCase() }),
    ...(input.campaignId === undefined ? {} : { campaignId: input.campaignId.toLowerCase() }),
    ...(filter === undefined || isEverybody(filter) ? {} : { filter }),
    ...(input.recipients === undefined || Object.keys(input.recipients).length === 0 ? {} : { recipients: input.recipients }),
    ...(input.ids === undefined ? {} : { ids: [...new Set(input.ids)] }),
    ...(input.from === undefined || input.to === undefined ? {} : { from: input.from, to: input.to }),
    ...(input.columns === undefined ? {} : { columns: [...new Set(input.columns)] }),
  };
  return { title: await titleOf(tenant, input.kind, options), options };
}

async function titleOf({ sql }: Tenant, kind: ExportKind, { listId, segmentId, campaignId, recipients, filter, ids, from, to }: ExportOptions): Promise<string> {
  const name = async (table: 'list' | 'segment' | 'campaign', field: string, id: string) => {
    const row = await sql.first<{ name: string }>(`select name from ${table} where id = $1`, [id]);
    if (row === undefined) throw refuse(field, `This ${table} does not exist.`);
    return row.name;
  };
  if (listId !== undefined) return `List ${await name('list', 'listId', listId)}`;
  if (segmentId !== undefined) return `Segment ${await name('segment', 'segmentId', segmentId)}`;
  if (campaignId !== undefined) return `${recipients === undefined ? titles[kind] : 'Filtered recipients'} of ${await name('campaign', 'campaignId', campaignId)}`;
  if (from !== undefined && to !== undefined) return `${titles[kind]} ${from} to ${to}`;
  if (kind === 'customers') return ids !== undefined ? 'Chosen customers' : filter === undefined ? 'All customers' : 'Filtered customers';
  return titles[kind];
}

const titles: Record<ExportKind, string> = {
  customers: 'Customers', suppressions: 'Suppressions', events: 'Events', list: 'List', segment: 'Segment', recipients: 'Recipients',
  campaign_summary: 'Report', campaign_reasons: 'Reasons', campaign_timeline: 'Timeline', campaign_links: 'Links', campaign_geography: 'Geography', campaign_clients: 'Clients', campaign_domains: 'Domains', certificate: 'Certificate',
  report_days: 'Days', report_campaigns: 'Campaigns', report_domains: 'Domains', report_connections: 'Connections',
};
