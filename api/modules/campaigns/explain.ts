import { recipientStates } from '#domain/campaign/recipients.ts';
import { isOfCampaign, notOpenedRule, type CampaignTarget } from '#domain/campaign/targets.ts';
import { emailKey } from '#domain/customer/email-address.ts';
import { checkRule } from '#domain/segment/check.ts';
import { explain as explainRule } from '#domain/segment/explain.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import { createAddressHash } from '../../../infra/customers/erasure.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { readRuleContext } from '../../../search/context.ts';
import { readCustomer } from '../../../search/customer.ts';
import { countDrift } from '../../../search/drift.ts';
import { toPartView } from '../segments/views.ts';
import type { DriftView, ExplainView } from './explain-views.ts';
import { sayWhy, type Facts, type MessageFacts } from './explain-words.ts';
import { findReported, labelOf } from './report.ts';

export type CampaignExplanationService = ReturnType<typeof createCampaignExplanationService>;

/** Why an address got a campaign's mail or did not, from Postgres alone, and how far its audience is from today's. */
export function createCampaignExplanationService({ tenants, gateway, secrets }: Pick<Container, 'tenants' | 'gateway' | 'secrets'>) {
  const hashOf = createAddressHash(secrets);
  return {
    /** @throws AppError `invalid` for what is no address */
    explain: (orgId: string, id: string, email: string): Promise<z.input<typeof ExplainView>> => tenants.use(orgId, async (tenant) => {
      const { sql, org } = tenant;
      const campaign = await findReported(sql, id);
      const key = emailKey(email);
      if (key === null) throw refuse('email', 'Expected an address like ada@example.com.');
      const settings = (await sql.first<Settings>('select targets, frozen_at as "frozenAt", scheduled_at as "scheduledAt" from campaign where id = $1', [id]))!;
      const customer = await readCustomer(tenant, { emailKey: key });
      const [suppression, message, targets] = await Promise.all([
        readSuppression(sql, key, hashOf), customer === null ? null : readMessage(sql, campaign.mailNo, customer.document.id),
        readTargets(tenant, settings.targets, customer),
      ]);
      const facts: Facts = {
        zone: org.timezone, state: campaign.state, frozenAt: settings.frozenAt, scheduledAt: settings.scheduledAt, targets, suppression, message,
        customer: customer === null ? null : { email: customer.email, createdAt: new Date(customer.document.created_at), isMailable: customer.document.mailable },
      };
      const { verdict, says } = sayWhy(facts);
      return {
        email: customer?.email ?? email.trim(), customerId: customer?.document.id ?? null, verdict, says, targets,
        suppression: suppression === null ? null : { ...suppression, at: suppression.at.toISOString() },
        message: message === null ? null : {
          state: message.state, reason: message.reason, reply: message.reply, attempts: message.attempts, connection: message.connection, variant: message.variant, at: iso(message.at), notBefore: iso(message.notBefore),
          deliveredAt: iso(message.deliveredAt), openedAt: iso(message.openedAt), clickedAt: iso(message.clickedAt), bouncedAt: iso(message.bouncedAt), complainedAt: iso(message.complainedAt), unsubscribedAt: iso(message.unsubscribedAt),
        },
      };
    }),

    /** @throws AppError `conflict` before the audience is frozen; otherwise as a count of a segment */
    drift: (orgId: string, id: string): Promise<z.input<typeof DriftView>> => tenants.use(orgId, async (tenant) => {
      const campaign = await findReported(tenant.sql, id);
      const settings = (await tenant.sql.first<Settings>('select targets, frozen_at as "frozenAt" from campaign where id = $1', [id]))!;
      if (settings.frozenAt === null) throw new AppError('conflict', 'The audience of this campaign is not frozen yet: it is what its targets mean when it starts.');
      gateway.nudgeOutbox(orgId);
      return { frozenAt: settings.frozenAt.toISOString(), ...(await countDrift(tenant, settings.targets, campaign.mailNo, campaign.recipients, unsentOf(tenant.sql, campaign.mailNo))) };
    }),
  };
}

interface Settings {
  readonly targets: readonly CampaignTarget[];
  readonly frozenAt: Date | null;
  readonly scheduledAt: Date | null;
}

const iso = (at: Date | null) => at?.toISOString() ?? null;

async function readSuppression(sql: Sql, key: string, hashOf: (key: string) => Buffer): Promise<Facts['suppression']> {
  const row = await sql.first<NonNullable<Facts['suppression']>>('select reason, source, created_at as at, cause, note from suppression where email_key = $1', [key]);
  if (row !== undefined) return row;
  return (await sql.first<NonNullable<Facts['suppression']>>('select reason, source, created_at as at, null as cause, null as note from suppression_hash where hash = $1', [hashOf(key)])) ?? null;
}

async function readMessage(sql: Sql, mailNo: number, customerId: number): Promise<MessageFacts | null> {
  const row = await sql.first<Omit<MessageFacts, 'state' | 'variant'> & { readonly stateNo: number; readonly variantNo: number | null }>(
    `select m.state as "stateNo", m.reason, m.reply, m.attempt as attempts, n.name as connection, coalesce(m.variant, s.variant) as "variantNo", coalesce(m.ended_at, m.started_at) as at, s.not_before as "notBefore",
            m.delivered_at as "deliveredAt", m.first_opened_at as "openedAt", m.first_clicked_at as "clickedAt", m.bounced_at as "bouncedAt", m.complained_at as "complainedAt", m.unsubscribed_at as "unsubscribedAt", r.due_at as "retryAt"
       from message m left join lateral (select * from slice s where s.mail_no = m.mail_no and s.first_ordinal <= m.ordinal order by s.first_ordinal desc limit 1) s on true
       left join connection n on n.no = coalesce(m.connection_no, s.connection_no) left join retry r on r.mail_no = m.mail_no and r.ordinal = m.ordinal
      where m.mail_no = $1 and m.customer_id = $2`, [mailNo, customerId]);
  if (row === undefined) return null;
  const { stateNo, variantNo, ...rest } = row;
  return { ...rest, state: recipientStates[stateNo] ?? 'pending', variant: labelOf(variantNo) };
}

async function readTargets(tenant: Tenant, targets: readonly CampaignTarget[], customer: Awaited<ReturnType<typeof readCustomer>>): Promise<z.input<typeof ExplainView>['targets']> {
  const ids = targets.map((target) => target.id);
  const named = new Map((await tenant.sql.rows<{ id: string; name: string; rule: Rule | null }>(
    `select id::text, name, null::jsonb as rule from list where id = any($1::uuid[]) union all select id::text, name, rule from segment where id = any($1::uuid[])
     union all select id::text, name, null from campaign where id = any($1::uuid[])`, [ids])).map((row) => [row.id, row]));
  return Promise.all(targets.map(async (target) => {
    const { kind, id, mode } = target;
    const found = named.get(id);
    const about = { kind, id, mode, name: found?.name ?? null };
    if (found === undefined || customer === null) return { ...about, matches: null, tree: null };
    if (kind === 'list') return { ...about, matches: customer.document.lists.includes(id), tree: null };
    if (kind === 'failed') return { ...about, matches: await hasFailed(tenant.sql, id, customer.document.id), tree: null };
    const rule = isOfCampaign(target) ? notOpenedRule(id) : found.rule;
    const context = await readRuleContext(tenant, rule);
    if (rule === null || checkRule(rule, context).length > 0) return { ...about, matches: null, tree: null };
    const tree = explainRule(rule, customer.document, context, customer.shown);
    return { ...about, matches: tree.holds, tree: toPartView(tree) };
  }));
}

async function hasFailed(sql: Sql, campaignId: string, customerId: number): Promise<boolean> {
  return (await sql.first('select from message m join campaign c on c.mail_no = m.mail_no where c.id = $1 and m.customer_id = $2 and m.state in (3, 5)', [campaignId, customerId])) !== undefined;
}

const PAGE = 50_000;

/** Recipients who were not sent the mail, by pages. */
async function* unsentOf(sql: Sql, mailNo: number): AsyncIterable<readonly number[]> {
  for (let after = 0; ;) {
    const rows = await sql.rows<{ ordinal: number; id: number }>('select ordinal, customer_id as id from message where mail_no = $1 and ordinal > $2 and state <> 2 order by ordinal limit $3', [mailNo, after, PAGE]);
    if (rows.length > 0) yield rows.map((row) => row.id);
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.ordinal;
  }
}
