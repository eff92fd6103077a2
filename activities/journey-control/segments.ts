import { toDocument } from '#domain/customer/document.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { evaluate } from '#domain/segment/evaluate.ts';
import { settled } from '../../infra/db/contention.ts';
import { countGoals, GOAL_MS } from '../../infra/journeys/goals.ts';
import { termsOf } from '../../infra/journeys/terms.ts';
import type { Versions } from '../../infra/journeys/versions.ts';
import type { Tenant } from '../../infra/tenancy/registry.ts';
import { readRuleContext } from '../../search/context.ts';
import { streamFiltered } from '../../search/population.ts';
import { readCustomerRows } from '../../search/rows.ts';

/** Segments of published journeys are looked through this often. */
export const SEGMENTS_EVERY = '15 minutes';

/** People confirmed and written in one transaction. */
const BATCH = 1_000;

interface Watch {
  readonly journeyId: string;
  readonly versionNo: number;
  readonly purpose: 'goal' | 'exit';
  readonly segmentId: string;
  readonly checkedAt: string;
}

/** What of a run a segment can concern: of exits those under way, of goals those ended not long ago, too. */
const CONCERNED = {
  exit: `e.state = 'active' and $3::timestamptz is not null`,
  goal: `e.goal_at is null and (e.state = 'active' or e.ended_at > $3::timestamptz)`,
} as const;

/**
 * Looks through the segments that are exits and goals of versions with people inside: pages the segment's members, and confirms
 * each by her own rows, as the index may be a moment behind. Done twice it changes nothing.
 * @param now epoch ms, by the engine's clock
 * @returns how many runs left and how many goals were counted
 */
export async function passSegments(tenant: Tenant, versions: Versions, now: () => number, work: { goOn(): void; nudgeOutbox(): void }): Promise<{ exited: number; goals: number }> {
  const { sql } = tenant;
  const watches = await sql.rows<Watch>(
    `select s.journey_id::text as "journeyId", s.version_no as "versionNo", s.purpose, s.segment_id::text as "segmentId", s.checked_at::text as "checkedAt"
       from journey_segment s join journey j on j.id = s.journey_id and j.state = 'published' where s.checked_at < now() - interval '${SEGMENTS_EVERY}' order by s.checked_at`);
  const found = { exited: 0, goals: 0 };
  for (const watch of watches) {
    work.goOn();
    const since = new Date(now() - GOAL_MS).toISOString();
    const startedAt = (await sql.first<{ at: string }>('select now()::text as at'))!.at;
    const isAsked = (await sql.first('select 1 as found from segment where id = $1', [watch.segmentId])) !== undefined
      && (await sql.first(`select 1 as found from enrollment e where e.journey_id = $1 and e.version_no = $2 and ${CONCERNED[watch.purpose]} limit 1`, [watch.journeyId, watch.versionNo, since])) !== undefined;
    if (isAsked) {
      const n = await passSegment(tenant, versions, watch, since, now, work);
      found[watch.purpose === 'goal' ? 'goals' : 'exited'] += n;
    }
    await sql.run('update journey_segment set checked_at = $4 where journey_id = $1 and version_no = $2 and purpose = $3', [watch.journeyId, watch.versionNo, watch.purpose, startedAt]);
  }
  return found;
}

async function passSegment(tenant: Tenant, versions: Versions, watch: Watch, since: string, now: () => number, { goOn, nudgeOutbox }: { goOn(): void; nudgeOutbox(): void }): Promise<number> {
  const rule: Rule = { op: 'and', parts: [{ segment: watch.segmentId, in: true }] };
  const ends = watch.purpose === 'exit' || termsOf((await versions.get(tenant, watch.journeyId, watch.versionNo)).graph).exits.goal;
  let count = 0;
  nudgeOutbox();
  for await (const page of streamFiltered(tenant, { rule }, { onWait: () => { goOn(); nudgeOutbox(); } })) {
    goOn();
    const hits = await tenant.sql.rows<{ id: number; customerId: number }>(
      `select e.id, e.customer_id as "customerId" from enrollment e where e.journey_id = $1 and e.version_no = $2 and ${CONCERNED[watch.purpose]} and e.customer_id = any($4::bigint[]) order by e.id`,
      [watch.journeyId, watch.versionNo, since, page]);
    for (let i = 0; i < hits.length; i += BATCH) {
      const members = await confirmed(tenant, rule, hits.slice(i, i + BATCH).map((hit) => hit.customerId), now());
      const ids = hits.slice(i, i + BATCH).filter((hit) => members.has(hit.customerId)).map((hit) => hit.id);
      count += await settle(tenant, watch, ids, since, ends, now());
    }
  }
  return count;
}

/** Who among these customers is a member by her own rows. */
async function confirmed(tenant: Tenant, rule: Rule, customerIds: readonly number[], now: number): Promise<ReadonlySet<number>> {
  const [context, rows] = await Promise.all([readRuleContext(tenant, rule), readCustomerRows(tenant, [...new Set(customerIds)])]);
  return new Set(rows.filter((row) => evaluate(rule, toDocument(row, context.catalogue, context.zone), { ...context, now })).map((row) => row.id));
}

async function settle({ sql }: Tenant, { journeyId, versionNo, purpose }: Watch, ids: readonly number[], since: string, ends: boolean, now: number): Promise<number> {
  if (ids.length === 0) return 0;
  return settled(sql, async (tx) => {
    const held = (await tx.rows<{ id: number }>(`select e.id from enrollment e where e.journey_id = $1 and e.version_no = $2 and ${CONCERNED[purpose]} and e.id = any($4::bigint[]) order by e.id for update`, [journeyId, versionNo, since, ids])).map((row) => row.id);
    if (purpose === 'goal') await countGoals(tx, held.map((enrollmentId) => ({ enrollmentId, at: now, ends })), now);
    else await tx.run(`update enrollment set state = 'exited', reason = 'segment', ended_at = to_timestamp($2::float8 / 1000), due_at = null, wake_event = null, woken_by = null, woken_at = null where id = any($1)`, [held, now]);
    return held.length;
  });
}
