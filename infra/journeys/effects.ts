import { parseNumber, readValue, standardFields, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH, type CustomField } from '#domain/customer/fields.ts';
import type { Change } from '#domain/journey/nodes/node.ts';
import { isTimeZone } from '#domain/shared/time.ts';
import { readCatalogue } from '../../search/catalogue.ts';
import { addToList, removeFromList } from '../customers/bulk-actions.ts';
import { noteFieldChanges, type FieldChange } from '../customers/changes.ts';
import type { Transaction } from '../db/sql.ts';

/** What a step wants written of a customer. */
export type Wanted = Change;

type Effect = Wanted & { readonly enrollmentId: number; readonly customerId: number };
type FieldEffect = Extract<Effect, { kind: 'field' }>;
type ListEffect = Extract<Effect, { kind: 'list' }>;

export interface Effects {
  /** For the path of a run: what was and what is, or why nothing was written. */
  detailOf(enrollmentId: number): Readonly<Record<string, unknown>>;
  /** Writes the effects of these runs. @param actor for the customers' timelines */
  apply(tx: Transaction, enrollmentIds: ReadonlySet<number>, actor: string): Promise<void>;
}

type Stored = string | number | null;

/** A value worked out on the customer's row as it is held. */
interface Planned {
  readonly effect: FieldEffect;
  readonly from: Stored;
  readonly to: Stored;
}

const standardNames = Object.keys(standardFields).filter((name) => name !== 'email');

/**
 * Holds the customers that effects concern, in the order of their ids, and works out what they come to. What cannot be
 * written (a value that does not fit, a list that is gone) is no fault: the path says so and she goes on.
 */
export async function holdChanged(tx: Transaction, effects: readonly Effect[]): Promise<Effects> {
  if (effects.length === 0) return { detailOf: () => ({}), apply: async () => undefined };
  const listIds = [...new Set(effects.flatMap((effect) => (effect.kind === 'list' ? [effect.listId] : [])))];
  const names = new Map((await tx.rows<{ id: string; name: string }>('select id::text, name from list where id::text = any($1) order by id for key share', [listIds])).map((list) => [list.id, list.name]));
  const customers = await tx.rows<Held>(
    `select id, custom, ${standardNames.join(', ')} from customer where id = any($1) order by id for update`, [[...new Set(effects.map((effect) => effect.customerId))]]);
  const catalogue = await readCatalogue({ sql: tx });
  const plan = (of: readonly Effect[]): Plan => makePlan(of, customers, names, catalogue);
  const whole = plan(effects);
  return {
    detailOf: (enrollmentId) => whole.details.get(enrollmentId) ?? {},
    async apply(tx, enrollmentIds, actor) {
      // Of a customer who is twice in a cohort only the run that moved counts.
      const { planned, lists } = effects.every((effect) => enrollmentIds.has(effect.enrollmentId)) ? whole : plan(effects.filter((effect) => enrollmentIds.has(effect.enrollmentId)));
      await applyFields(tx, planned, actor);
      for (const listId of listIds) {
        const mine = lists.filter((effect) => effect.listId === listId);
        const [joining, leaving] = [mine.filter((effect) => effect.in), mine.filter((effect) => !effect.in)];
        if (joining.length > 0) await addToList(tx, listId, joining.map((effect) => effect.customerId));
        if (leaving.length > 0) await removeFromList(tx, actor, listId, leaving.map((effect) => effect.customerId));
      }
    },
  };
}

interface Plan {
  readonly details: ReadonlyMap<number, Readonly<Record<string, unknown>>>;
  readonly planned: readonly Planned[];
  readonly lists: readonly ListEffect[];
}

type Held = Record<string, Stored> & { readonly id: number; readonly custom: Readonly<Record<string, string>> };

function makePlan(effects: readonly Effect[], customers: readonly Held[], listNames: ReadonlyMap<string, string>, catalogue: readonly CustomField[]): Plan {
  const byId = new Map(customers.map((row) => [row.id, { ...row, custom: { ...row.custom } }]));
  const details = new Map<number, Readonly<Record<string, unknown>>>();
  const planned: Planned[] = [];
  const lists: ListEffect[] = [];
  for (const effect of effects) {
    const customer = byId.get(effect.customerId);
    if (effect.kind === 'list') {
      const name = listNames.get(effect.listId);
      if (name !== undefined) lists.push(effect);
      details.set(effect.enrollmentId, name === undefined ? { problem: 'The list was deleted.' } : { list: name });
    } else if (customer !== undefined) {
      const outcome = workOut(effect, customer, catalogue);
      if ('problem' in outcome) details.set(effect.enrollmentId, outcome);
      else {
        planned.push({ effect, ...outcome });
        write(customer, effect.field, outcome.to);
        details.set(effect.enrollmentId, { field: effect.field, from: outcome.from, to: outcome.to });
      }
    }
  }
  return { details, planned, lists };
}

const keyOf = (field: string): string | null => (field.startsWith('custom.') ? field.slice('custom.'.length) : null);

function write(customer: { custom: Record<string, string> } & { [column: string]: unknown }, field: string, to: Stored): void {
  const key = keyOf(field);
  if (key === null) customer[field] = to;
  else if (to === null) delete customer.custom[key];
  else customer.custom[key] = String(to);
}

/** What a field comes to, or why it stays. */
function workOut({ field, mode, value }: FieldEffect, customer: Readonly<Record<string, unknown>> & { readonly custom: Readonly<Record<string, string>> }, catalogue: readonly CustomField[]): { from: Stored; to: Stored } | { problem: string } {
  const key = keyOf(field);
  const type = key === null ? (standardNames.includes(field) ? standardFields[field as keyof typeof standardFields].type : undefined) : catalogue.find((each) => each.key === key)?.type;
  if (type === undefined) return { problem: `There is no field ${field} any more.` };
  const from = key === null ? (customer[field] as Stored) : Object.hasOwn(customer.custom, key) ? customer.custom[key]! : null;
  const given = typeof value === 'string' ? value.toWellFormed().trim() : value;
  if (mode === 'clear' || given === null || given === '') return mode === 'add' || mode === 'subtract' ? { problem: 'There was nothing to count with.' } : { from, to: null };
  if (mode === 'set') {
    const text = String(given);
    if (readValue(type, text, 'UTC') === null) return { problem: `“${text.slice(0, 100)}” is no ${type}.` };
    if (text.length > (key === null ? TEXT_MAX_LENGTH : VALUE_MAX_LENGTH)) return { problem: 'The text is too long for this field.' };
    if (text.includes('\u0000')) return { problem: 'The text holds a NUL character.' };
    if (field === 'timezone' && !isTimeZone(text)) return { problem: `“${text.slice(0, 100)}” is no time zone.` };
    return { from, to: key === null && type === 'number' ? Number(text) : text };
  }
  const held = from === null ? 0 : typeof from === 'number' ? from : parseNumber(from);
  const amount = typeof given === 'number' ? given : parseNumber(String(given));
  if (type !== 'number' || held === null || amount === null) return { problem: held === null ? `“${String(from).slice(0, 100)}” is no number.` : 'There was no number to count with.' };
  // As many digits as a field can hold: 0.1 + 0.2 is 0.3.
  const sum = Number((mode === 'add' ? held + amount : held - amount).toPrecision(14));
  if (parseNumber(String(sum)) === null) return { problem: `${sum} is too large or too small for a number field.` };
  return { from, to: key === null ? sum : String(sum) };
}

/** By customer and field the first value and the last; those that differ are written and noted. */
async function applyFields(tx: Transaction, planned: readonly Planned[], actor: string): Promise<void> {
  const net = new Map<string, { customerId: number; field: string; from: Stored; to: Stored }>();
  for (const { effect: { customerId, field }, from, to } of planned) {
    const id = `${customerId} ${field}`;
    net.set(id, { customerId, field, from: net.get(id)?.from ?? from, to });
  }
  const changed = [...net.values()].filter(({ from, to }) => from !== to);
  if (changed.length === 0) return;
  const changes = new Map<number, FieldChange[]>();
  for (const { customerId, field, from, to } of changed) changes.set(customerId, [...(changes.get(customerId) ?? []), { field, from, to }]);
  for (const field of new Set(changed.map((change) => change.field))) {
    const mine = changed.filter((change) => change.field === field);
    const key = keyOf(field);
    const set = key === null ? `${field} = u.value${field === 'score' ? '::double precision' : ''}` : 'custom = case when u.value is null then c.custom - $3 else c.custom || jsonb_build_object($3, u.value) end';
    await tx.run(`update customer c set ${set} from unnest($1::bigint[], $2::text[]) u(id, value) where c.id = u.id`, [mine.map((change) => change.customerId), mine.map((change) => (change.to === null ? null : String(change.to))), ...(key === null ? [] : [key])]);
  }
  const ids = [...changes.keys()].sort((a, b) => a - b);
  await tx.run('update customer set version = version + 1, updated_at = now() where id = any($1)', [ids]);
  await noteFieldChanges(tx, actor, [...changes].map(([customerId, list]) => ({ customerId, changes: list })));
  await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [ids]);
}
