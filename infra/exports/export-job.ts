import type { Capability } from '#domain/access.ts';
import type { CustomerFilter } from '../../search/population.ts';

/** What can be exported, and who may: people's own data wants the right to export, reports the right to see them. */
export const exportKinds = {
  customers: 'customers.export',
  list: 'customers.export',
  segment: 'customers.export',
  suppressions: 'suppression.manage',
  events: 'campaigns.view',
  recipients: 'campaigns.view',
} as const satisfies Record<string, Capability>;

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
