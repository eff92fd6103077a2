import { nodeKinds } from '#domain/journey/nodes/index.ts';
import { mailFilterOf } from '../../infra/journeys/mail-filter.ts';
import { readEventsSince } from '../../infra/journeys/journey-events.ts';
import type { VisitWork } from './cohort.ts';

/**
 * Delays. Who comes to wait for an event may have done it between her arrival and the moment her waiting was written: who
 * applied that event then did not see her. It is looked for once she is seen, so nothing falls between.
 */
export const waiting: VisitWork = {
  async rested({ tenant: { sql }, node, input }, members) {
    const kind = nodeKinds[node.kind];
    const fresh = members.filter(({ member }) => member.wokenById === null);
    if (kind.matches === undefined || fresh.length === 0) return;
    const since = Math.min(...fresh.map(({ member }) => member.arrivedAt));
    const types = [...new Set(fresh.map(({ wake }) => wake.replace(/:.*$/s, '')))];
    const byCustomer = await readEventsSince(sql, fresh.map(({ member }) => member.customerId), since, types);
    if (byCustomer.size === 0) return;
    const mails = await mailFilterOf(sql, [...byCustomer.values()].flat().map((event) => event.mailNo));
    const woken = fresh.flatMap(({ member }) => {
      const event = byCustomer.get(member.customerId)?.find((each) => each.at >= member.arrivedAt && kind.matches!(node.config, each, mails));
      return event === undefined ? [] : [{ id: member.enrollmentId, visit: member.visit, event: event.id }];
    });
    if (woken.length === 0) return;
    await sql.run(
      `with held as (
         select e.id, u.event from enrollment e join unnest($3::bigint[], $4::int[], $5::bigint[]) u(id, visit, event) on u.id = e.id and u.visit = e.visit
          where e.cohort_id = $1 and e.node_id = $2 and e.state = 'active' and e.wake_event is not null and e.woken_by is null order by e.id for update of e)
       update enrollment e set woken_by = h.event, woken_at = now() from held h where e.id = h.id`,
      [input.cohortId, input.node, woken.map((each) => each.id), woken.map((each) => each.visit), woken.map((each) => each.event)]);
  },
};
