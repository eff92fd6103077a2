import type { FieldType } from '#domain/customer/fields.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Sql } from '../db/sql.ts';

/** Whom a preview or a test mail is written to. */
export interface ShownPerson {
  /** What choices of spintax follow from; 0 for the sample person. */
  readonly customerId: number;
  /** Her fields, as a row of customers has them. */
  readonly row: Readonly<Record<string, unknown>>;
  readonly isSample: boolean;
}

const sample = {
  email: 'ada@example.com', first_name: 'Ada', last_name: 'Lovelace', phone: '+44 20 7946 0000', city: 'London', country: 'GB', score: 42, timezone: 'Europe/London',
} as const;
const sampleOf: Readonly<Record<FieldType, (label: string) => string | number | boolean>> = {
  text: (label) => label, number: () => 42, date: () => '2026-01-31', boolean: () => true,
};

/**
 * A customer, or the sample person, whose custom fields hold something of their type.
 * @throws AppError `invalid` when this customer does not exist
 */
export async function loadPerson(sql: Pick<Sql, 'first' | 'rows'>, customerId: number | undefined): Promise<ShownPerson> {
  if (customerId === undefined) {
    const fields = await sql.rows<{ key: string; label: string; type: FieldType }>('select key, label, type from custom_field where not removing');
    return { customerId: 0, isSample: true, row: { ...sample, custom: Object.fromEntries(fields.map((field) => [field.key, sampleOf[field.type](field.label)])) } };
  }
  const row = await sql.first<Record<string, unknown>>('select email, first_name, last_name, phone, city, country, score, timezone, custom from customer where id = $1', [customerId]);
  if (row === undefined) throw refuse('customerId', 'This customer does not exist.');
  return { customerId, row, isSample: false };
}
