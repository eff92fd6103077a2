import type { Sql } from '../db/sql.ts';

/** One field of a customer as it was and as it is; `field` is `first_name` or `custom.plan`. */
export interface FieldChange {
  readonly field: string;
  readonly from: string | number | null;
  readonly to: string | number | null;
}

/** Notes for her timeline what a person or program wrote. Part of the transaction that writes it. */
export async function noteFieldChanges(tx: Sql, actor: string, changes: readonly { readonly customerId: number; readonly changes: readonly FieldChange[] }[]): Promise<void> {
  if (changes.length === 0) return;
  await tx.run(
    `insert into customer_change (customer_id, kind, actor, detail) select id, 'fields', $1, detail from unnest($2::bigint[], $3::jsonb[]) u(id, detail)`,
    [actor, changes.map((each) => each.customerId), changes.map((each) => JSON.stringify(each.changes))]);
}

/** Notes for their timelines that these customers were taken off a list; the name is kept, as the list may go. */
export async function noteListRemovals(tx: Sql, actor: string, list: { readonly id: string; readonly name: string }, customerIds: readonly number[]): Promise<void> {
  if (customerIds.length === 0) return;
  await tx.run(
    `insert into customer_change (customer_id, kind, actor, detail) select id, 'list_removed', $1, $2::jsonb from unnest($3::bigint[]) u(id)`,
    [actor, JSON.stringify({ list: list.id, name: list.name }), customerIds]);
}

/** Notes for their timelines that these customers get mail again, and why. */
export async function noteUnsuppressions(tx: Sql, actor: string, note: string, customerIds: readonly number[]): Promise<void> {
  if (customerIds.length === 0) return;
  await tx.run(
    `insert into customer_change (customer_id, kind, actor, detail) select id, 'unsuppressed', $1, $2::jsonb from unnest($3::bigint[]) u(id)`,
    [actor, JSON.stringify({ note }), customerIds]);
}
