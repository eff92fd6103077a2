import { noteUnsuppressions } from '../../../infra/customers/changes.ts';
import { WRITE_SUPPRESSIONS } from '../../../infra/customers/suppression-lock.ts';
import type { Sql } from '../../../infra/db/sql.ts';

export interface Lift {
  /** Who or what lets her go, as the timeline and the audit name it. */
  readonly actor: string;
  readonly emailKey: string;
  readonly note: string;
}

/**
 * Takes back that somebody unsubscribed, by her own act. Any other reason, the first or one that joined later, blocks her
 * on: only a person of the organization lifts those. Her flags, a note in her timeline and the audit change with the
 * entry. Done again it changes nothing.
 * @returns whether she is free of suppressions now
 */
export async function liftUnsubscribed(tx: Sql, { actor, emailKey, note }: Lift): Promise<boolean> {
  await tx.run(WRITE_SUPPRESSIONS);
  await tx.rows('select 1 from customer where email_key = $1 for update', [emailKey]);
  const gone = await tx.run(LIFT, [emailKey]);
  if (gone === 0) return (await tx.first('select 1 as found from suppression where email_key = $1', [emailKey])) === undefined;
  const customers = await tx.rows<{ id: number }>(UNMARK, [emailKey]);
  await noteUnsuppressions(tx, actor, note, customers.map(({ id }) => id));
  await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'suppression.removed', $2, jsonb_build_object('note', $3::text))`, [actor, emailKey, note]);
  return true;
}

const LIFT = /* sql */ `
delete from suppression where email_key = $1 and reason = 'unsubscribed'
   and not exists (select from jsonb_array_elements(history) later where later->>'reason' <> 'unsubscribed')`;

const UNMARK = /* sql */ `
with touched as (
  update customer set is_suppressed = false, is_unsubscribed = false, version = version + 1, updated_at = now() where email_key = $1 returning id
), told as (
  insert into outbox (topic, ids) select 'customer', array_agg(id) from touched having count(*) > 0
)
select id from touched`;
