import { z } from 'zod';

export const reasons = ['hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import'] as const;

export const sources = ['webhook', 'tracking_link', 'manual', 'csv_import', 'api'] as const;

export const SuppressionView = z.object({ email: z.string(), reason: z.enum(reasons), source: z.enum(sources), note: z.string().nullable(), createdAt: z.string() });

export interface SuppressionRecord {
  readonly key: string; readonly email: string; readonly reason: (typeof reasons)[number]; readonly source: (typeof sources)[number]; readonly note: string | null; readonly createdAt: Date;
  /** `createdAt` with its microseconds, which a Date drops. */
  readonly instant: string;
}

export const SUPPRESSION = 'select email_key as key, email, reason, source, note, created_at as "createdAt", created_at::text as instant from suppression';

export function toSuppressionView(row: SuppressionRecord): z.input<typeof SuppressionView> {
  return { email: row.email, reason: row.reason, source: row.source, note: row.note, createdAt: row.createdAt.toISOString() };
}
