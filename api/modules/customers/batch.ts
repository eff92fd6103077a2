import { z } from 'zod';
import { AppError, type FieldError } from '#domain/shared/errors.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import type { Secrets } from '../../../infra/secrets.ts';
import { toFieldErrors } from '../../http/problem.ts';
import { CustomerInput, readInput } from './input.ts';
import { checkReferences, upsertCustomers, type Upsert } from './write.ts';

export const BATCH_MAX = 1_000;

const outcomes = ['created', 'updated', 'unchanged', 'failed'] as const;
const problem = z.object({ field: z.string(), message: z.string() });

export const BatchReply = z.object({
  created: z.int(), updated: z.int(), unchanged: z.int(), failed: z.int(),
  /** In the order of the request. `errors` name the item and the field: `customers[3].timezone`. */
  results: z.array(z.object({ index: z.int(), outcome: z.enum(outcomes), id: z.int().optional(), errors: z.array(problem).optional() })),
}).meta({ id: 'CustomerBatchReply' });

interface Item {
  readonly index: number;
  readonly upsert: Upsert | null;
  readonly errors: readonly FieldError[];
}

/** Reads each item by itself, so that a wrong one costs nobody else. */
export function readBatch(customers: readonly unknown[]): Item[] {
  return customers.map((customer, index): Item => {
    const at = (errors: readonly FieldError[]): Item => ({ index, upsert: null, errors: errors.map(({ field, message }) => ({ field: place(index, field), message })) });
    const parsed = CustomerInput.safeParse(customer);
    if (!parsed.success) return at(toFieldErrors(parsed.error.issues));
    try {
      const { email, ...values } = readInput(parsed.data, true);
      return { index, upsert: { values: { ...values, email: email! }, listIds: parsed.data.listIds ?? [] }, errors: [] };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return at(error.fields);
    }
  });
}

/** Writes the items that can be taken, all in this transaction, and says of each what became of it. */
export async function writeBatch(tx: Transaction, secrets: Secrets, actor: string, items: readonly Item[]): Promise<z.input<typeof BatchReply>> {
  const read = items.filter((item): item is Item & { upsert: Upsert } => item.upsert !== null);
  const missing = await checkReferences(tx, read.map((item) => item.upsert));
  const taken = read.filter((_, i) => missing[i]!.length === 0);
  const written = await upsertCustomers(tx, secrets, actor, taken.map((item) => item.upsert));

  const results: z.input<typeof BatchReply>['results'] = items.map(({ index, errors }) => ({ index, outcome: 'failed', errors: [...errors] }));
  read.forEach((item, i) => results[item.index]!.errors!.push(...missing[i]!.map(({ field, message }) => ({ field: place(item.index, field), message }))));
  taken.forEach((item, i) => (results[item.index] = { index: item.index, ...written[i]! }));
  const count = (outcome: (typeof outcomes)[number]) => results.filter((result) => result.outcome === outcome).length;
  return { created: count('created'), updated: count('updated'), unchanged: count('unchanged'), failed: count('failed'), results };
}

function place(index: number, field: string): string {
  return field === '' ? `customers[${index}]` : `customers[${index}].${field}`;
}
