import { activityColumns } from '#domain/customer/activity.ts';
import type { CustomerRow } from '#domain/customer/document.ts';
import type { SearchScope } from './scope.ts';

export interface StoredCustomer extends CustomerRow {
  /** Grows with every change of hers and of what she did: the external version of her document. */
  readonly version: number;
}

/** The external version of a customer's document, of `customer c left join customer_activity a`: a sum of two that only grow. */
export const DOCUMENT_VERSION = 'c.version + coalesce(a.version, 0)';

const ACTIVITY = activityColumns.map((column) => `a.${column}::text`).join(', ');

// Activity comes as the text the document takes over: parsing and writing fifty packed values a customer cost more than the rest.
const ROWS = /* sql */ `
select c.id, c.email, c.first_name as "firstName", c.last_name as "lastName", c.phone, c.city, c.country, c.score, c.timezone, c.custom,
  c.is_unsubscribed as "isUnsubscribed", c.is_bounced as "isBounced", c.is_suppressed as "isSuppressed", c.mailable, ${DOCUMENT_VERSION} as version,
  (extract(epoch from c.created_at) * 1000)::bigint as "createdAt", (extract(epoch from c.updated_at) * 1000)::bigint as "updatedAt",
  array(select m.list_id::text from list_member m where m.customer_id = c.id) as lists,
  a.customer_id is not null as active, ${ACTIVITY}
from customer c left join customer_activity a on a.customer_id = c.id`;

type Row = StoredCustomer & { readonly active: boolean } & Readonly<Record<string, string | null>>;

/** Customers as the index takes them, in no order. */
export async function readCustomerRows(scope: Pick<SearchScope, 'sql'>, ids: readonly number[]): Promise<StoredCustomer[]> {
  return (await scope.sql.rows<Row>(`${ROWS} where c.id = any($1)`, [ids])).map(withActivity);
}

/** One customer by id or address, or undefined. */
export async function readCustomerRow(scope: Pick<SearchScope, 'sql'>, who: { readonly id: number } | { readonly emailKey: string }): Promise<StoredCustomer | undefined> {
  const row = 'id' in who ? await scope.sql.first<Row>(`${ROWS} where c.id = $1`, [who.id]) : await scope.sql.first<Row>(`${ROWS} where c.email_key = $1`, [who.emailKey]);
  return row === undefined ? undefined : withActivity(row);
}

const none = {};

function withActivity(row: Row): StoredCustomer {
  if (!row.active) return Object.assign(row, { activity: none });
  const activity: Record<string, string | null> = {};
  for (const column of activityColumns) if (row[column] !== null) activity[column] = row[column] ?? null;
  return Object.assign(row, { activity });
}
