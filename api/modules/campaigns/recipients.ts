import { z } from 'zod';
import { emailKey } from '#domain/customer/email-address.ts';
import type { Container } from '../../../infra/container.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { searchCustomers } from '../../../search/population.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { findReported, labelOf } from './report.ts';
import { recipientStates, type engagements, type RecipientView } from './report-views.ts';

export interface RecipientQuery extends ListQuery {
  readonly state?: (typeof recipientStates)[number] | undefined;
  readonly reason?: string | undefined;
  readonly connection?: string | undefined;
  readonly variant?: string | undefined;
  readonly engagement?: (typeof engagements)[number] | undefined;
  readonly search?: string | undefined;
}

export type RecipientService = ReturnType<typeof createRecipientService>;

/** More addresses than this are found on the way; fewer are looked up one by one. */
const LOOKED_UP = 5_000;

/** Who is in a frozen audience and what became of each, in the order of sending. */
export function createRecipientService({ tenants, secrets, gateway }: Pick<Container, 'tenants' | 'secrets' | 'gateway'>) {
  const ids = createTrackingIds(secrets);
  return {
    list: (orgId: string, id: string, query: RecipientQuery) => tenants.use(orgId, async (tenant) => {
      const { sql, org } = tenant;
      const campaign = await findReported(sql, id);
      const at = decodeCursor(query.cursor, z.tuple([z.int()]));
      const found = await conditionsOf(tenant, query, () => gateway.nudgeOutbox(orgId));
      const rows = found === null ? [] : await sql.rows<RecipientRow>(shown(found.picked), [campaign.mailNo, at?.[0] ?? 0, query.limit + 1, ...found.values]);
      const domain = campaign.fromEmail.slice(campaign.fromEmail.lastIndexOf('@') + 1);
      const page = toPage(rows, query.limit, (row) => [row.ordinal], (row) => toRecipient(row, `${ids.mint({ orgNo: org.no, mailNo: campaign.mailNo, ordinal: row.ordinal }, [{ kind: 'messageId', link: 0 }])[0]}@${domain}`));
      if (query.count !== true) return page;
      if (found?.isEverybody === true) return { ...page, count: campaign.recipients };
      const counted = found === null ? undefined : await sql.first<{ n: number }>(`select count(*)::int as n from (${found.picked}) picked`, [campaign.mailNo, 0, null, ...found.values]);
      return { ...page, count: counted?.n ?? 0 };
    }),
  };
}

interface RecipientRow {
  readonly ordinal: number; readonly customerId: number | null; readonly email: string | null; readonly state: number; readonly reason: string | null; readonly reply: string | null; readonly attempt: number;
  readonly connectionId: string | null; readonly connection: string | null; readonly variant: number | null; readonly endedAt: Date | null; readonly deliveredAt: Date | null; readonly openedAt: Date | null; readonly clickedAt: Date | null;
  readonly opens: number; readonly clicks: number; readonly bouncedAt: Date | null; readonly complainedAt: Date | null; readonly unsubscribedAt: Date | null;
}

// Before her mail is begun the slice says over what she will get it, and as what.
const SLICE = 'left join lateral (select s.connection_no, s.variant from slice s where s.mail_no = m.mail_no and s.first_ordinal <= m.ordinal order by s.first_ordinal desc limit 1) s on m.connection_no is null';

/** The page is cut before anything is joined that only the screen shows. */
const shown = (picked: string) => /* sql */ `
select m.ordinal, c.id as "customerId", c.email, m.state, m.reason, m.reply, m.attempt, n.id::text as "connectionId", n.name as connection, coalesce(m.variant, s.variant) as variant, m.ended_at as "endedAt", m.delivered_at as "deliveredAt",
  m.first_opened_at as "openedAt", m.first_clicked_at as "clickedAt", m.open_count as opens, m.click_count as clicks, m.bounced_at as "bouncedAt", m.complained_at as "complainedAt", m.unsubscribed_at as "unsubscribedAt"
from (${picked}) m left join customer c on c.id = m.customer_id ${SLICE} left join connection n on n.no = coalesce(m.connection_no, s.connection_no) order by m.ordinal`;

const engaged: Record<(typeof engagements)[number], string> = {
  opened: 'm.first_opened_at is not null', not_opened: 'm.state = 2 and m.first_opened_at is null', clicked: 'm.first_clicked_at is not null', not_clicked: 'm.state = 2 and m.first_clicked_at is null',
  unsubscribed: 'm.unsubscribed_at is not null', bounced: 'm.bounced_at is not null', complained: 'm.complained_at is not null',
};

/** @returns a query of the messages meant ($1 mail, $2 after this ordinal, $3 limit) with the values it takes besides; null when nobody can be meant */
async function conditionsOf(tenant: Tenant, query: RecipientQuery, onWait: () => void): Promise<{ picked: string; values: unknown[]; isEverybody: boolean } | null> {
  const parts: string[] = [];
  const joins: string[] = [];
  const values: unknown[] = [];
  const next = (value: unknown) => `$${values.push(value) + 3}`;
  if (query.connection !== undefined || query.variant !== undefined) joins.push(SLICE);
  if (query.state !== undefined) parts.push(`m.state = ${next(recipientStates.indexOf(query.state))}`);
  if (query.reason !== undefined) parts.push(`m.reason = ${next(query.reason)}`);
  if (query.connection !== undefined) parts.push(`coalesce(m.connection_no, s.connection_no) = (select no from connection where id = ${next(query.connection)})`);
  if (query.variant !== undefined) parts.push(`coalesce(m.variant, s.variant) = ${next(query.variant.charCodeAt(0) - 64)}`);
  if (query.engagement !== undefined) parts.push(engaged[query.engagement]);
  const text = query.search?.trim().toLowerCase() ?? '';
  if (text !== '') {
    const found = await customersWith(tenant, text, onWait);
    if (found?.length === 0) return null;
    // The few are looked up by the key (customer, mail); the many are met soon in the order of sending.
    if (found === null) joins.push(`join customer c on c.id = m.customer_id and c.email_key like ${next(`%${text.replaceAll(/[\\%_]/g, '\\$&')}%`)}`);
    else parts.push(`m.customer_id = any(${next(found)}::bigint[])`);
  }
  return { picked: `select m.* from message m ${joins.join(' ')} where ${['m.mail_no = $1', 'm.ordinal > $2', ...parts].join(' and ')} order by m.ordinal limit $3`, values, isEverybody: parts.length + joins.length === 0 };
}

/** Customers whose address holds a text; null when they are many. */
async function customersWith(tenant: Tenant, text: string, onWait: () => void): Promise<number[] | null> {
  const key = emailKey(text);
  const exact = key === null ? undefined : await tenant.sql.first<{ id: number }>('select id from customer where email_key = $1', [key]);
  if (exact !== undefined) return [exact.id];
  onWait();
  const { ids, after } = await searchCustomers(tenant, { rule: { op: 'and', parts: [{ field: 'email', operator: 'contains', value: text }] } }, { order: 'newest', limit: LOOKED_UP, count: false });
  return after === null ? ids : null;
}

function toRecipient(row: RecipientRow, messageId: string): z.input<typeof RecipientView> {
  const iso = (at: Date | null) => at?.toISOString() ?? null;
  const wasBegun = row.attempt > 0;
  return {
    customerId: row.customerId, email: row.email, state: recipientStates[row.state] ?? 'pending', reason: row.reason, reply: row.reply, attempt: row.attempt,
    connectionId: row.connectionId, connection: row.connection, variant: labelOf(row.variant), messageId: wasBegun ? messageId : null,
    sentAt: row.state === 2 ? iso(row.endedAt) : null, endedAt: iso(row.endedAt), deliveredAt: iso(row.deliveredAt), openedAt: iso(row.openedAt), clickedAt: iso(row.clickedAt),
    opens: row.opens, clicks: row.clicks, bouncedAt: iso(row.bouncedAt), complainedAt: iso(row.complainedAt), unsubscribedAt: iso(row.unsubscribedAt),
  };
}
