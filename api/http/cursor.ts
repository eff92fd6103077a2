import { z } from 'zod';
import { AppError } from '#domain/shared/errors.ts';

/** The query every list takes; spread it into a route's query: `z.object({ ...listQuery, search: … })`. */
export const listQuery = {
  limit: z.coerce.number({ message: 'Expected a number from 1 to 200.' }).int().min(1).max(200).default(50),
  cursor: z.string().max(1_000).optional(),
  count: z.enum(['true', 'false'], { message: 'Expected true or false.' }).transform((value) => value === 'true').optional(),
};

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly count?: boolean | undefined;
}

/** The reply of every list. `count` is there when it was asked for. */
export function listReply<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable(), count: z.number().int().optional() });
}

/** Keyset position → opaque text. The values are those the list is ordered by, ids last. */
export function encodeCursor(key: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * Opaque text → keyset position, checked against the list's own key.
 * @throws AppError `invalid` for a cursor of another list or one that was changed
 */
export function decodeCursor<Key extends z.ZodType>(cursor: string | undefined, key: Key): z.output<Key> | null {
  if (cursor === undefined) return null;
  try {
    return key.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (error) {
    const message = 'This cursor is not one of this list. Start again without it.';
    throw new AppError('invalid', message, [{ field: 'cursor', message }], { cause: error });
  }
}

/**
 * Cuts a page from rows that were asked for with `limit + 1`.
 * @param keyOf the values of a row that its list is ordered by
 */
export function toPage<Row, View>(rows: readonly Row[], limit: number, keyOf: (row: Row) => readonly (string | number | null)[], toView: (row: Row) => View): { data: View[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { data: shown.map(toView), nextCursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null };
}
