import { AppError, notFound, refuse, type FieldError } from '#domain/shared/errors.ts';
import { holdSuppressions } from '../../../infra/customers/erasure.ts';
import { noteFieldChanges, noteListRemovals, type FieldChange } from '../../../infra/customers/changes.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import type { Secrets } from '../../../infra/secrets.ts';
import type { ReadInput } from './input.ts';

/** A customer to be written under her address: what is given changes, lists are added to. */
export interface Upsert {
  readonly values: ReadInput & { readonly email: { shown: string; key: string } };
  readonly listIds: readonly string[];
}

export interface Written {
  readonly id: number;
  readonly outcome: 'created' | 'updated' | 'unchanged';
}

const columns = ['first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone'] as const;

interface Held {
  readonly id: number;
  readonly key: string;
  readonly email: string;
  readonly version: number;
  readonly custom: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<(typeof columns)[number], string | number | null>>;
}

const HELD = `select id, email_key as key, email, version, custom, jsonb_build_object(${columns.map((column) => `'${column}', ${column}`).join(', ')}) as values from customer`;
const RECORD = `id bigint, email text, email_key text, ${columns.map((column) => `${column} ${column === 'score' ? 'double precision' : 'text'}`).join(', ')}, custom jsonb`;

/**
 * Writes customers by address, each once: who is new is made, with the suppression her address has; who is there gets what
 * is given, and keeps her version when nothing changes. Edits are noted for timelines, one outbox row tells of all.
 * @param upserts checked by `checkReferences`; of one address given twice the later values win
 * @param mode `fill`: of who is there only what is empty is written, as by a stranger's hand
 * @returns one result per upsert, in order
 */
export async function upsertCustomers(tx: Transaction, secrets: Secrets, actor: string, upserts: readonly Upsert[], mode: 'write' | 'fill' = 'write'): Promise<Written[]> {
  const wanted = [...merged(upserts).values()].sort((a, b) => (a.values.email.key < b.values.email.key ? -1 : 1));
  const keys = wanted.map((each) => each.values.email.key);
  await holdSuppressions(tx, secrets, keys);
  const known = new Set((await tx.rows<{ key: string }>('select email_key as key from customer where email_key = any($1)', [keys])).map((row) => row.key));
  const made = await insert(tx, wanted.filter((each) => !known.has(each.values.email.key)).map(({ values }) => values));
  // In id order, as everybody locks them; who was made by another meanwhile is here too.
  const held = await tx.rows<Held>(`${HELD} where email_key = any($1) and not id = any($2) order by id for update`, [keys, [...made.values()]]);
  const idByKey = new Map([...made, ...held.map((row) => [row.key, row.id] as const)]);
  if (idByKey.size < wanted.length) throw new AppError('conflict', 'A customer was erased at the same moment. Try again.');

  const byKey = new Map(wanted.map((each) => [each.values.email.key, each]));
  // Her address stays as it was first given.
  const valuesFor = (row: Held) => (mode === 'fill' ? fillingOf(row, byKey.get(row.key)!.values) : byKey.get(row.key)!.values);
  const edited = new Set(await edit(tx, actor, held.map((row) => ({ row, values: { ...valuesFor(row), email: undefined } }))));
  const pairs = wanted.flatMap(({ values, listIds }) => listIds.map((listId) => [listId, idByKey.get(values.email.key)!] as const));
  const joined = await join(tx, pairs, [...made.values()], [...edited]);
  await tell(tx, [...made.values(), ...edited, ...joined]);
  const changed = new Set([...edited, ...joined]);
  return upserts.map(({ values }) => {
    const id = idByKey.get(values.email.key)!;
    return { id, outcome: made.has(values.email.key) ? 'created' : changed.has(id) ? 'updated' : 'unchanged' };
  });
}

/** Makes a customer. @returns her id, or null when the address is taken */
export async function createCustomer(tx: Transaction, secrets: Secrets, { values, listIds }: Upsert): Promise<number | null> {
  await holdSuppressions(tx, secrets, [values.email.key]);
  const id = (await insert(tx, [values])).get(values.email.key);
  if (id === undefined) return null;
  await join(tx, listIds.map((listId) => [listId, id]), [id], []);
  await tell(tx, [id]);
  return id;
}

/**
 * Changes one customer by id. A new address brings its own suppression; `listIds` are then all her lists.
 * @throws AppError `not_found`; `conflict` when `version` is stale
 */
export async function changeCustomer(tx: Transaction, secrets: Secrets, actor: string, id: number, version: number | undefined, values: ReadInput, listIds: readonly string[] | undefined): Promise<void> {
  if (values.email !== undefined) await holdSuppressions(tx, secrets, [values.email.key]);
  const row = await tx.first<Held>(`${HELD} where id = $1 for update`, [id]);
  if (row === undefined) throw notFound('customer');
  if (version !== undefined && row.version !== version) throw new AppError('conflict', 'Somebody changed this customer meanwhile. Load her again, then repeat your change.');
  const edited = await edit(tx, actor, [{ row, values }]);
  if (values.email !== undefined && values.email.key !== row.key) await takeOverSuppression(tx, id);
  let left = 0;
  if (listIds !== undefined) {
    const gone = await tx.rows<{ id: string; name: string }>(
      'delete from list_member m using list l where l.id = m.list_id and m.customer_id = $1 and not m.list_id = any($2::uuid[]) returning l.id::text, l.name', [id, listIds]);
    for (const list of gone) await noteListRemovals(tx, actor, list, [id]);
    left = gone.length;
    if (left > 0 && edited.length === 0) await touch(tx, [id]);
  }
  const joined = await join(tx, (listIds ?? []).map((listId) => [listId, id]), [], left > 0 ? [id] : edited);
  if (edited.length > 0 || left > 0 || joined.length > 0) await tell(tx, [id]);
}

/** What an input names that does not exist: custom fields and lists. The lists found are kept from being deleted. */
export async function checkReferences(tx: Transaction, inputs: readonly { readonly values: ReadInput; readonly listIds: readonly string[] }[]): Promise<FieldError[][]> {
  const keys = [...new Set(inputs.flatMap(({ values }) => Object.keys(values.custom)))];
  const lists = [...new Set(inputs.flatMap(({ listIds }) => listIds.map((listId) => listId.toLowerCase())))];
  const knownKeys = new Set((await tx.rows<{ key: string }>('select key from custom_field where key = any($1) and not removing', [keys])).map((row) => row.key));
  const knownLists = new Set((await tx.rows<{ id: string }>('select id::text from list where id = any($1::uuid[]) order by id for key share', [lists])).map((row) => row.id));
  return inputs.map(({ values, listIds }) => [
    ...Object.keys(values.custom).filter((key) => !knownKeys.has(key)).map((key) => ({ field: `custom.${key}`, message: `There is no custom field ${key}. Add it under Fields first.` })),
    ...listIds.flatMap((listId, i) => (knownLists.has(listId.toLowerCase()) ? [] : [{ field: `listIds[${i}]`, message: 'This list does not exist.' }])),
  ]);
}

/** @throws AppError `invalid` with every field that names what does not exist */
export async function requireReferences(tx: Transaction, values: ReadInput, listIds: readonly string[]): Promise<void> {
  const problems = (await checkReferences(tx, [{ values, listIds }]))[0]!;
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
}

const UNIQUE_VIOLATION = '23505';

/** Runs a write of an address. @throws AppError `conflict` when another customer has it */
export async function addressTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    const { message, fields } = refuse('email', 'Another customer has this address.');
    throw new AppError('conflict', message, fields, { cause: error });
  }
}

function merged(upserts: readonly Upsert[]): Map<string, Upsert> {
  const byKey = new Map<string, Upsert>();
  for (const upsert of upserts) {
    const earlier = byKey.get(upsert.values.email.key);
    byKey.set(upsert.values.email.key, earlier === undefined ? upsert : {
      values: { email: upsert.values.email, columns: { ...earlier.values.columns, ...upsert.values.columns }, custom: { ...earlier.values.custom, ...upsert.values.custom } },
      listIds: [...earlier.listIds, ...upsert.listIds],
    });
  }
  return byKey;
}

/** Of the values those she has none for. */
function fillingOf(row: Held, { columns: given, custom }: ReadInput): ReadInput {
  return {
    columns: Object.fromEntries(Object.entries(given).filter(([column]) => row.values[column as (typeof columns)[number]] === null)),
    custom: Object.fromEntries(Object.entries(custom).filter(([key]) => row.custom[key] === undefined)),
  };
}

/** Makes those whose address nobody has. @returns their ids by key */
async function insert(tx: Transaction, values: readonly Upsert['values'][]): Promise<Map<string, number>> {
  if (values.length === 0) return new Map();
  const records = values.map((each) => ({ email: each.email.shown, email_key: each.email.key, ...each.columns, custom: given(each.custom) }));
  const names = columns.map((column) => `n.${column}`).join(', ');
  const rows = await tx.rows<{ id: number; key: string }>(
    `insert into customer (email, email_key, ${columns.join(', ')}, custom, is_suppressed, is_unsubscribed, is_bounced)
     select n.email, n.email_key, ${names}, n.custom, p.email_key is not null, coalesce(p.reason = 'unsubscribed', false), coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)
       from jsonb_to_recordset($1::jsonb) n(${RECORD}) left join suppression p on p.email_key = n.email_key order by n.email_key
     on conflict (email_key) do nothing returning id, email_key as key`, [JSON.stringify(records)]);
  return new Map(rows.map((row) => [row.key, row.id]));
}

/** Writes what differs. @returns ids of those who changed */
async function edit(tx: Transaction, actor: string, edits: readonly { readonly row: Held; readonly values: Omit<ReadInput, 'email'> & { readonly email?: ReadInput['email'] | undefined } }[]): Promise<number[]> {
  const records: object[] = [];
  const notes: { customerId: number; changes: FieldChange[] }[] = [];
  for (const { row, values } of edits) {
    const email = values.email?.shown ?? row.email;
    const next = { ...row.values, ...values.columns };
    const custom = given({ ...row.custom, ...values.custom });
    const changes = [
      ...(email === row.email ? [] : [{ field: 'email', from: row.email, to: email }]),
      ...columns.flatMap((field) => (next[field] === row.values[field] ? [] : [{ field, from: row.values[field], to: next[field]! }])),
      ...Object.keys(values.custom).flatMap((key) => (custom[key] === row.custom[key] ? [] : [{ field: `custom.${key}`, from: row.custom[key] ?? null, to: custom[key] ?? null }])),
    ];
    if (changes.length === 0) continue;
    records.push({ id: row.id, email, email_key: values.email?.key ?? row.key, ...next, custom });
    notes.push({ customerId: row.id, changes });
  }
  if (records.length === 0) return [];
  await tx.run(
    `update customer c set email = n.email, email_key = n.email_key, ${columns.map((column) => `${column} = n.${column}`).join(', ')}, custom = n.custom, version = c.version + 1, updated_at = now()
       from jsonb_to_recordset($1::jsonb) n(${RECORD}) where c.id = n.id`, [JSON.stringify(records)]);
  await noteFieldChanges(tx, actor, notes);
  return notes.map((note) => note.customerId);
}

function given(custom: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(custom).filter((entry): entry is [string, string] => entry[1] !== null));
}

async function takeOverSuppression(tx: Transaction, id: number): Promise<void> {
  await tx.run(
    `update customer c set is_suppressed = p.email_key is not null, is_unsubscribed = coalesce(p.reason = 'unsubscribed', false), is_bounced = coalesce(p.reason in ('hard_bounce', 'soft_bounce'), false)
       from (values (1)) one left join suppression p on p.email_key = (select email_key from customer where id = $1) where c.id = $1`, [id]);
}

/** Puts them on lists. @returns those who were really added and need a version of their own: not among `fresh` and `touched` */
async function join(tx: Transaction, pairs: readonly (readonly [listId: string, customerId: number])[], fresh: readonly number[], touched: readonly number[]): Promise<number[]> {
  if (pairs.length === 0) return [];
  const added = await tx.rows<{ id: number }>(
    `insert into list_member (list_id, customer_id) select distinct l, c from unnest($1::uuid[], $2::bigint[]) u(l, c) order by l, c on conflict do nothing returning customer_id as id`,
    [pairs.map(([listId]) => listId), pairs.map(([, customerId]) => customerId)]);
  const done = new Set([...fresh, ...touched]);
  const joined = [...new Set(added.map((row) => row.id))].filter((id) => !done.has(id));
  await touch(tx, joined);
  return joined;
}

async function touch(tx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.run('update customer set version = version + 1, updated_at = now() where id = any($1)', [ids]);
}

async function tell(tx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.run(`insert into outbox (topic, ids) values ('customer', $1::bigint[])`, [[...new Set(ids)].sort((a, b) => a - b)]);
}
