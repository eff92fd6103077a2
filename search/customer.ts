import { toDocument, type CustomerDocument } from '#domain/customer/document.ts';
import { systemFields, standardFields } from '#domain/customer/fields.ts';
import type { Shown } from '#domain/segment/explain.ts';
import { readCustomerRow, type StoredCustomer } from './rows.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex } from './versions.ts';

/** One customer from Postgres, as the index has her or will have her in a moment: what `evaluate` and `explain` read. */
export async function readCustomer(scope: Pick<SearchScope, 'org' | 'sql'>, who: { readonly id: number } | { readonly emailKey: string }): Promise<{ document: CustomerDocument; shown: Shown; email: string } | null> {
  const row = await readCustomerRow(scope, who);
  if (row === undefined) return null;
  const { catalogue, zone } = await liveIndex(scope);
  return { document: toDocument(row, catalogue, zone), shown: shownOf(row, zone), email: row.email };
}

function shownOf(row: StoredCustomer, zone: string): Shown {
  const time = (ms: number) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'medium', timeStyle: 'short' }).format(ms);
  const own: Readonly<Record<keyof typeof standardFields | keyof typeof systemFields, string | number | boolean | null>> = {
    email: row.email, first_name: row.firstName, last_name: row.lastName, phone: row.phone, city: row.city, country: row.country, score: row.score, timezone: row.timezone,
    is_unsubscribed: row.isUnsubscribed, is_bounced: row.isBounced, suppression_status: row.isSuppressed ? 'suppressed' : 'active', created_at: time(row.createdAt), updated_at: time(row.updatedAt),
  };
  return {
    field(name) {
      const key = name.startsWith('custom.') ? name.slice('custom.'.length) : name;
      const value = Object.hasOwn(own, name) ? own[name as keyof typeof own] : Object.hasOwn(row.custom, key) ? row.custom[key] : null;
      return value === null || value === undefined || value === '' ? null : String(value);
    },
    time,
  };
}
