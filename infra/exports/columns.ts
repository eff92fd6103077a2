import { standardFields, systemFields } from '#domain/customer/fields.ts';
import type { ExportKind } from './export-job.ts';

/** One row of an export, by column. */
export type ExportRow = Readonly<Record<string, unknown>>;

/** Columns of customers that an import would leave out: there when they are asked for. */
export const extraCustomerColumns = ['id', 'lists', ...Object.keys(systemFields)] as const;

const metrics = [
  'sent', 'delivered', 'opened', 'opened_total', 'opened_machine', 'clicked', 'clicked_total', 'clicked_machine', 'bounced', 'hard_bounced', 'soft_bounced', 'blocked', 'complained', 'unsubscribed', 'failed', 'skipped', 'in_doubt',
  'open_rate', 'click_rate', 'click_to_open_rate', 'bounce_rate', 'complaint_rate', 'unsubscribe_rate', 'delivery_rate',
] as const;
const engagement = ['unique_opened', 'opened', 'unique_clicked', 'clicked'] as const;

/** Columns of reports: of a campaign, and of the organization over a range of days. */
export const reportColumns = {
  campaign_summary: ['part', 'name', ...metrics],
  campaign_reasons: ['what', 'reason', 'count'],
  campaign_timeline: ['hour', 'local_hour', 'sent', ...engagement, 'machine_opened', 'machine_clicked', 'unsubscribed', 'bounced'],
  campaign_links: ['url', 'variant', 'clicks', 'unique_clicks', 'machine_clicks', 'share'],
  campaign_geography: ['country', 'city', ...engagement],
  campaign_clients: ['by', 'name', ...engagement, 'machine_opened', 'machine_clicked'],
  campaign_domains: ['domain', 'sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed', 'open_rate', 'click_rate', 'bounce_rate', 'complaint_rate'],
  certificate: ['name', 'value'],
  report_days: ['date', ...metrics],
  report_campaigns: ['campaign_id', 'name', 'subject', 'state', 'recipients', 'launched_at', ...metrics],
  report_domains: ['domain', 'sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed', 'open_rate', 'click_rate', 'bounce_rate', 'complaint_rate'],
  report_connections: ['connection', 'vendor', ...metrics],
} as const satisfies Partial<Record<ExportKind, readonly string[]>>;

export type ReportKind = keyof typeof reportColumns;

/** Columns of the other kinds, in order. */
export const fixedColumns = {
  ...reportColumns,
  suppressions: ['email', 'reason', 'source', 'cause', 'note', 'created_at'],
  events: ['id', 'event_type', 'occurred_at', 'customer_id', 'customer_email', 'campaign_id', 'campaign', 'journey_id', 'journey_version', 'step_id', 'enrollment_id', 'connection', 'variant', 'message_id', 'url', 'source', 'bounce_class', 'reason', 'country', 'city', 'client', 'device', 'machine', 'machine_reason', 'properties'],
  recipients: ['customer_id', 'email', 'state', 'reason', 'reply', 'attempts', 'connection', 'variant', 'sent_at', 'delivered_at', 'opened_at', 'clicked_at', 'opens', 'clicks', 'bounced_at', 'complained_at', 'unsubscribed_at'],
} as const satisfies Partial<Record<ExportKind, readonly string[]>>;

/** Columns an export of this kind can have: all it has by itself, then those it has when asked. @param keys of the custom fields */
export function columnsOf(kind: ExportKind, keys: readonly string[]): { readonly own: readonly string[]; readonly extra: readonly string[] } {
  if (kind in fixedColumns) return { own: fixedColumns[kind as keyof typeof fixedColumns], extra: [] };
  return { own: [...Object.keys(standardFields), ...keys], extra: extraCustomerColumns };
}
