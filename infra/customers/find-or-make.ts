import type { EmailAddress } from '#domain/customer/email-address.ts';
import type { Transaction } from '../db/sql.ts';
import type { Secrets } from '../secrets.ts';
import { holdSuppressions } from './erasure.ts';

/**
 * Finds customers by address and makes those nobody has, with the suppression their address has and one outbox row. They
 * are held until the transaction ends, in the order of their ids: nobody erases them meanwhile.
 * @param make addresses that may become customers; the others are only looked for
 * @returns ids by key of all there are now, and how many were made
 */
export async function findOrMakeCustomers(tx: Transaction, secrets: Secrets, look: readonly EmailAddress[], make: readonly EmailAddress[]): Promise<{ idByKey: ReadonlyMap<string, number>; made: number }> {
  const find = (keys: readonly string[], lock = '') => tx.rows<{ id: number; key: string }>(`select id, email_key as key from customer where email_key = any($1) ${lock}`, [keys]);
  let made = 0;
  const wanted = new Map(make.map((address) => [address.key, address.shown]));
  if (wanted.size > 0) {
    for (const { key } of await find([...wanted.keys()])) wanted.delete(key);
  }
  if (wanted.size > 0) {
    await holdSuppressions(tx, secrets, [...wanted.keys()]);
    made = (await tx.rows(MAKE, [[...wanted.keys()], [...wanted.values()]])).length;
  }
  const rows = await find([...new Set([...look, ...make].map((address) => address.key))], 'order by id for key share');
  return { idByKey: new Map(rows.map((row) => [row.key, row.id])), made };
}

const MAKE = /* sql */ `
with made as (
  insert into customer (email, email_key, is_suppressed, is_unsubscribed, is_bounced)
  select u.email, u.key, p.email_key is not null, coalesce(p.reason = 'unsubscribed', false), coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)
    from unnest($1::text[], $2::text[]) u(key, email) left join suppression p on p.email_key = u.key order by u.key
  on conflict (email_key) do nothing returning id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id order by id) from made having count(*) > 0
)
select id from made`;
