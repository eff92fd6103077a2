import type { Arrival, Visit } from '#domain/journey/board.ts';
import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { settled } from '../../infra/db/contention.ts';
import { termsOf } from '../../infra/journeys/terms.ts';
import { titleOf } from '../../infra/journeys/tokens.ts';
import type { Version } from '../../infra/journeys/versions.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import type { NodeInput } from '../../workflows/contracts.ts';
import { attemptClock, type VisitDependencies } from './cohort.ts';

interface Stand {
  readonly node: string;
  readonly count: number;
  /** Epoch ms, or null for those whom only an event moves. */
  readonly due: number | null;
}

/**
 * Where people of a cohort stand by the rows: what a run begins with, whatever became of the one before. Who stands where
 * nobody can (on an exit, on a step this version does not have) is brought to the end she has reached.
 */
export async function muster({ tenants, versions }: VisitDependencies, input: NodeInput): Promise<Visit> {
  const now = attemptClock();
  return tenants.use(input.orgId, async (tenant) => {
    const stands = await readStands(tenant, input.cohortId, now());
    if (stands.length === 0) return { arrivals: [], nextDue: null, paused: false };
    const version = await versions.get(tenant, input.journeyId, input.versionNo);
    const arrivals: Arrival[] = [];
    for (const { node: id, count, due } of stands) {
      const node = version.node(id);
      const activity = node === undefined ? null : nodeKinds[node.kind].activity;
      if (node === undefined || activity === null) await endThere(tenant, input, id, version, now());
      else arrivals.push({ port: '', node: id, activity, title: titleOf(node), count, ...(due === null ? {} : { due }) });
    }
    return { arrivals, nextDue: null, paused: false };
  });
}

function readStands({ sql }: Tenant, cohortId: number, now: number): Promise<Stand[]> {
  return sql.rows(
    `select node_id as node, count(*)::int as count, min(case when woken_by is not null then $2::float8 else ceil(extract(epoch from due_at) * 1000)::float8 end) as due
       from enrollment where cohort_id = $1 and state = 'active' group by node_id order by node_id`, [cohortId, now]);
}

async function endThere({ sql }: Tenant, { cohortId }: NodeInput, node: string, version: Version, now: number): Promise<void> {
  const isEnd = version.node(node)?.kind === 'exit';
  await settled(sql, (tx) => tx.run(
    `with held as (select id from enrollment where cohort_id = $1 and node_id = $2 and state = 'active' order by id for update)
     update enrollment e set state = $3, reason = $4, ended_at = to_timestamp($5::float8 / 1000), due_at = null, wake_event = null, woken_by = null, woken_at = null,
            reentry_key = case when $6 then e.id::text else e.reentry_key end
       from held h where e.id = h.id`,
    [cohortId, node, isEnd ? 'completed' : 'exited', isEnd ? null : 'error', now, termsOf(version.graph).reentry === 'after_completion']));
}
