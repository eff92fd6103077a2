import { z } from 'zod';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { SUPPRESSION, toSuppressionView, type reasons, type sources, type SuppressionRecord } from './views.ts';

export type SuppressionService = ReturnType<typeof createSuppressionService>;

function keyOf(email: string): { shown: string; key: string } {
  const parsed = parseEmailAddress(email);
  if ('problem' in parsed) throw refuse('email', parsed.problem);
  return parsed;
}

/** Addresses that get no mail, customers or not. An entry and the flags of the customer who has the address change together. */
export function createSuppressionService({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>) {
  return {
    list: (orgId: string, query: ListQuery & { search?: string | undefined; reason?: (typeof reasons)[number] | undefined; source?: (typeof sources)[number] | undefined }) => tenants.use(orgId, async ({ sql }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.string().regex(/^[\d :.+-]{19,40}$/), z.string()]));
      const filter = `($1::text is null or position($1 in email_key) > 0) and ($2::text is null or reason = $2) and ($3::text is null or source = $3)`;
      const filters = [query.search?.trim().toLowerCase() ?? null, query.reason ?? null, query.source ?? null];
      const rows = await sql.rows<SuppressionRecord>(
        `${SUPPRESSION} where ${filter} and ($4::timestamptz is null or (created_at, email_key) < ($4::timestamptz, $5)) order by created_at desc, email_key desc limit $6`,
        [...filters, after?.[0] ?? null, after?.[1] ?? null, query.limit + 1]);
      const count = query.count === true ? (await sql.first<{ n: number }>(`select count(*) as n from suppression where ${filter}`, filters))!.n : undefined;
      return { ...toPage(rows, query.limit, (row) => [row.instant, row.key], toSuppressionView), ...(count === undefined ? {} : { count }) };
    }),

    /** Suppresses an address, customer or not; a first reason stays and later ones join its history. */
    add: (orgId: string, source: 'manual' | 'api', input: { email: string; reason: (typeof reasons)[number]; note?: string | undefined }, actor: string = source) => tenants.use(orgId, async ({ sql }) => {
      const { shown, key } = keyOf(input.email);
      const row = await sql.transaction(async (tx) => {
        await tx.run(
          `insert into suppression (email_key, email, reason, source, note) values ($1, $2, $3, $4, $5)
           on conflict (email_key) do update set history = suppression.history || jsonb_build_object('reason', excluded.reason, 'source', excluded.source, 'note', excluded.note, 'at', now())`,
          [key, shown, input.reason, source, input.note ?? null]);
        await tx.run(
          `with touched as (update customer set is_suppressed = true, is_unsubscribed = is_unsubscribed or $2 = 'unsubscribed',
              is_bounced = is_bounced or $2 in ('hard_bounce', 'soft_bounce'), version = version + 1, updated_at = now() where email_key = $1 returning id)
           insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`, [key, input.reason]);
        await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'suppression.added', $2, jsonb_build_object('reason', $3::text))`, [actor, key, input.reason]);
        return (await tx.first<SuppressionRecord>(`${SUPPRESSION} where email_key = $1`, [key]))!;
      });
      gateway.nudgeOutbox(orgId);
      return toSuppressionView(row);
    }),

    /** Lets an address get mail again: the entry goes, the customer's flags are cleared, the note is kept in the audit. */
    remove: (orgId: string, actor: string, email: string, note: string) => tenants.use(orgId, async ({ sql }) => {
      const { key } = keyOf(email);
      await sql.transaction(async (tx) => {
        if ((await tx.run('delete from suppression where email_key = $1', [key])) === 0) throw notFound('suppression');
        await tx.run(
          `with touched as (update customer set is_suppressed = false, is_unsubscribed = false, is_bounced = false, version = version + 1, updated_at = now() where email_key = $1 returning id),
             told as (insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0)
           insert into audit (actor, action, subject, detail) values ($2, 'suppression.removed', $1, jsonb_build_object('note', $3::text))`, [key, actor, note]);
      });
      gateway.nudgeOutbox(orgId);
    }),
  };
}
