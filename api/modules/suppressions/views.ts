import { z } from 'zod';

export const reasons = ['hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import'] as const;

export const sources = ['webhook', 'tracking_link', 'manual', 'csv_import', 'api'] as const;

export type Reason = (typeof reasons)[number];
export type Source = (typeof sources)[number];

/** A later reason to suppress what was suppressed already. */
const LaterReason = z.object({ reason: z.enum(reasons), source: z.enum(sources), cause: z.string().nullable(), note: z.string().nullable(), at: z.string() });

export const SuppressionView = z.object({
  email: z.string(), reason: z.enum(reasons), source: z.enum(sources), cause: z.string().nullable(), note: z.string().nullable(), createdAt: z.string(),
  customerId: z.number().int().nullable(), history: z.array(LaterReason),
}).meta({ id: 'Suppression' });

export interface SuppressionRecord {
  readonly key: string; readonly email: string; readonly reason: Reason; readonly source: Source; readonly cause: string | null; readonly note: string | null; readonly createdAt: Date;
  readonly history: readonly { readonly reason: Reason; readonly source: Source; readonly cause?: string | null; readonly note?: string | null; readonly at: string }[];
  readonly customerId: number | null;
  /** `createdAt` with its microseconds, which a Date drops. */
  readonly instant: string;
}

export const SUPPRESSION = /* sql */ `
select s.email_key as key, s.email, s.reason, s.source, s.cause, s.note, s.history, s.created_at as "createdAt", s.created_at::text as instant,
  (select c.id from customer c where c.email_key = s.email_key) as "customerId"
from suppression s`;

export function toSuppressionView(row: SuppressionRecord): z.input<typeof SuppressionView> {
  return {
    email: row.email, reason: row.reason, source: row.source, cause: row.cause, note: row.note, createdAt: row.createdAt.toISOString(), customerId: row.customerId,
    history: row.history.map(({ reason, source, cause, note, at }) => ({ reason, source, cause: cause ?? null, note: note ?? null, at: new Date(at).toISOString() })),
  };
}
