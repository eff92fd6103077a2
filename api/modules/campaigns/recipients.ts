import { z } from 'zod';
import { recipientStates } from '#domain/campaign/recipients.ts';
import type { Container } from '../../../infra/container.ts';
import { createTrackingIds } from '../../../infra/mail/tracking-id.ts';
import { countPicked, pickRecipients, SLICE, type RecipientFilter } from '../../../infra/reports/recipients.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { findReported, labelOf } from './report.ts';
import type { RecipientView } from './report-views.ts';

type RecipientQuery = ListQuery & RecipientFilter;

export type RecipientService = ReturnType<typeof createRecipientService>;

/** Who is in a frozen audience and what became of each, in the order of sending. */
export function createRecipientService({ tenants, secrets, gateway }: Pick<Container, 'tenants' | 'secrets' | 'gateway'>) {
  const ids = createTrackingIds(secrets);
  return {
    list: (orgId: string, id: string, query: RecipientQuery) => tenants.use(orgId, async (tenant) => {
      const { sql, org } = tenant;
      const campaign = await findReported(sql, id);
      const at = decodeCursor(query.cursor, z.tuple([z.int()]));
      const picked = await pickRecipients(tenant, query, () => gateway.nudgeOutbox(orgId));
      const rows = picked === null ? [] : await sql.rows<RecipientRow>(shown(picked.statement), [campaign.mailNo, at?.[0] ?? 0, query.limit + 1, ...picked.values]);
      const domain = campaign.fromEmail.slice(campaign.fromEmail.lastIndexOf('@') + 1);
      const page = toPage(rows, query.limit, (row) => [row.ordinal], (row) => toRecipient(row, `${ids.mint({ orgNo: org.no, mailNo: campaign.mailNo, ordinal: row.ordinal }, [{ kind: 'messageId', link: 0 }])[0]}@${domain}`));
      if (query.count !== true) return page;
      if (picked === null) return { ...page, count: 0 };
      return { ...page, count: picked.isEverybody ? campaign.recipients : await countPicked(tenant, campaign.mailNo, picked) };
    }),
  };
}

interface RecipientRow {
  readonly ordinal: number; readonly customerId: number | null; readonly email: string | null; readonly state: number; readonly reason: string | null; readonly reply: string | null; readonly attempt: number;
  readonly connectionId: string | null; readonly connection: string | null; readonly variant: number | null; readonly endedAt: Date | null; readonly deliveredAt: Date | null; readonly openedAt: Date | null; readonly clickedAt: Date | null;
  readonly opens: number; readonly clicks: number; readonly bouncedAt: Date | null; readonly complainedAt: Date | null; readonly unsubscribedAt: Date | null;
}

/** The page is cut before anything is joined that only the screen shows. */
const shown = (picked: string) => /* sql */ `
select m.ordinal, c.id as "customerId", c.email, m.state, m.reason, m.reply, m.attempt, n.id::text as "connectionId", n.name as connection, coalesce(m.variant, s.variant) as variant, m.ended_at as "endedAt", m.delivered_at as "deliveredAt",
  m.first_opened_at as "openedAt", m.first_clicked_at as "clickedAt", m.open_count as opens, m.click_count as clicks, m.bounced_at as "bouncedAt", m.complained_at as "complainedAt", m.unsubscribed_at as "unsubscribedAt"
from (${picked}) m left join customer c on c.id = m.customer_id ${SLICE} left join connection n on n.no = coalesce(m.connection_no, s.connection_no) order by m.ordinal`;

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
