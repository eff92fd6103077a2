import type { CustomField } from '#domain/customer/fields.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import type { ReadInput } from './input.ts';

/**
 * Taken before any customer row of an address that is new: a suppression that commits meanwhile would miss her,
 * and she it. Everybody locks this table first, so nobody waits crosswise.
 */
export const HOLD_SUPPRESSIONS = 'lock table suppression in share mode';
const UNIQUE_VIOLATION = '23505';

async function checkFields(tx: Transaction, values: ReadInput): Promise<void> {
  const keys = Object.keys(values.custom);
  if (keys.length > 0) {
    const known = new Set((await tx.rows<Pick<CustomField, 'key'>>('select key from custom_field where key = any($1)', [keys])).map((field) => field.key));
    const problems = keys.filter((key) => !known.has(key)).map((key) => ({ field: `custom.${key}`, message: `There is no custom field ${key}. Add it under Fields first.` }));
    if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  }
}

/** Makes a customer with her lists and outbox row. @returns the id, or null when the address is taken */
export async function insert(tx: Transaction, values: ReadInput, listIds: readonly string[] | undefined): Promise<number | null> {
  await tx.run(HOLD_SUPPRESSIONS);
  await checkFields(tx, values);
  const names = Object.keys(values.columns);
  const custom = Object.fromEntries(Object.entries(values.custom).filter(([, value]) => value !== null));
  const made = await tx.first<{ id: number }>(
    `insert into customer (email, email_key, custom, is_suppressed, is_unsubscribed, is_bounced${names.map((name) => `, ${name}`).join('')})
     select $1, $2::text, $3::jsonb, p.email_key is not null, coalesce(p.reason = 'unsubscribed', false), coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)${names.map((name, i) => `, $${i + 4}::${name === 'score' ? 'double precision' : 'text'}`).join('')}
       from (values (1)) one left join suppression p on p.email_key = $2::text
     on conflict (email_key) do nothing returning id`,
    [values.email!.shown, values.email!.key, JSON.stringify(custom), ...names.map((name) => values.columns[name])]);
  if (made === undefined) return null;
  await join(tx, made.id, listIds);
  await tell(tx, made.id);
  return made.id;
}

/** Changes a customer's fields and makes her next version; a new address brings its own suppression. */
export async function write(tx: Transaction, id: number, values: ReadInput): Promise<void> {
  await checkFields(tx, values);
  const names = Object.keys(values.columns);
  const parameters: unknown[] = [id, JSON.stringify(values.custom), ...names.map((name) => values.columns[name])];
  const sets = names.map((name, i) => `${name} = $${i + 3}`);
  if (values.email !== undefined) {
    sets.push(`email = $${parameters.push(values.email.shown)}`, `email_key = $${parameters.push(values.email.key)}`);
    const key = `$${parameters.length}`;
    const kept = (flag: string, test: string) => `${flag} = case when email_key = ${key} then ${flag} else exists (select 1 from suppression p where p.email_key = ${key}${test}) end`;
    sets.push(kept('is_suppressed', ''), kept('is_unsubscribed', ` and p.reason = 'unsubscribed'`), kept('is_bounced', ` and p.reason in ('hard_bounce', 'soft_bounce')`));
  }
  await tx.run(`update customer set custom = jsonb_strip_nulls(custom || $2::jsonb), version = version + 1, updated_at = now()${sets.map((set) => `, ${set}`).join('')} where id = $1`, parameters);
}

/** Puts her on lists she is not on yet. @throws AppError `invalid` for a list that does not exist */
export async function join(tx: Transaction, id: number, listIds: readonly string[] | undefined): Promise<void> {
  if (listIds === undefined || listIds.length === 0) return;
  const known = await tx.rows<{ id: string }>('select id::text from list where id = any($1::uuid[]) for key share', [listIds]);
  const missing = listIds.findIndex((listId) => !known.some((list) => list.id === listId.toLowerCase()));
  if (missing !== -1) throw refuse(`listIds[${missing}]`, 'This list does not exist.');
  await tx.run('insert into list_member (list_id, customer_id) select distinct unnest($1::uuid[]), $2::bigint on conflict do nothing', [listIds, id]);
}

/** The outbox row of a change of one customer. */
export async function tell(tx: Transaction, id: number): Promise<void> {
  await tx.run(`insert into outbox (topic, ids) values ('customer', array[$1::bigint])`, [id]);
}

/** Runs a write of an address. @throws AppError `conflict` when another customer has it */
export async function addressTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    const message = 'Another customer has this address.';
    throw new AppError('conflict', message, [{ field: 'email', message }], { cause: error });
  }
}
