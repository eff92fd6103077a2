import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { noteUnsuppressions } from '../../../infra/customers/changes.ts';
import { unhideSuppressions } from '../../../infra/customers/erasure.ts';
import { WRITE_SUPPRESSIONS } from '../../../infra/customers/suppression-lock.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { keysMatching, listSuppressions, type SuppressionFilter, type SuppressionQuery } from './list.ts';
import { SUPPRESSION, toSuppressionView, type Reason, type SuppressionRecord } from './views.ts';

export type SuppressionService = ReturnType<typeof createSuppressionService>;

export interface NewSuppression {
  readonly email: string;
  readonly reason: Reason;
  readonly note?: string | undefined;
}

export interface Many {
  readonly emails?: readonly string[] | undefined;
  readonly filter?: SuppressionFilter | undefined;
}

/** Unsuppressed in one transaction at most. */
const MANY = 10_000;

/** Addresses that get no mail, customers or not. An entry and the flags of the customer who has the address change together. */
export function createSuppressionService({ tenants, gateway, secrets }: Pick<Container, 'tenants' | 'gateway' | 'secrets'>) {
  return {
    list: (orgId: string, query: SuppressionQuery) => tenants.use(orgId, (tenant) => listSuppressions(tenant, query)),

    /** Suppresses an address, customer or not; a first reason stays and later ones join its history. */
    add: (orgId: string, source: 'manual' | 'api', input: NewSuppression, actor: string = source) => tenants.use(orgId, async ({ sql }) => {
      const { shown, key } = addressOf(input.email);
      const row = await sql.transaction(async (tx) => {
        await tx.run(WRITE_SUPPRESSIONS);
        await tx.rows(HOLD_CUSTOMERS, [[key]]);
        await unhideSuppressions(tx, secrets, [key]);
        await tx.run(SUPPRESS, [key, shown, input.reason, source, input.note ?? null]);
        await tx.run(MARK, [key, input.reason]);
        await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'suppression.added', $2, jsonb_build_object('reason', $3::text))`, [actor, key, input.reason]);
        return (await tx.first<SuppressionRecord>(`${SUPPRESSION} where s.email_key = $1`, [key]))!;
      });
      gateway.nudgeOutbox(orgId);
      return toSuppressionView(row);
    }),

    /** Lets one address get mail again. @throws AppError `not_found` when it is not suppressed */
    remove: (orgId: string, actor: string, email: string, note: string) => tenants.use(orgId, async ({ sql }) => {
      const { key } = addressOf(email);
      if ((await sql.transaction((tx) => unsuppress(tx, actor, [key], note))) === 0) throw notFound('suppression');
      gateway.nudgeOutbox(orgId);
    }),

    /**
     * Lets many get mail again: those named, or those a filter matches, up to 10,000 a call.
     * @returns how many were suppressed (named ones that were not stay as they are), and whether the filter matches more
     */
    removeMany: (orgId: string, actor: string, { emails, filter }: Many, note: string) => tenants.use(orgId, async (tenant) => {
      if ((emails === undefined) === (filter === undefined)) throw refuse('emails', 'Name the addresses or give a filter, one of the two.');
      const keys = emails === undefined ? await keysMatching(tenant, filter!, MANY) : keysOf(emails);
      const unsuppressed = await tenant.sql.transaction((tx) => unsuppress(tx, actor, keys, note));
      gateway.nudgeOutbox(orgId);
      return { unsuppressed, left: emails === undefined && keys.length === MANY };
    }),
  };
}

/** All named that are no addresses are refused together. */
function keysOf(emails: readonly string[]): string[] {
  const read = emails.map(parseEmailAddress);
  const problems = read.flatMap((each, i) => ('problem' in each ? [{ field: `emails[${i}]`, message: each.problem }] : []));
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  return read.flatMap((each) => ('key' in each ? [each.key] : []));
}

function addressOf(email: string): { shown: string; key: string } {
  const parsed = parseEmailAddress(email);
  if ('problem' in parsed) throw refuse('email', parsed.problem);
  return parsed;
}

/** The entries go, the customers' flags are cleared, the note is kept in her timeline and the audit. */
async function unsuppress(tx: Sql, actor: string, keys: readonly string[], note: string): Promise<number> {
  await tx.run(WRITE_SUPPRESSIONS);
  await tx.rows(HOLD_CUSTOMERS, [keys]);
  const gone = (await tx.rows<{ key: string }>(LIFT, [keys])).map((row) => row.key);
  if (gone.length === 0) return 0;
  const customers = await tx.rows<{ id: number }>(UNMARK, [gone]);
  await noteUnsuppressions(tx, actor, note, customers.map(({ id }) => id));
  await tx.run(
    `insert into audit (actor, action, subject, detail) select $1, 'suppression.removed', k, jsonb_build_object('note', $3::text) from unnest($2::text[]) u(k)`, [actor, gone, note]);
  return gone.length;
}

// Customers before entries, as everybody who suppresses locks them: otherwise one would wait for the other.
const HOLD_CUSTOMERS = 'select 1 from customer where email_key = any($1) order by id for update';

const SUPPRESS = /* sql */ `
insert into suppression (email_key, email, reason, source, note) values ($1, $2, $3, $4, $5)
on conflict (email_key) do update set history = suppression.history || jsonb_build_object('reason', excluded.reason, 'source', excluded.source, 'note', excluded.note, 'at', now())`;

const MARK = /* sql */ `
with touched as (
  update customer set is_suppressed = true, is_unsubscribed = is_unsubscribed or $2 = 'unsubscribed', is_bounced = is_bounced or $2 in ('hard_bounce', 'soft_bounce'),
         version = version + 1, updated_at = now()
   where email_key = $1 returning id)
insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0`;

const LIFT = /* sql */ `
with held as materialized (select email_key from suppression where email_key = any($1) order by email_key for update)
delete from suppression s using held h where s.email_key = h.email_key returning s.email_key as key`;

const UNMARK = /* sql */ `
with held as materialized (
  select id from customer where email_key = any($1) order by id for update
), touched as (
  update customer c set is_suppressed = false, is_unsubscribed = false, is_bounced = false, version = version + 1, updated_at = now() from held h where c.id = h.id returning c.id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from touched having count(*) > 0
)
select id from touched`;
