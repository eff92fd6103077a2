import type { Sql } from '../db/sql.ts';
import type { CohortRef } from './enter.ts';

/** Steps of a cohort where somebody waits who should have been asked. */
export interface Overdue extends CohortRef {
  readonly nodes: readonly string[];
}

/**
 * Cohorts of published journeys that lost their nudge: somebody is due for over a minute, or was woken over ten seconds ago.
 * None in a sound installation, whatever was killed a minute before.
 * @param now epoch ms, by the engine's clock
 * @param limit of cohorts, drawn by lot: those that stay overdue must not keep the others waiting
 */
export function findOverdue(sql: Pick<Sql, 'rows'>, now: number, limit = 2_000): Promise<Overdue[]> {
  return sql.rows(OVERDUE, [new Date(now - 60_000).toISOString(), new Date(now - 10_000).toISOString(), limit]);
}

// Each half by its own index: what is due and what was woken are few among millions who wait.
const OVERDUE = /* sql */ `
select e.journey_id::text as "journeyId", e.version_no as "versionNo", e.cohort_id as "cohortId", array_agg(distinct e.node_id) as nodes
  from (select journey_id, version_no, cohort_id, node_id from enrollment where state = 'active' and due_at < $1::timestamptz
        union all select journey_id, version_no, cohort_id, node_id from enrollment where state = 'active' and woken_by is not null and woken_at < $2::timestamptz) e
  join cohort c on c.id = e.cohort_id and not c.parked join journey j on j.id = e.journey_id and j.state = 'published'
 group by 1, 2, 3 order by random() limit $3`;
