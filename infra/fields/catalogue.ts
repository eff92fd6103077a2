import { fieldKeyProblem, freeSlot, type CustomField, type FieldType } from '#domain/customer/fields.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Sql } from '../db/sql.ts';

export interface NewField {
  readonly key: string;
  readonly label: string;
  readonly type: FieldType;
}

export interface AddedField extends CustomField {
  /** A field whose key differs from this one's only by case, if there is one. */
  readonly twin: string | null;
}

/** Taken by whoever changes the catalogue: two at once would take the same slot, and a build of the index reads it whole. */
export const HOLD_FIELDS = 'lock table custom_field in share row exclusive mode';

/**
 * Adds a field in the lowest free slot of its type: in the live index and, while the next one is being built, in that one too.
 * @param tx a transaction; it holds the catalogue until it ends
 * @throws AppError `invalid` for a key that cannot be, `conflict` for one that is there or being taken away
 */
export async function addField(tx: Pick<Sql, 'rows' | 'first' | 'run'>, { key, label, type }: NewField): Promise<AddedField> {
  const problem = fieldKeyProblem(key);
  if (problem !== null) throw refuse('key', problem);
  await tx.run(HOLD_FIELDS);
  // Rows being removed hold their slots until the last value in them is gone.
  const present = await tx.rows<{ key: string; slot: string | null; nextSlot: string | null; removing: boolean }>('select key, slot, next_slot as "nextSlot", removing from custom_field');
  const same = present.find((field) => field.key === key);
  if (same !== undefined) throw taken(same.removing ? `The field ${key} was deleted a moment ago and its values are still being taken away. Try again in a minute.` : 'This field exists already.');
  const builds = (await tx.first(`select 1 as found from search_index where state = 'building'`)) !== undefined;
  const free = (slots: readonly (string | null)[]) => freeSlot(type, new Set(slots.flatMap((slot) => (slot === null ? [] : [slot]))));
  const made = await tx.first<CustomField>(
    `insert into custom_field (key, label, type, wanted_type, slot, next_type, next_slot) values ($1, $2, $3, $3, $4, $5, $6)
     returning field_no as no, key, label, type, slot`,
    [key, label, type, free(present.map((field) => field.slot)), builds ? type : null, builds ? free(present.map((field) => field.nextSlot)) : null]);
  return { ...made!, twin: present.find((field) => !field.removing && field.key.toLowerCase() === key.toLowerCase())?.key ?? null };
}

function taken(message: string): AppError {
  return new AppError('conflict', message, [{ field: 'key', message }]);
}
