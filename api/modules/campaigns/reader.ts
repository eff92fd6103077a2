import type { Role } from '#domain/access.ts';
import { usedConnections } from '#domain/campaign/delivery.ts';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { isAddress } from '../../../infra/mail/mime.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { checkCampaign } from './checks.ts';
import type { ConnectionStanding } from './delivery-checks.ts';
import { estimate } from './estimate.ts';
import { findCampaign } from './queries.ts';
import { toCampaignRow, toCampaignView, toProgress, type CampaignRecord, type CampaignRowRecord } from './views.ts';

/** Above this mailbox providers hold senders to the rules for bulk mail. */
const BULK_RECIPIENTS = 5_000;

export type CampaignReader = ReturnType<typeof createCampaignReader>;

/** Campaigns as they stand: what the drafts, the lifecycle and the screens read alike. */
export function createCampaignReader({ gateway, clock, senderDomains }: Pick<Container, 'gateway' | 'clock' | 'senderDomains'>) {
  const samples = new Map<string, { at: number; sent: number }[]>();

  /** Mails per second over the last 10 seconds in which somebody looked, else since the launch. */
  function rateOf(orgId: string, record: CampaignRowRecord): number {
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

  const contextOf = (orgId: string, record: CampaignRowRecord, role: Role) => ({
    role, now: clock.now(), ratePerSecond: rateOf(orgId, record), temporalUrl: gateway.workflowUrl(workflowIds.campaign(orgId, record.id)),
  });

  return {
    /** @throws AppError `not_found` */
    async find(tenant: Tenant, id: string): Promise<CampaignRecord> {
      const record = await findCampaign(tenant.sql, id);
      if (record === undefined) throw notFound('campaign');
      return record;
    },
    row: (orgId: string, record: CampaignRowRecord, role: Role) => toCampaignRow(record, contextOf(orgId, record, role)),
    view: (orgId: string, record: CampaignRecord, role: Role) => toCampaignView(record, contextOf(orgId, record, role)),
    progress: (orgId: string, record: CampaignRowRecord) => toProgress(record, { now: clock.now(), ratePerSecond: rateOf(orgId, record) }),
    /** Everything that stands against a launch: errors block, warnings want one confirmation. */
    async checks(tenant: Tenant, campaign: CampaignRecord) {
      const fields = await tenant.sql.rows<{ key: string }>('select key from custom_field where not removing');
      const connections = await tenant.sql.rows<ConnectionStanding & { readonly vendor: string }>(
        'select id::text, name, vendor, enabled, health, health_reason as "healthReason" from connection where id = any($1::uuid[])', [usedConnections(campaign.delivery).map((share) => share.id)]);
      const hasAudience = campaign.targets.some((target) => target.mode === 'include');
      const recipients = hasAudience ? (await estimate(tenant, campaign.targets)).final : null;
      const checked = await checkCampaign({ campaign, customKeys: new Set(fields.map((field) => field.key)), connections, recipients });
      const isLarge = recipients !== null && recipients > BULK_RECIPIENTS && connections.some((connection) => connection.vendor !== 'catcher') && isAddress(campaign.fromEmail);
      const sender = isLarge ? await senderDomains.problemsOf(campaign.fromEmail.slice(campaign.fromEmail.lastIndexOf('@') + 1).toLowerCase()) : [];
      return { ...checked, warnings: [...checked.warnings, ...sender.map((message) => ({ field: 'fromEmail', message }))] };
    },
  };
}
