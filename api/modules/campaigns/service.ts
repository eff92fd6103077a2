import { ForeignKeyConstraintViolationException } from '@mikro-orm/core';
import type { Role } from '#domain/access.ts';
import { after, refusal } from '#domain/campaign/status.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { given } from '../../../infra/db/given.ts';
import { Campaign, type CampaignTarget } from '../../../infra/db/organization/entities/campaign.ts';
import { Connection } from '../../../infra/db/organization/entities/connection.ts';
import { newId } from '../../../infra/ids.ts';
import { compileMail } from '../../../infra/mail/content.ts';
import { createProviders } from '../../../infra/mail/providers/registry.ts';
import { sendTest } from '../../../infra/mail/test-mail.ts';
import { completeUtm, loadConnection } from '../../../infra/mail/source.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { estimateAudience } from '../../../search/audience.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { z } from 'zod';
import { checkCampaign } from './checks.ts';
import { CAMPAIGN, estimateLists, findCampaign } from './queries.ts';
import { toCampaignRow, toCampaignView, toProgress, type CampaignRecord } from './views.ts';

/** What a draft's author writes, and a copy takes along. */
type Draft = Pick<Campaign, 'subject' | 'preheader' | 'fromName' | 'fromEmail' | 'replyTo' | 'html' | 'text' | 'targets' | 'connectionId' | 'tracking' | 'utm'>;
export type CampaignEdit = { readonly [Field in keyof Draft]?: Draft[Field] | undefined } & { readonly name?: string | undefined; readonly version?: number | undefined };

export type CampaignService = ReturnType<typeof createCampaignService>;

/** Campaigns: drafts are edited here; from launch on their workflow alone changes their state, and this asks it to. */
export function createCampaignService(container: Container) {
  const { tenants, gateway, clock, logger, secrets, config } = container;
  const ids = createTrackingIds(secrets);
  const providers = createProviders(config, secrets);
  const samples = new Map<string, { at: number; sent: number }[]>();

  async function find(tenant: Tenant, id: string): Promise<CampaignRecord> {
    const record = await findCampaign(tenant.sql, id);
    if (record === undefined) throw notFound('campaign');
    return record;
  }

  /** Mails per second over the last 10 seconds in which somebody looked, else since the launch. */
  function rateOf(orgId: string, record: CampaignRecord): number {
    if (record.state !== 'running') return 0;
    const now = clock.now();
    const key = `${orgId}|${record.mailNo}`;
    const seen = (samples.get(key) ?? []).filter((sample) => now - sample.at <= 10_000 && sample.sent <= record.sent);
    if (samples.size > 1_000) samples.clear();
    samples.set(key, [...seen, { at: now, sent: record.sent }].slice(-40));
    const first = seen[0] ?? { at: record.launchedAt?.getTime() ?? now, sent: 0 };
    const seconds = (now - first.at) / 1_000;
    return seconds < 0.2 ? 0 : Math.round(((record.sent - first.sent) / seconds) * 10) / 10;
  }

  const contextOf = (orgId: string, record: CampaignRecord, role: Role) => ({
    role, now: clock.now(), ratePerSecond: rateOf(orgId, record), temporalUrl: gateway.workflowUrl(workflowIds.campaign(orgId, record.id)),
  });
  const view = (orgId: string, record: CampaignRecord, role: Role) => toCampaignView(record, contextOf(orgId, record, role));

  async function estimateOf(tenant: Tenant, targets: readonly CampaignTarget[]) {
    if (targets.some((target) => target.kind === 'segment')) return estimateAudience(tenant, targets);
    const of = (mode: 'include' | 'exclude') => targets.filter((target) => target.mode === mode).map((target) => target.id);
    return estimateLists(tenant.sql, of('include'), of('exclude'));
  }

  async function checksOf(tenant: Tenant, campaign: CampaignRecord) {
    const fields = await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing');
    const connection = campaign.connectionId === null ? undefined
      : await tenant.sql.first<{ enabled: boolean; health: string; healthReason: string | null }>('select enabled, health, health_reason as "healthReason" from connection where id = $1', [campaign.connectionId]);
    const hasAudience = campaign.targets.some((target) => target.mode === 'include');
    const recipients = hasAudience ? (await estimateOf(tenant, campaign.targets)).final : null;
    return checkCampaign({ campaign, customKeys: new Set(fields.map((field) => field.key)), connection, recipients });
  }

  /** Asks the campaign's workflow; one that was lost is started first and finds its place in the rows. */
  async function command(orgId: string, id: string, move: 'pause' | 'resume' | 'cancel', role: Role) {
    const campaign = await tenants.use(orgId, (tenant) => find(tenant, id));
    if (after(campaign.state, move) === undefined) throw new AppError('conflict', refusal(campaign.state, move));
    const input = { orgId, campaignId: id, mailNo: campaign.mailNo };
    await gateway.startCampaign(input);
    await gateway.commandCampaign(input, move);
    return tenants.use(orgId, async (tenant) => view(orgId, await find(tenant, id), role));
  }

  async function archive(orgId: string, id: string, role: Role, isArchived: boolean) {
    return tenants.use(orgId, async (tenant) => {
      const campaign = await find(tenant, id);
      if (isArchived && !['completed', 'failed', 'cancelled'].includes(campaign.state)) throw new AppError('conflict', `A campaign that is ${campaign.state} cannot be archived.`);
      await tenant.em.nativeUpdate(Campaign, id, { archivedAt: isArchived ? (campaign.archivedAt ?? new Date()) : null, updatedAt: new Date() });
      return view(orgId, await find(tenant, id), role);
    });
  }

  /** @throws AppError `invalid` naming each list or segment that is not there */
  async function checkTargets(tenant: Tenant, targets: readonly CampaignTarget[]): Promise<void> {
    const of = (kind: 'list' | 'segment') => targets.filter((target) => target.kind === kind).map((target) => target.id);
    const known = await tenant.sql.rows<{ id: string }>('select id from list where id = any($1::uuid[]) union all select id from segment where id = any($2::uuid[])', [of('list'), of('segment')]);
    const ids = new Set(known.map((row) => row.id));
    const missing = targets.flatMap(({ kind, id }, i) => (ids.has(id.toLowerCase()) ? [] : [{ field: `targets[${i}].id`, message: `This ${kind} does not exist. Choose another.` }]));
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

  return {
    list: (orgId: string, role: Role, query: ListQuery & { state?: string | undefined; search?: string | undefined; archived?: boolean | undefined }) =>
      tenants.use(orgId, async ({ sql }) => {
        const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
        const where = `($1::text is null or c.state = any(string_to_array($1, ','))) and ($2::text is null or c.name ilike $2 or c.subject ilike $2) and (c.archived_at is not null) = $3`;
        const pattern = query.search === undefined || query.search === '' ? null : `%${query.search.replaceAll(/[\\%_]/g, '\\$&')}%`;
        const filter = [query.state ?? null, pattern, query.archived ?? false];
        const rows = await sql.rows<CampaignRecord & { key: string }>(
          `select q.*, q."createdAt"::text as key from (${CAMPAIGN} where ${where} and ($4::text is null or (c.created_at, c.id) < ($4::timestamptz, $5::uuid))) q order by q."createdAt" desc, q.id desc limit $6`,
          [...filter, at?.[0] ?? null, at?.[1] ?? null, query.limit + 1],
        );
        const page = toPage(rows, query.limit, (row) => [row.key, row.id], (row) => toCampaignRow(row, contextOf(orgId, row, role)));
        if (query.count !== true) return page;
        const counted = await sql.first<{ count: number }>(`select count(*)::int as count from campaign c where ${where}`, filter);
        return { ...page, count: counted?.count ?? 0 };
      }),

    /** A draft with the sender of the oldest connection that is enabled. */
    create: (orgId: string, role: Role, actor: string, name: string) =>
      tenants.use(orgId, async (tenant) => {
        const connection = await tenant.em.findOne(Connection, { enabled: true }, { orderBy: { createdAt: 'asc' } });
        const draft = connection === null ? {} : { connectionId: connection.id, fromName: connection.fromName ?? '', fromEmail: connection.fromEmail ?? '' };
        return view(orgId, await find(tenant, await insert(tenant, name, actor, draft)), role);
      }),

    get: (orgId: string, role: Role, id: string) => tenants.use(orgId, async (tenant) => view(orgId, await find(tenant, id), role)),

    /** @throws AppError `conflict` when it is no draft any more or somebody else saved in between */
    edit: (orgId: string, role: Role, id: string, { version, ...edit }: CampaignEdit) =>
      tenants.use(orgId, async (tenant) => {
        if (edit.targets !== undefined) await checkTargets(tenant, edit.targets);
        const touched = await tenant.em.nativeUpdate(Campaign, { id, state: 'draft', ...given({ version }) }, { ...given(edit), updatedAt: new Date() }).catch((error: unknown) => {
          throw error instanceof ForeignKeyConstraintViolationException ? refuse('connectionId', 'This connection does not exist.') : error;
        });
        const campaign = await find(tenant, id);
        if (touched === 0) throw new AppError('conflict', campaign.state === 'draft' ? 'Somebody else saved this campaign meanwhile. Load it again.' : `A campaign that is ${campaign.state} cannot be edited.`);
        return view(orgId, campaign, role);
      }),

    remove: (orgId: string, id: string): Promise<void> =>
      tenants.use(orgId, async (tenant) => {
        const campaign = await find(tenant, id);
        const removed = await tenant.em.transactional(async (tx) => {
          const count = await tx.nativeDelete(Campaign, { id, state: 'draft' });
          if (count === 1) await tx.execute('delete from mail where no = ?', [campaign.mailNo]);
          return count;
        });
        if (removed === 0) throw new AppError('conflict', `Only drafts can be deleted; this campaign is ${campaign.state}.`);
      }),

    checks: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => checksOf(tenant, await find(tenant, id))),
    estimate: (orgId: string, id: string) => tenants.use(orgId, async (tenant) => estimateOf(tenant, (await find(tenant, id)).targets)),

    /** Sends the draft to a few addresses: `[TEST]`, untracked, suppression skipped. One result per address. */
    test: (orgId: string, id: string, emails: readonly string[]) =>
      tenants.use(orgId, async (tenant) => {
        const campaign = await find(tenant, id);
        if (campaign.state !== 'draft') throw new AppError('conflict', 'Test mail is sent from drafts only.');
        if (campaign.connectionId === null) throw refuse('connectionId', 'Choose a connection to send over.');
        const connection = await loadConnection(tenant, secrets, campaign.connectionId);
        if (connection === undefined) throw refuse('connectionId', 'This connection does not exist.');
        const errors = checkCampaign({ campaign, customKeys: new Set((await tenant.sql.rows<{ key: string }>('select key from custom_field')).map((f) => f.key)), connection: undefined, recipients: null }).errors
          .filter((error) => ['subject', 'preheader', 'fromName', 'fromEmail', 'html', 'text'].includes(error.field) && !error.message.includes('unsubscribe_url'));
        if (errors.length > 0) throw new AppError('invalid', 'This draft cannot be sent yet.', errors);
        const { mailNo, subject, preheader, fromName, fromEmail, replyTo, html, text, tracking } = campaign;
        const mail = compileMail(
          { orgNo: tenant.org.no, orgSlug: tenant.org.slug, mailNo, subject, preheader, fromName, fromEmail, replyTo, html, text, tracking, utm: completeUtm(campaign.utm, tenant.org.slug, campaign.name) },
          { ids, baseUrl: config.FERMATA_BASE_URL, test: true },
        );
        return { results: await sendTest(mail, providers.get(connection.vendor), connection, emails, clock.now()) };
      }),

    /**
     * Validates everything together and starts the campaign. Launching twice has one effect.
     * @throws AppError `invalid` with every problem; `conflict` when warnings want to be confirmed
     */
    async launch(orgId: string, role: Role, id: string, acknowledgeWarnings: boolean) {
      const campaign = await tenants.use(orgId, async (tenant) => {
        const found = await find(tenant, id);
        if (found.state === 'running' || found.state === 'completed') return found;
        if (after(found.state, 'launch') === undefined) throw new AppError('conflict', refusal(found.state, 'launch'));
        const { errors, warnings } = await checksOf(tenant, found);
        if (errors.length > 0) throw new AppError('invalid', 'This campaign cannot be launched yet.', errors);
        if (warnings.length > 0 && !acknowledgeWarnings) throw new AppError('conflict', 'Read the warnings and confirm them to launch.', warnings);
        // The version makes sure that what was checked is what is sent.
        const launched = await tenant.sql.run(
          "update campaign set state = 'running', phase = 'resolving', launched_at = now(), version = version + 1, updated_at = now() where id = $1 and state = 'draft' and version = $2",
          [id, found.version],
        );
        const now = await find(tenant, id);
        if (launched === 0 && now.state !== 'running') throw new AppError('conflict', 'The campaign was changed while it was checked. Look at it and launch again.');
        return now;
      });
      await gateway.startCampaign({ orgId, campaignId: id, mailNo: campaign.mailNo }).catch((error: unknown) => {
        logger.warn({ err: error, orgId, campaignId: id }, 'the campaign is launched; the sweep will start its workflow');
      });
      return view(orgId, campaign, role);
    },

    pause: (orgId: string, role: Role, id: string) => command(orgId, id, 'pause', role),
    resume: (orgId: string, role: Role, id: string) => command(orgId, id, 'resume', role),
    cancel: (orgId: string, role: Role, id: string) => command(orgId, id, 'cancel', role),
    archive: (orgId: string, role: Role, id: string) => archive(orgId, id, role, true),
    unarchive: (orgId: string, role: Role, id: string) => archive(orgId, id, role, false),

    /** Copies all but state and numbers. */
    duplicate: (orgId: string, role: Role, actor: string, id: string) =>
      tenants.use(orgId, async (tenant) => {
        const { name, subject, preheader, fromName, fromEmail, replyTo, html, text, targets, connectionId, tracking, utm } = await find(tenant, id);
        const copy = await insert(tenant, `Copy of ${name}`.slice(0, 150), actor, { subject, preheader, fromName, fromEmail, replyTo, html, text, targets, connectionId, tracking, utm });
        return view(orgId, await find(tenant, copy), role);
      }),

    progress: (orgId: string, id: string) =>
      tenants.use(orgId, async (tenant) => {
        const record = await find(tenant, id);
        return toProgress(record, { now: clock.now(), ratePerSecond: rateOf(orgId, record) });
      }),
  };
}
