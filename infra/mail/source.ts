import { variantsOf, type Experiment } from '#domain/campaign/experiment.ts';
import { completeUtm } from '#domain/content/links.ts';
import type { Tenant } from '../tenancy/registry.ts';
import type { MailSource } from './content.ts';
import { readJourneyMail } from './journey-source.ts';
import { expandMarkup } from './mjml.ts';
import type { ProviderSettings } from './providers/provider.ts';
import type { Secrets } from '../secrets.ts';

/** What a campaign or a journey's send step says, by variant from 1; one where there is no A/B test. */
export interface SendableMail {
  readonly variants: readonly MailSource[];
  readonly hasExperiment: boolean;
}

export interface SendableConnection {
  readonly id: string;
  /** Its number in the ledger and in limits. */
  readonly no: number;
  readonly version: number;
  readonly vendor: string;
  readonly enabled: boolean;
  readonly settings: ProviderSettings;
}

interface CampaignRow {
  readonly subject: string; readonly preheader: string; readonly fromName: string; readonly fromEmail: string; readonly replyTo: string;
  readonly html: string; readonly text: string; readonly tracking: { opens: boolean; clicks: boolean }; readonly utm: Record<string, string>;
  readonly name: string; readonly experiment: Experiment | null;
}

/** The campaign or send step behind a mail number, its MJML made HTML; undefined when it is gone. @throws AppError `invalid` when MJML cannot be compiled */
export async function loadMail(tenant: Tenant, mailNo: number): Promise<SendableMail | undefined> {
  const mail = await readMail(tenant, mailNo);
  return mail === undefined ? undefined : expandMarkup({ ...mail, variants: mail.variants.map((source) => ({ ...source, trackingHost: tenant.org.trackingHost })) });
}

/** The same as its author wrote it. */
export async function readMail(tenant: Tenant, mailNo: number): Promise<SendableMail | undefined> {
  const campaign = await tenant.sql.first<CampaignRow>(
    `select subject, preheader, from_name as "fromName", from_email as "fromEmail", reply_to as "replyTo", html, text, tracking, utm, name, experiment from campaign where mail_no = $1`,
    [mailNo],
  );
  return campaign === undefined ? readJourneyMail(tenant, mailNo) : { variants: sourcesOf(tenant, mailNo, campaign), hasExperiment: campaign.experiment !== null };
}

/** One source per variant, as its author wrote it. */
export function sourcesOf({ org }: Pick<Tenant, 'org'>, mailNo: number, { name, experiment, ...content }: CampaignRow): MailSource[] {
  return variantsOf(content, experiment).map(({ subject, html, text, fromName, label }) => ({
    ...content, subject, html, text, fromName,
    utm: completeUtm(content.utm, { orgSlug: org.slug, name, variant: experiment === null ? null : label }), orgNo: org.no, orgSlug: org.slug, mailNo,
    context: { organization: { name: org.name, address: org.postalAddress }, campaign: { name }, timezone: org.timezone },
  }));
}

/** The connection by its number in the ledger, unsealed; undefined when it is gone. */
export async function loadConnectionNo(tenant: Tenant, secrets: Secrets, no: number): Promise<SendableConnection | undefined> {
  const row = await tenant.sql.first<{ id: string }>('select id from connection where no = $1', [no]);
  return row === undefined ? undefined : loadConnection(tenant, secrets, row.id);
}

export async function loadConnection(tenant: Tenant, secrets: Secrets, id: string): Promise<SendableConnection | undefined> {
  const row = await tenant.sql.first<{ no: number; version: number; vendor: string; enabled: boolean; settings: Record<string, unknown>; secret: string | null }>(
    'select no, version, vendor, enabled, settings, secret from connection where id = $1',
    [id],
  );
  if (row === undefined) return undefined;
  const secret = row.secret === null ? null : (JSON.parse(secrets.open(row.secret, secretPlace(tenant.org.id, id))) as { password?: string });
  return { id, no: row.no, version: row.version, vendor: row.vendor, enabled: row.enabled, settings: { orgId: tenant.org.id, settings: row.settings, secret } };
}

/** The place a connection's sealed secret is bound to. */
export function secretPlace(orgId: string, connectionId: string): string {
  return `${orgId}|connection|secret|${connectionId}`;
}
