import { emailKey } from '#domain/customer/email-address.ts';
import type { Transaction } from '../db/sql.ts';
import { eraseRuns } from '../journeys/erase.ts';
import type { Secrets } from '../secrets.ts';
import { blockErased, createAddressHash } from './erasure.ts';
import { ERASE, WRITE_SUPPRESSIONS } from './suppression-lock.ts';

export interface Erasure {
  readonly customerIds: readonly number[];
  /** Addresses to forget that are perhaps no customer's: keys, lower-case. */
  readonly emailKeys?: readonly string[];
  /** Blocks the addresses by their hashes even if they were not suppressed. */
  readonly neverMail: boolean;
  readonly actor: string;
}

export interface Erased {
  /** Customers there were. */
  readonly customers: number;
  /** Exports whose files may hold them: delete these after the commit (`removeExportFiles`). */
  readonly exportIds: readonly string[];
}

/**
 * Erases people. Gone in this transaction: their rows with lists, activity, sign-ups and edits; their suppressions (a keyed hash
 * blocks on); mails they were caught with; rows of theirs that wait in running imports; names in the audit log; answers
 * kept for repeated uploads. Counts stay: their ledger rows and events name nobody, and who was still to get a campaign's
 * mail is `skipped`, `erased`; their journeys end (`eraseRuns`). Every finished export is closed and every running one begins again, as each may hold them.
 * The index gets tombstones by the outbox. The kept files of imports, and audiences frozen at this moment,
 * are looked through afterwards (`erased_address`, `scrubWorkflow`).
 * Locks suppressions, then messages, then customers, as everybody does.
 */
export async function eraseCustomers(tx: Transaction, secrets: Secrets, erasure: Erasure): Promise<Erased> {
  const ids = [...erasure.customerIds].sort((a, b) => a - b);
  await tx.run(WRITE_SUPPRESSIONS);
  await tx.run(ERASE);
  await tx.run(SETTLE_MESSAGES, [ids]);
  await tx.rows('select 1 from customer where id = any($1) order by id for update', [ids]);
  const idByAddress = new Map([...(erasure.emailKeys ?? []).map((key) => [key, null] as const), ...(await addressesOf(tx, ids))]);
  const addresses = [...idByAddress.keys()];
  if (addresses.length === 0) return { customers: 0, exportIds: [] };
  const gone = await tx.rows<{ id: number }>('delete from customer where id = any($1) returning id', [ids]);
  const erasedIds = gone.map((row) => row.id);
  await tx.run('update event set customer_id = null, detail = null, city = null where customer_id = any($1)', [ids]);
  await tx.run('delete from index_failure where customer_id = any($1)', [ids]);
  await eraseRuns(tx, ids, addresses);
  await hide(tx, secrets, idByAddress, erasure.neverMail);
  await tx.run('delete from sign_up where email_key = any($1)', [addresses]);
  await tx.run(`delete from caught_mail where string_to_array(lower(recipient), ', ') && $1::text[]`, [addresses]);
  await tx.run(`update audit set subject = 'erased address', detail = null where subject = any($1)`, [addresses]);
  await tx.run(`delete from idempotency i where route like 'post %import%' and exists (select 1 from unnest($1::text[]) u(address) where position(address in lower(i.response::text)) > 0)`, [addresses]);
  await takeOutStaged(tx, secrets, addresses);
  // One statement: an export that ends at this moment is seen either as running or as ended.
  const exports = await tx.rows<{ id: string; state: string }>(
    `update export_job set file_removed_at = case when state = 'completed' then now() end, start_over = state <> 'completed'
      where state in ('queued', 'running', 'completed') and file_removed_at is null returning id::text, state`);
  await tx.run(`insert into audit (actor, action, subject) select $1, 'customer.erased', 'customer ' || id from unnest($2::bigint[]) u(id) order by id`, [erasure.actor, erasedIds]);
  if (erasedIds.length > 0) await tx.run(`insert into outbox (topic, ids) values ('customer', $1::bigint[])`, [erasedIds]);
  return { customers: erasedIds.length, exportIds: exports.filter((row) => row.state === 'completed').map((row) => row.id) };
}

/** Keys of theirs now and before (as far as nobody else has them), and the spellings they gave. */
async function addressesOf(tx: Transaction, ids: readonly number[]): Promise<[address: string, customerId: number][]> {
  const current = await tx.rows<{ id: number; email: string; key: string }>('select id, email, email_key as key from customer where id = any($1)', [ids]);
  const earlier = await tx.rows<{ id: number; email: string }>(
    `select distinct h.customer_id as id, d->>'from' as email from customer_change h cross join lateral jsonb_array_elements(h.detail) d
      where h.customer_id = any($1) and h.kind = 'fields' and d->>'field' = 'email' and d->>'from' is not null`, [ids]);
  const earlierKeys = earlier.flatMap(({ id, email }): [string, number][] => [[emailKey(email) ?? email.toLowerCase(), id]]);
  const others = new Set((await tx.rows<{ key: string }>('select email_key as key from customer where email_key = any($1) and not id = any($2)', [earlierKeys.map(([key]) => key), ids])).map((row) => row.key));
  return [...earlierKeys.filter(([key]) => !others.has(key)), ...current.flatMap(({ id, email, key }): [string, number][] => [[email.toLowerCase(), id], [key, id]])];
}

async function hide(tx: Transaction, secrets: Secrets, idByAddress: ReadonlyMap<string, number | null>, neverMail: boolean): Promise<void> {
  const hashOf = createAddressHash(secrets);
  const addresses = [...idByAddress.keys()];
  const taken = await tx.rows<{ key: string; reason: string; source: string; at: Date }>(
    'delete from suppression where email_key = any($1) returning email_key as key, reason, source, created_at as at', [addresses]);
  await tx.run(
    `insert into suppression_hash (hash, reason, source, created_at) select * from unnest($1::bytea[], $2::text[], $3::text[], $4::timestamptz[]) on conflict (hash) do nothing`,
    [taken.map((row) => hashOf(row.key)), taken.map((row) => row.reason), taken.map((row) => row.source), taken.map((row) => row.at.toISOString())]);
  if (neverMail) await blockErased(tx, secrets, addresses, { reason: 'manual', source: 'manual' });
  await tx.run(
    `insert into erased_address (hash, customer_id) select * from unnest($1::bytea[], $2::bigint[])
     on conflict (hash) do update set customer_id = coalesce(excluded.customer_id, erased_address.customer_id), erased_at = now(), searched = false`, [addresses.map(hashOf), [...idByAddress.values()]]);
}

/** For the transaction that freezes an audience, before it looks at anybody. No row is held: a pause need not wait for it. */
export const FREEZE_AUDIENCE = 'lock table audience_staging in row exclusive mode';

/** Waits for all of those, and keeps the next ones out until the transaction ends. */
const AWAIT_FREEZES = 'lock table audience_staging in share mode';

/**
 * Settles the messages of erased people whom a campaign froze at the moment of their erasure: it saw them still, and the
 * erasure not yet its rows. Waits for audiences that are being frozen now; those frozen later do not have them any more.
 */
export async function settleLateMessages(tx: Transaction, customerIds: readonly number[]): Promise<void> {
  await tx.run(AWAIT_FREEZES);
  await tx.run(SETTLE_MESSAGES, [customerIds]);
}

// Who is being sent to this moment becomes in doubt: the answer still lands by its epoch, and counts.
const SETTLE_MESSAGES = /* sql */ `
with held as (
  select mail_no, ordinal, state from message where customer_id = any($1) and (state in (0, 1) or reply is not null) order by mail_no, ordinal for update
), settled as (
  update message m set reply = null,
         state = case h.state when 0 then 4 when 1 then 5 else m.state end,
         reason = case when h.state in (0, 1) then 'erased' else m.reason end,
         ended_at = case when h.state in (0, 1) then now() else m.ended_at end
    from held h where m.mail_no = h.mail_no and m.ordinal = h.ordinal
  returning m.mail_no, m.ordinal, h.state, coalesce(m.connection_no, 0) as connection_no, coalesce(m.variant, 0) as variant
), unqueued as (
  delete from retry r using settled s where s.state = 0 and r.mail_no = s.mail_no and r.ordinal = s.ordinal
), reasoned as (
  insert into reason_count (mail_no, state, reason, count)
  select mail_no, case state when 0 then 4 else 5 end, 'erased', count(*) from settled where state in (0, 1) group by 1, 2 order by 1, 2
  on conflict (mail_no, state, reason, shard) do update set count = reason_count.count + excluded.count
)
insert into mail_count (mail_no, hour, connection_no, variant, skipped, in_doubt)
select mail_no, date_trunc('hour', now(), 'UTC'), connection_no, variant, count(*) filter (where state = 0), count(*) filter (where state = 1)
  from settled where state in (0, 1) group by mail_no, connection_no, variant order by 1, 3, 4
on conflict (mail_no, hour, connection_no, variant, shard) do update set skipped = mail_count.skipped + excluded.skipped, in_doubt = mail_count.in_doubt + excluded.in_doubt`;

const UNDEFINED_TABLE = '42P01';

/** An import that ends meanwhile takes its table away, and the rows with it. Whom one was still to suppress is blocked. */
async function takeOutStaged(tx: Transaction, secrets: Secrets, addresses: readonly string[]): Promise<void> {
  const tables = await tx.rows<{ name: string; suppressedUpTo: number | null }>(
    `select t.relname as name, j.cursor_no as "suppressedUpTo"
       from pg_class t left join import_job j on j.kind = 'suppressions' and t.relname = 'import_staging_' || replace(j.id::text, '-', '')
      where t.relname like 'import\\_staging\\_%' and t.relkind = 'r' order by 1`);
  for (const { name, suppressedUpTo } of tables) {
    await tx.run('savepoint staged');
    try {
      const taken = await tx.rows<{ key: string; no: number }>(`delete from ${tx.client.escapeIdentifier(name)} where email_key = any($1) returning email_key as key, no`, [addresses]);
      const waiting = suppressedUpTo === null ? [] : taken.filter((row) => row.no > suppressedUpTo);
      await blockErased(tx, secrets, waiting.map((row) => row.key), { reason: 'list_import', source: 'csv_import' });
      await tx.run('release savepoint staged');
    } catch (error) {
      if ((error as { code?: unknown }).code !== UNDEFINED_TABLE) throw error;
      await tx.run('rollback to savepoint staged');
    }
  }
}
