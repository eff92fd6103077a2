import type { Tenant } from '../tenancy/registry.ts';
import type { MailSource } from './content.ts';
import type { ProviderSettings } from './providers/provider.ts';
import type { Secrets } from '../secrets.ts';

/** A mail as the engine needs it: what to say and over which connection. */
export interface SendableMail {
  readonly source: MailSource;
  readonly connection: SendableConnection;
}

export interface SendableConnection {
  readonly id: string;
  readonly version: number;
  readonly vendor: string;
  readonly enabled: boolean;
  readonly settings: ProviderSettings;
}

interface CampaignRow {
  readonly subject: string; readonly preheader: string; readonly fromName: string; readonly fromEmail: string; readonly replyTo: string;
  readonly html: string; readonly text: string; readonly tracking: { opens: boolean; clicks: boolean }; readonly utm: Record<string, string>;
  readonly connectionId: string | null; readonly name: string;
}

/** The campaign behind a mail number, with its connection unsealed; undefined when either is gone. */
export async function loadMail(tenant: Tenant, secrets: Secrets, mailNo: number): Promise<SendableMail | undefined> {
  const campaign = await tenant.sql.first<CampaignRow>(
    `select subject, preheader, from_name as "fromName", from_email as "fromEmail", reply_to as "replyTo", html, text, tracking, utm, connection_id as "connectionId", name
       from campaign where mail_no = $1`,
    [mailNo],
  );
  if (campaign === undefined || campaign.connectionId === null) return undefined;
  const connection = await loadConnection(tenant, secrets, campaign.connectionId);
  if (connection === undefined) return undefined;
  const { connectionId: _, name, ...content } = campaign;
  return { connection, source: { ...content, utm: completeUtm(campaign.utm, tenant.org.slug, name), orgNo: tenant.org.no, orgSlug: tenant.org.slug, mailNo } };
}

export async function loadConnection(tenant: Tenant, secrets: Secrets, id: string): Promise<SendableConnection | undefined> {
  const row = await tenant.sql.first<{ version: number; vendor: string; enabled: boolean; settings: Record<string, unknown>; secret: string | null }>(
    'select version, vendor, enabled, settings, secret from connection where id = $1',
    [id],
  );
  if (row === undefined) return undefined;
  const secret = row.secret === null ? null : (JSON.parse(secrets.open(row.secret, secretPlace(tenant.org.id, id))) as { password?: string });
  return { id, version: row.version, vendor: row.vendor, enabled: row.enabled, settings: { orgId: tenant.org.id, settings: row.settings, secret } };
}

/** The place a connection's sealed secret is bound to. */
export function secretPlace(orgId: string, connectionId: string): string {
  return `${orgId}|connection|secret|${connectionId}`;
}

/** Fills in the defaults; `{ off: 'true' }` switches UTM off. */
export function completeUtm(utm: Readonly<Record<string, string>>, orgSlug: string, campaignName: string): Record<string, string> {
  if (utm['off'] === 'true') return {};
  const slug = campaignName.toLowerCase().normalize('NFKD').replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  return { utm_source: orgSlug, utm_medium: 'email', utm_campaign: slug, ...utm };
}
