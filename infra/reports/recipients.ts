import { recipientStates, type Engagement, type RecipientState } from '#domain/campaign/recipients.ts';
import { emailKey } from '#domain/customer/email-address.ts';
import { searchCustomers } from '../../search/population.ts';
import type { Tenant } from '../tenancy/registry.ts';

/** Which recipients of a campaign are meant: those all given parts fit. */
export interface RecipientFilter {
  readonly state?: RecipientState | undefined;
  readonly reason?: string | undefined;
  /** Id of the connection. */
  readonly connection?: string | undefined;
  /** Label of the variant. */
  readonly variant?: string | undefined;
  readonly engagement?: Engagement | undefined;
  /** Part of an address. */
  readonly search?: string | undefined;
}

/** A statement of the messages meant, in the order of sending: $1 mail, $2 after this ordinal, $3 limit, then `values`. */
export interface PickedRecipients {
  readonly statement: string;
  readonly values: readonly unknown[];
  readonly isEverybody: boolean;
}

/** More addresses than this are found on the way; fewer are looked up one by one. */
const LOOKED_UP = 5_000;

/** Before a mail is begun its slice says over what it will go, and as what. */
export const SLICE = 'left join lateral (select s.connection_no, s.variant from slice s where s.mail_no = m.mail_no and s.first_ordinal <= m.ordinal order by s.first_ordinal desc limit 1) s on m.connection_no is null';

const engaged: Record<Engagement, string> = {
  opened: 'm.first_opened_at is not null', not_opened: 'm.state = 2 and m.first_opened_at is null', clicked: 'm.first_clicked_at is not null', not_clicked: 'm.state = 2 and m.first_clicked_at is null',
  unsubscribed: 'm.unsubscribed_at is not null', bounced: 'm.bounced_at is not null', complained: 'm.complained_at is not null',
};

/** @param onWait called before the index is asked @returns null when nobody can be meant @throws AppError `unavailable` when the index is behind by more than 10 s */
export async function pickRecipients(tenant: Tenant, filter: RecipientFilter, onWait: () => void): Promise<PickedRecipients | null> {
  const parts: string[] = [];
  const joins: string[] = [];
  const values: unknown[] = [];
  const next = (value: unknown) => `$${values.push(value) + 3}`;
  if (filter.connection !== undefined || filter.variant !== undefined) joins.push(SLICE);
  if (filter.state !== undefined) parts.push(`m.state = ${next(recipientStates.indexOf(filter.state))}`);
  if (filter.reason !== undefined) parts.push(`m.reason = ${next(filter.reason)}`);
  if (filter.connection !== undefined) parts.push(`coalesce(m.connection_no, s.connection_no) = (select no from connection where id = ${next(filter.connection)})`);
  if (filter.variant !== undefined) parts.push(`coalesce(m.variant, s.variant) = ${next(filter.variant.charCodeAt(0) - 64)}`);
  if (filter.engagement !== undefined) parts.push(engaged[filter.engagement]);
  const text = filter.search?.trim().toLowerCase() ?? '';
  if (text !== '') {
    const found = await customersWith(tenant, text, onWait);
    if (found?.length === 0) return null;
    // The few are looked up by the key (customer, mail); the many are met soon in the order of sending.
    if (found === null) joins.push(`join customer c on c.id = m.customer_id and c.email_key like ${next(`%${text.replaceAll(/[\\%_]/g, '\\$&')}%`)}`);
    else parts.push(`m.customer_id = any(${next(found)}::bigint[])`);
  }
  const statement = `select m.* from message m ${joins.join(' ')} where ${['m.mail_no = $1', 'm.ordinal > $2', ...parts].join(' and ')} order by m.ordinal limit $3`;
  return { statement, values, isEverybody: parts.length + joins.length === 0 };
}

/** How many messages a picked statement means. */
export async function countPicked({ sql }: Pick<Tenant, 'sql'>, mailNo: number, { statement, values }: PickedRecipients): Promise<number> {
  return (await sql.first<{ n: number }>(`select count(*)::int as n from (${statement}) picked`, [mailNo, 0, null, ...values]))!.n;
}

/** Customers whose address holds a text; null when they are many. */
export async function customersWith(tenant: Tenant, text: string, onWait: () => void): Promise<number[] | null> {
  const key = emailKey(text);
  const exact = key === null ? undefined : await tenant.sql.first<{ id: number }>('select id from customer where email_key = $1', [key]);
  if (exact !== undefined) return [exact.id];
  onWait();
  const { ids, after } = await searchCustomers(tenant, { rule: { op: 'and', parts: [{ field: 'email', operator: 'contains', value: text }] } }, { order: 'newest', limit: LOOKED_UP, count: false });
  return after === null ? ids : null;
}
