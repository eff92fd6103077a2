import type { Capability } from '#domain/access.ts';
import type { CustomerFilter } from '../../search/population.ts';

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
} as const satisfies Record<string, { readonly capability: Capability; readonly scope: string }>;

export type ExportKind = keyof typeof exportKinds;

/** What an export holds, as its row keeps it. Whom it is about goes when it ends: a filter may name a person. */
export interface ExportOptions {
  readonly listId?: string;
  readonly segmentId?: string;
  readonly campaignId?: string;
  readonly filter?: CustomerFilter;
  /** Customers chosen one by one. */
  readonly ids?: readonly number[];
  /** Names of the columns wanted, in order; all without it. */
  readonly columns?: readonly string[];
  /** Values as they are; otherwise what a spreadsheet would run as a formula gets an apostrophe. */
  readonly raw: boolean;
}
