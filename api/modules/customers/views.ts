import { z } from 'zod';
import { typedCustom } from '#domain/customer/document.ts';
import type { CustomField } from '#domain/customer/fields.ts';

/** Why an address gets no mail: the first reason with what joined it later, newest last. */
export const SuppressionDetail = z.object({
  reason: z.string(), source: z.string(), cause: z.string().nullable(), note: z.string().nullable(), createdAt: z.string(),
  history: z.array(z.object({ reason: z.string(), source: z.string(), cause: z.string().nullable(), note: z.string().nullable(), at: z.string() })),
}).meta({ id: 'SuppressionDetail' });

export const CustomerView = z.object({
  id: z.number().int(),
  email: z.string(),
  firstName: z.string().nullable(), lastName: z.string().nullable(), phone: z.string().nullable(), city: z.string().nullable(), country: z.string().nullable(),
  score: z.number().nullable(),
  timezone: z.string().nullable(),
  custom: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  isUnsubscribed: z.boolean(), isBounced: z.boolean(),
  suppressionStatus: z.enum(['active', 'suppressed']),
  mailable: z.boolean(),
  lists: z.array(z.object({ id: z.string(), name: z.string() })),
  createdAt: z.string(), updatedAt: z.string(),
  version: z.number().int(),
  /** Of one customer alone, not in lists; null when she is not suppressed. */
  suppression: SuppressionDetail.nullable().optional(),
}).meta({ id: 'Customer' });

export interface CustomerRecord {
  readonly id: number; readonly email: string;
  readonly firstName: string | null; readonly lastName: string | null; readonly phone: string | null; readonly city: string | null; readonly country: string | null;
  readonly score: number | null; readonly timezone: string | null;
  readonly custom: Record<string, string>;
  readonly isUnsubscribed: boolean; readonly isBounced: boolean; readonly isSuppressed: boolean; readonly mailable: boolean;
  readonly createdAt: Date; readonly updatedAt: Date; readonly version: number;
}

export const CUSTOMER = /* sql */ `
select c.id, c.email, c.first_name as "firstName", c.last_name as "lastName", c.phone, c.city, c.country, c.score, c.timezone, c.custom,
  c.is_unsubscribed as "isUnsubscribed", c.is_bounced as "isBounced", c.is_suppressed as "isSuppressed", c.mailable,
  c.created_at as "createdAt", c.updated_at as "updatedAt", c.version
from customer c`;

export interface SuppressionRow {
  readonly reason: string; readonly source: string; readonly cause: string | null; readonly note: string | null; readonly createdAt: Date;
  readonly history: readonly { readonly reason: string; readonly source: string; readonly cause?: string | null; readonly note?: string | null; readonly at: string }[];
}

export const SUPPRESSION_OF = /* sql */ `
select p.reason, p.source, p.cause, p.note, p.created_at as "createdAt", p.history from suppression p join customer c on c.email_key = p.email_key where c.id = $1`;

export function toSuppressionDetail(row: SuppressionRow): z.input<typeof SuppressionDetail> {
  return {
    reason: row.reason, source: row.source, cause: row.cause, note: row.note, createdAt: row.createdAt.toISOString(),
    history: row.history.map(({ reason, source, cause, note, at }) => ({ reason, source, cause: cause ?? null, note: note ?? null, at: new Date(at).toISOString() })),
  };
}

export function toCustomerView(row: CustomerRecord, catalogue: readonly CustomField[], lists: readonly { id: string; name: string }[] = []): z.input<typeof CustomerView> {
  return {
    id: row.id, email: row.email,
    firstName: row.firstName, lastName: row.lastName, phone: row.phone, city: row.city, country: row.country,
    score: row.score, timezone: row.timezone,
    custom: typedCustom(row.custom, catalogue),
    isUnsubscribed: row.isUnsubscribed, isBounced: row.isBounced,
    suppressionStatus: row.isSuppressed ? 'suppressed' : 'active',
    mailable: row.mailable,
    lists: lists.map(({ id, name }) => ({ id, name })),
    createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString(),
    version: row.version,
  };
}
