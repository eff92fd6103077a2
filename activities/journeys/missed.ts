import type { GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import { readEventsSince } from '../../infra/journeys/journey-events.ts';
import { mailFilterOf } from '../../infra/journeys/mail-filter.ts';
import type { Place, Standing } from '../../infra/journeys/members.ts';
import type { Sql } from '../../infra/db/sql.ts';

/** Somebody whose waiting for an event has just been written. */
export interface Waiter {
  readonly member: Pick<Standing, 'enrollmentId' | 'customerId' | 'visit' | 'arrivedAt' | 'entryEventId'>;
  /** The event, as her row names it. */
  readonly wake: string;
}

/**
 * Who comes to wait for an event may have done it between her arrival and the moment her waiting was written: who applied
 * that event then did not see her. It is looked for in the transaction that writes her waiting: whoever applies one from then on
 * waits for her row, so nothing falls between, and a worker that dies leaves neither half.
 * @returns how many were woken by it
 */
export async function wakeMissed(sql: Pick<Sql, 'rows' | 'run'>, place: Pick<Place, 'cohortId'>, node: GraphNode, waiters: readonly Waiter[]): Promise<number> {
  const { matches } = kindOf(node);
  if (matches === undefined || waiters.length === 0) return 0;
  const since = Math.min(...waiters.map(({ member }) => member.arrivedAt));
  const types = [...new Set(waiters.map(({ wake }) => wake.replace(/:.*$/s, '')))];
  const byCustomer = await readEventsSince(sql, waiters.map(({ member }) => member.customerId), since, types);
  if (byCustomer.size === 0) return 0;
  const mails = await mailFilterOf(sql, [...byCustomer.values()].flat().map((event) => event.mailNo));
  const woken = waiters.flatMap(({ member }) => {
    // What brought her in is not what she waits for, however close together they are.
    const event = byCustomer.get(member.customerId)?.find((each) => each.at >= member.arrivedAt && each.id !== member.entryEventId && matches(node.config, each, mails));
    return event === undefined ? [] : [{ id: member.enrollmentId, visit: member.visit, event: event.id }];
  });
  if (woken.length === 0) return 0;
  return sql.run(
    `with held as (
       select e.id, u.event from enrollment e join unnest($3::bigint[], $4::int[], $5::bigint[]) u(id, visit, event) on u.id = e.id and u.visit = e.visit
        where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' and e.wake_event is not null and e.woken_by is null order by e.id for update of e)
     update enrollment e set woken_by = h.event, woken_at = now() from held h where e.id = h.id`,
    [place.cohortId, node.id, woken.map((each) => each.id), woken.map((each) => each.visit), woken.map((each) => each.event)]);
}
