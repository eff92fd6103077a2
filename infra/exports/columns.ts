import { standardFields, systemFields } from '#domain/customer/fields.ts';
import type { ExportKind } from './export-job.ts';

/** One row of an export, by column. */
export type ExportRow = Readonly<Record<string, unknown>>;

/** Columns of customers that an import would leave out: there when they are asked for. */
export const extraCustomerColumns = ['id', 'lists', ...Object.keys(systemFields)] as const;

/** Columns of the other kinds, in order. */
export const fixedColumns = {
  suppressions: ['email', 'reason', 'source', 'cause', 'note', 'created_at'],
  events: ['id', 'event_type', 'occurred_at', 'customer_id', 'customer_email', 'campaign_id', 'campaign', 'url', 'source', 'bounce_class', 'reason', 'machine', 'properties'],
  recipients: ['customer_id', 'email', 'state', 'reason', 'reply', 'attempts', 'connection', 'sent_at', 'opened_at', 'clicked_at', 'opens', 'clicks', 'unsubscribed_at'],
} as const satisfies Partial<Record<ExportKind, readonly string[]>>;

/** Columns an export of this kind can have: all it has by itself, then those it has when asked. @param keys of the custom fields */
export function columnsOf(kind: ExportKind, keys: readonly string[]): { readonly own: readonly string[]; readonly extra: readonly string[] } {
  if (kind in fixedColumns) return { own: fixedColumns[kind as keyof typeof fixedColumns], extra: [] };
  return { own: [...Object.keys(standardFields), ...keys], extra: extraCustomerColumns };
}
