import type { EntityManager } from '@mikro-orm/postgresql';
import type { Role } from '#domain/access.ts';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { isFinal, type CampaignState } from '#domain/campaign/status.ts';
import { isOfCampaign, type CampaignTarget, type CampaignTargetKind } from '#domain/campaign/targets.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Campaign } from '../../../infra/db/organization/entities/campaign.ts';
import { Connection } from '../../../infra/db/organization/entities/connection.ts';
import { newId } from '../../../infra/ids.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import type { EstimateLine } from '../../../search/audience.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { readSendingSettings } from '../organization/sending.ts';
import { JOURNEY_USES } from '../journeys/uses.ts';
import { holdAll, namesOf, refuseInUse } from '../segments/uses.ts';
import { estimate, examples } from './estimate.ts';
import type { CampaignLifecycle } from './lifecycle.ts';
import { orderOf, type CampaignOrder } from './order.ts';
import { CAMPAIGN_ROWS } from './queries.ts';
import type { CampaignReader } from './reader.ts';
import type { CampaignRowRecord } from './views.ts';

/** What a draft's author writes, and a copy takes along. */
type Draft = Pick<Campaign, 'subject' | 'preheader' | 'fromName' | 'fromEmail' | 'replyTo' | 'html' | 'text' | 'targets' | 'delivery' | 'experiment' | 'tracking' | 'utm'>;
export type CampaignEdit = { readonly [Field in keyof Draft]?: Draft[Field] | undefined } & { readonly name?: string | undefined; readonly version?: number | undefined };

/** Nobody can have failed in these, or left them unopened. */
const notSent: ReadonlySet<CampaignState> = new Set(['draft', 'scheduled']);

export type CampaignService = ReturnType<typeof createCampaignService>;

/** Campaigns as people write, copy, file and look at them. What moves them is in the lifecycle. */
export function createCampaignService({ tenants }: Pick<Container, 'tenants'>, reader: CampaignReader, lifecycle: Pick<CampaignLifecycle, 'command'>) {
  const { find, view } = reader;

  /** Lists and segments named stay until the transaction ends; campaigns that were sent stay anyway. @throws AppError `invalid` naming each that is not there */
  async function holdTargets(tx: EntityManager, targets: readonly CampaignTarget[]): Promise<void> {
    const of = (kind: 'list' | 'segment') => targets.filter((target) => target.kind === kind).map((target) => target.id);
    const sent = await tx.find(Campaign, { id: { $in: targets.filter(isOfCampaign).map((target) => target.id) }, state: { $nin: [...notSent] } }, { fields: ['id'] });
    const ids = new Set([...(await holdAll(tx, 'list', 'id', of('list'))), ...(await holdAll(tx, 'segment', 'id', of('segment'))), ...sent.map((campaign) => campaign.id)]);
    const sentence = (target: CampaignTarget) => (isOfCampaign(target) ? 'There is no campaign that was sent by this id. Choose another.' : `This ${target.kind} does not exist. Choose another.`);
    const missing = targets.flatMap((target, i) => (ids.has(target.id.toLowerCase()) ? [] : [{ field: `targets[${i}].id`, message: sentence(target) }]));
    if (missing[0] !== undefined) throw new AppError('invalid', missing[0].message, missing);
  }

  /** Connections named stay until the transaction ends. @throws AppError `invalid` naming each that is not there */
  async function holdConnections(tx: EntityManager, connections: Draft['delivery']['connections']): Promise<void> {
    const known = new Set(await holdAll(tx, 'connection', 'id', connections.map((share) => share.id)));
    const missing = connections.flatMap(({ id }, i) => (known.has(id) ? [] : [{ field: `delivery.connections[${i}].id`, message: 'This connection does not exist. Choose another.' }]));
    if (missing[0] !== undefined) throw new AppError('invalid', missing[0].message, missing);
  }

  async function insert(tenant: Tenant, name: string, createdBy: string, draft: Partial<Draft>): Promise<string> {
    const id = newId();
    await tenant.em.transactional(async (tx) => {
      const [mail] = await tx.execute<[{ no: number }]>("insert into mail (kind, ref_id) values ('campaign', ?) returning no", [id]);
      tx.create(Campaign, { id, mailNo: mail.no, name, createdBy, ...draft });
    });
    return id;
  }

  /** @returns the draft as it was saved, or undefined when it must be taken off its schedule first @throws AppError `conflict` when it cannot be edited or somebody else saved in between */
  const save = (orgId: string, id: string, { version, ...edit }: CampaignEdit) => tenants.use(orgId, async (tenant) => {
    const touched = await tenant.em.transactional(async (tx) => {
      if (edit.targets !== undefined) await holdTargets(tx, edit.targets);
      if (edit.delivery !== undefined) await holdConnections(tx, edit.delivery.connections);
      return tx.nativeUpdate(Campaign, { id, state: 'draft', ...given({ version }) }, { ...given(edit), updatedAt: new Date() });
    });
    const campaign = await find(tenant, id);
    if (touched > 0) return campaign;
    if (campaign.state !== 'draft' && campaign.state !== 'scheduled') throw new AppError('conflict', `A campaign that is ${campaign.state} cannot be edited.`);
    if (campaign.state === 'draft' || (version !== undefined && version !== campaign.version)) throw new AppError('conflict', 'Somebody else saved this campaign meanwhile. Load it again.');
    return undefined;
  });

  return {
    list: (orgId: string, role: Role, query: ListQuery & { state?: string | undefined; search?: string | undefined; archived?: boolean | undefined; sort?: CampaignOrder | undefined }) =>
      tenants.use(orgId, async ({ sql }) => {
        const sort = query.sort ?? 'newest';
        const order = orderOf(sort);
        const at = decodeCursor(query.cursor, order.cursor);
        const where = `($1::text is null or c.state = any(string_to_array($1, ','))) and ($2::text is null or c.name ilike $2 or c.subject ilike $2) and (c.archived_at is not null) = $3`;
        const pattern = query.search === undefined || query.search === '' ? null : `%${query.search.replaceAll(/[\\%_]/g, '\\$&')}%`;
        const filter = [query.state ?? null, pattern, query.archived ?? false];
        const rows = await sql.rows<CampaignRowRecord & { key: string }>(
          `select q.*, ${order.key} as key from (${CAMPAIGN_ROWS} where ${where}) q where ${order.after} order by ${order.by} limit $6`,
          [...filter, at?.[1] ?? null, at?.[2] ?? null, query.limit + 1],
        );
        const page = toPage(rows, query.limit, (row) => [sort, row.key, row.id], (row) => reader.row(orgId, row, role));
        if (query.count !== true) return page;
        const counted = await sql.first<{ count: number }>(`select count(*)::int as count from campaign c where ${where}`, filter);
        return { ...page, count: counted?.count ?? 0 };
      }),

    /** A draft with the sender of the oldest connection that is enabled and the organization's tracking defaults. */
    create: (orgId: string, role: Role, actor: string, name: string) =>
      tenants.use(orgId, async (tenant) => {
        const connection = await tenant.em.findOne(Connection, { enabled: true }, { orderBy: { createdAt: 'asc' } });
        const sender = connection === null ? {} : { delivery: singleDelivery(connection.id), fromName: connection.fromName ?? '', fromEmail: connection.fromEmail ?? '' };
        const { tracking: { opens, clicks, utm } } = await readSendingSettings(tenant.sql);
        return view(orgId, await find(tenant, await insert(tenant, name, actor, { ...sender, tracking: { opens, clicks }, utm: utm ? {} : { off: 'true' } })), role);
      }),

    get: (orgId: string, role: Role, id: string) => tenants.use(orgId, async (tenant) => view(orgId, await find(tenant, id), role)),

    /** One that waits for its time becomes a draft again with it. @throws AppError `conflict` when it was launched or somebody else saved in between */
    edit: async (orgId: string, role: Role, id: string, edit: CampaignEdit, actor: string | null = null) => {
      const saved = await save(orgId, id, edit);
      if (saved !== undefined) return view(orgId, saved, role);
      const { version } = await lifecycle.command(orgId, role, id, 'unschedule', actor);
      const draft = await save(orgId, id, { ...edit, version });
      if (draft === undefined) throw new AppError('conflict', 'This campaign was scheduled again at this moment. Load it again.');
      return view(orgId, draft, role);
    },

    remove: (orgId: string, id: string): Promise<void> =>
      tenants.use(orgId, async (tenant) => {
        const campaign = await find(tenant, id);
        await tenant.em.transactional(async (tx) => {
          // Whoever begins to wait for it waits for this lock, and finds it gone.
          const [held] = await tx.execute<{ state: string }[]>('select state from campaign where id = ? for update', [id]);
          if (held === undefined) throw notFound('campaign');
          refuseInUse('campaign', namesOf(await tx.execute<{ kind: 'journey'; name: string }[]>(`select 'journey' as kind, name from (${JOURNEY_USES} and u.used = ?) journeys order by lower(name)`, [id.toLowerCase()])));
          if (held.state !== 'draft') throw new AppError('conflict', `Only drafts can be deleted; this campaign is ${held.state}.`);
          await tx.nativeDelete(Campaign, { id });
          await tx.execute('delete from mail where no = ?', [campaign.mailNo]);
        });
      }),

    checks: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => reader.checks(tenant, await find(tenant, id))),
    estimate: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => estimate(tenant, (await find(tenant, id)).targets)),
    /** Up to 20 people of a line of the estimate, newest first. */
    examples: (orgId: string, id: string, line: EstimateLine) => tenants.use(orgId, async (tenant) => ({ data: await examples(tenant, (await find(tenant, id)).targets, line) })),

    /** Hides an ended campaign, or shows it again. */
    archive: (orgId: string, role: Role, id: string, isArchived: boolean) =>
      tenants.use(orgId, async (tenant) => {
        const campaign = await find(tenant, id);
        if (isArchived && !isFinal(campaign.state)) throw new AppError('conflict', `A campaign that is ${campaign.state} cannot be archived.`);
        await tenant.em.nativeUpdate(Campaign, id, { archivedAt: isArchived ? (campaign.archivedAt ?? new Date()) : null, updatedAt: new Date() });
        return view(orgId, await find(tenant, id), role);
      }),

    /**
     * Copies all but schedule, state and numbers.
     * @param only the copy goes to these of its recipients alone; whom it excludes stays excluded
     * @throws AppError `conflict` for such a copy of what was not sent
     */
    duplicate: (orgId: string, role: Role, actor: string, id: string, only: CampaignTargetKind | null = null) =>
      tenants.use(orgId, async (tenant) => {
        const { name, subject, preheader, fromName, fromEmail, replyTo, html, text, delivery, experiment, tracking, utm, ...original } = await find(tenant, id);
        if (only !== null && notSent.has(original.state)) throw new AppError('conflict', `A campaign that is ${original.state} has no recipients yet. Duplicate it for everyone.`);
        const targets: CampaignTarget[] = only === null ? original.targets : [{ kind: only, id, mode: 'include' }, ...original.targets.filter((target) => target.mode === 'exclude')];
        const copy = await insert(tenant, `Copy of ${name}`.slice(0, 150), actor, { subject, preheader, fromName, fromEmail, replyTo, html, text, targets, delivery, experiment, tracking, utm });
        return view(orgId, await find(tenant, copy), role);
      }),

    progress: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => reader.progress(orgId, await find(tenant, id))),
  };
}
