import { inferredType, type TypeEvidence } from '#domain/customer/fields.ts';
import { customKey } from '#domain/customer/import-columns.ts';
import type { Transaction } from '../db/sql.ts';
import { addField, HOLD_FIELDS } from '../fields/catalogue.ts';
import type { ImportOptions } from './job.ts';

/** Makes the fields a file brings that are not there, each of the type all its values have or a person chose. Part of the caller's transaction. */
export async function addNewFields(tx: Transaction, { columns, chosen }: ImportOptions, unknown: ReadonlyMap<string, TypeEvidence>): Promise<void> {
  if (unknown.size === 0) return;
  await tx.run(HOLD_FIELDS);
  const present = new Set((await tx.rows<{ key: string }>('select key from custom_field where not removing')).map((field) => field.key));
  for (const column of columns) {
    const key = customKey(column);
    const evidence = key === null ? undefined : unknown.get(key);
    if (key === null || evidence === undefined || present.has(key)) continue;  // another import was quicker
    await addField(tx, { key, label: labelOf(column.header, key), type: chosen.includes(key) ? column.type : inferredType(evidence) });
  }
}

function labelOf(header: string, key: string): string {
  const label = header.trim();
  return label === '' || label.length > 100 ? key : label;
}
