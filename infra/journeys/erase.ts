import type { Transaction } from '../db/sql.ts';

/**
 * Takes erased people out of journeys, in the transaction that erases them: their runs end as `erased`, what their paths and
 * webhooks said of them is gone, as are refusals, addresses typed for enrolling, their places in jobs under way, and dry runs that show them. Counts
 * stay. The caller holds the customers; runs are locked in the order of their ids.
 * @param addresses of theirs, lower-case
 */
export async function eraseRuns(tx: Transaction, customerIds: readonly number[], addresses: readonly string[]): Promise<void> {
  await tx.run(END, [customerIds]);
  await tx.run('update enrollment_step s set detail = null from enrollment e where e.customer_id = any($1) and s.enrollment_id = e.id and s.detail is not null', [customerIds]);
  await tx.run(
    `update journey_webhook w set body = '', response = null, state = case w.state when 'pending' then 'failed' else w.state end from enrollment e where e.customer_id = any($1) and w.enrollment_id = e.id`, [customerIds]);
  await tx.run('delete from journey_refusal where customer_id = any($1)', [customerIds]);
  await tx.run('delete from journey_job_staging where customer_id = any($1)', [customerIds]);
  await tx.run(FORGET_TYPED, [addresses]);
  // What a dry run says of its examples is hers; it is quickly done again.
  await tx.run(`delete from journey_job where action = 'dry_run' and jsonb_path_exists(result, '$.simulation.steps[*].ports[*].examples[*].customerId ? (@ == $ids[*])', jsonb_build_object('ids', to_jsonb($1::bigint[])))`, [customerIds]);
}

const END = /* sql */ `
with held as (select id from enrollment where customer_id = any($1) and state = 'active' order by id for update)
update enrollment e set state = 'exited', reason = 'erased', ended_at = now(), due_at = null, wake_event = null, woken_by = null, woken_at = null from held h where e.id = h.id`;

// An address in the list keeps its place as an empty one, so that a job's cursor still counts.
const FORGET_TYPED = /* sql */ `
update journey_job j set options = jsonb_set(options, '{emails}', (
    select jsonb_agg(case when lower(btrim(e #>> '{}')) = any($1) then '""'::jsonb else e end order by n) from jsonb_array_elements(j.options->'emails') with ordinality a(e, n)))
 where j.options ? 'emails' and exists (select from jsonb_array_elements_text(j.options->'emails') e where lower(btrim(e)) = any($1))`;
