import { z } from 'zod';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { readText, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH } from '#domain/customer/fields.ts';
import { isTimeZone } from '#domain/shared/time.ts';
import { AppError, type FieldError } from '#domain/shared/errors.ts';

const text = z.string().max(10_000).nullable().optional();

/** What may be written of a customer beside her address. */
export const writable = {
  firstName: text, lastName: text, phone: text, city: text, country: text,
  score: z.number().nullable().optional(),
  timezone: text,
  custom: z.record(z.string().max(64), z.union([z.string().max(10_000), z.number(), z.boolean(), z.null()])).optional(),
  listIds: z.array(z.uuid()).max(1_000).optional(),
};

export const emailInput = z.string().max(1_000);

/** A customer as programs and people give her. */
export const CustomerInput = z.strictObject({ email: emailInput, ...writable }).meta({ id: 'CustomerInput' });

/** Of her, any part. */
export type CustomerInput = Omit<z.infer<typeof CustomerInput>, 'email'> & { readonly email?: string | undefined };

/** Columns by their names in the API. */
const columnOf = { firstName: 'first_name', lastName: 'last_name', phone: 'phone', city: 'city', country: 'country', score: 'score', timezone: 'timezone' } as const;

/** What was given, checked and as the row holds it. */
export interface ReadInput {
  email?: { shown: string; key: string };
  readonly columns: Record<string, string | number | null>;
  /** Values by key; null takes one away. */
  readonly custom: Record<string, string | null>;
}

/** @throws AppError `invalid` with every field that cannot be taken */
export function readInput(input: CustomerInput, needsEmail: boolean): ReadInput {
  const problems: FieldError[] = [];
  const columns: Record<string, string | number | null> = {};
  const custom: Record<string, string | null> = Object.create(null) as Record<string, string | null>;
  const result: ReadInput = { columns, custom };
  if (input.email !== undefined || needsEmail) {
    const email = parseEmailAddress(input.email ?? '');
    if ('problem' in email) problems.push({ field: 'email', message: email.problem });
    else result.email = email;
  }
  for (const [name, column] of Object.entries(columnOf) as [keyof typeof columnOf, string][]) {
    const given = input[name];
    if (given === undefined) continue;
    if (typeof given !== 'string') {
      columns[column] = given === 0 ? 0 : given;  // never -0: the index tells them apart
      continue;
    }
    const read = readText(name, given, TEXT_MAX_LENGTH);
    if ('problem' in read) problems.push({ field: name, message: read.problem });
    else if (name === 'timezone' && read.value !== null && !isTimeZone(read.value)) problems.push({ field: name, message: 'Expected a time zone like Europe/London.' });
    else columns[column] = read.value;
  }
  for (const [key, given] of Object.entries(input.custom ?? {})) {
    const read = readText(key, given === null ? '' : String(given), VALUE_MAX_LENGTH);
    if ('problem' in read) problems.push({ field: `custom.${key}`, message: read.problem });
    else custom[key] = read.value;
  }
  if (problems.length > 0) throw new AppError('invalid', problems[0]!.message, problems);
  return result;
}
