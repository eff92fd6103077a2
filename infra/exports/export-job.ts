import type { Capability } from '#domain/access.ts';
import type { CustomerFilter } from '../../search/population.ts';
import type { RecipientFilter } from '../reports/recipients.ts';

const REPORT = { capability: 'reports.view', scope: 'reports:read' } as const;

/**
 * What can be exported, and who may: people's own data wants the right to export, reports the right to see them.
 * A key needs the scope by which it could read the same, besides the one for exports.
 */
export const exportKinds = {
  customers: { capability: 'customers.export', scope: 'customers:read' },
  list: { capability: 'customers.export', scope: 'customers:read' },
  segment: { capability: 'customers.export', scope: 'customers:read' },
  suppressions: { capability: 'suppression.manage', scope: 'suppression:read' },
  events: { capability: 'campaigns.view', scope: 'reports:read' },
  recipients: { capability: 'campaigns.view', scope: 'reports:read' },
  campaign_summary: REPORT, campaign_reasons: REPORT, campaign_timeline: REPORT, campaign_links: REPORT, campaign_geography: REPORT, campaign_clients: REPORT, campaign_domains: REPORT, certificate: REPORT,
  report_days: REPORT, report_campaigns: REPORT, report_domains: REPORT, report_connections: REPORT,
} as const satisfies Record<string, { readonly capability: Capability; readonly scope: string }>;

export type ExportKind = keyof typeof exportKinds;

/** What an export holds, as its row keeps it. Whom it is about goes when it ends: a filter may name a person. */
export interface ExportOptions {
  readonly listId?: string;
  readonly segmentId?: string;
  readonly campaignId?: string;
  readonly filter?: CustomerFilter;
  /** Which recipients of the campaign; all without it. */
  readonly recipients?: RecipientFilter;
  /** Customers chosen one by one. */
  readonly ids?: readonly number[];
  /** First and last day of a report, like 2026-11-25, by the organization's clock. */
  readonly from?: string;
  readonly to?: string;
  /** Names of the columns wanted, in order; all without it. */
  readonly columns?: readonly string[];
  /** Values as they are; otherwise what a spreadsheet would run as a formula gets an apostrophe. */
  readonly raw: boolean;
}
