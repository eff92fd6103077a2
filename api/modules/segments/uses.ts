import { AppError } from '#domain/shared/errors.ts';
import type { Sql } from '../../../infra/db/sql.ts';

/** Names of what uses a list or segment: campaigns that aim at it, segments that ask for it. */
export async function usesOf(sql: Sql, kind: 'list' | 'segment', id: string): Promise<string[]> {
  const campaigns = await sql.rows<{ name: string }>(
    `select name from campaign where targets @> $1::jsonb and state not in ('completed', 'failed', 'cancelled') order by name limit 20`, [JSON.stringify([{ kind, id }])]);
  const segments = kind === 'list' ? await sql.rows<{ name: string }>(`select name from segment where jsonb_path_exists(rule, '$.**.list ? (@ == $id)', jsonb_build_object('id', $1::text)) order by name limit 20`, [id]) : [];
  return [...campaigns.map((row) => `campaign “${row.name}”`), ...segments.map((row) => `segment “${row.name}”`)];
}

/** @throws AppError `conflict` that lists the uses */
export function refuseInUse(what: string, uses: readonly string[]): void {
  if (uses.length > 0) throw new AppError('conflict', `This ${what} is in use and cannot be deleted. Used by: ${uses.join(', ')}.`);
}

/** Runs a write of a unique name. @throws AppError `conflict` on the field `name` when it is taken */
export async function nameTaken<T>(write: () => Promise<T>, what: string): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if ((error as { code?: string }).code !== '23505') throw error;
    const message = `There is a ${what} of this name already. Choose another name.`;
    throw new AppError('conflict', message, [{ field: 'name', message }], { cause: error });
  }
}
