import type { enrollmentStates, exitReasons } from './people-views.ts';

/** A run with whose it is; her name is gone once she is erased. */
export interface Run {
  readonly id: number; readonly customer: number; readonly customerId: number | null; readonly email: string | null; readonly firstName: string | null; readonly lastName: string | null;
  readonly version: number; readonly cohortId: number; readonly node: string; readonly visit: number; readonly state: (typeof enrollmentStates)[number]; readonly reason: (typeof exitReasons)[number] | null;
  readonly enteredAt: Date; readonly arrivedAt: Date; readonly dueAt: Date | null; readonly endedAt: Date | null; readonly goalAt: Date | null; readonly wakeEvent: string | null; readonly entryEventId: number | null;
}

const RUN = /* sql */ `e.id, e.customer_id as customer, c.id as "customerId", c.email, c.first_name as "firstName", c.last_name as "lastName", e.version_no as version, e.cohort_id as "cohortId", e.node_id as node, e.visit, e.state, e.reason,
  e.entered_at as "enteredAt", e.arrived_at as "arrivedAt", case when e.state = 'active' then e.due_at end as "dueAt", e.ended_at as "endedAt", e.goal_at as "goalAt", e.wake_event as "wakeEvent", e.entry_event_id as "entryEventId"`;

export const RUNS = `select ${RUN} from enrollment e left join customer c on c.id = e.customer_id`;

/** $1 customer, $2 before this run, $3 limit. */
export const RUNS_OF_CUSTOMER = /* sql */ `
select ${RUN}, j.id::text as "journeyId", j.name as journey from enrollment e join customer c on c.id = e.customer_id join journey j on j.id = e.journey_id
 where e.customer_id = $1 and e.id < $2 and not j.removing order by e.id desc limit $3`;

export interface PathRow {
  readonly visit: number; readonly node: string; readonly port: string; readonly arrivedAt: Date; readonly leftAt: Date; readonly detail: Record<string, unknown> | null;
}

/** Someone who goes round in a circle for years is shown from where she came last. */
const VISITS_SHOWN = 1_000;

export const PATH_OF = /* sql */ `
select * from (select visit, node_id as node, port, arrived_at as "arrivedAt", left_at as "leftAt", detail from enrollment_step where enrollment_id = $1 order by visit desc limit ${VISITS_SHOWN}) latest order by visit`;

export interface MessageRow {
  readonly visit: number; readonly state: number; readonly reason: string | null; readonly reply: string | null; readonly connection: string | null; readonly endedAt: Date | null;
  readonly deliveredAt: Date | null; readonly openedAt: Date | null; readonly clickedAt: Date | null; readonly bouncedAt: Date | null; readonly complainedAt: Date | null; readonly unsubscribedAt: Date | null;
}

/** $1 customer: the ledger is found by her; $2 her run. */
export const MESSAGES_OF = /* sql */ `
select m.visit, m.state, m.reason, m.reply, n.name as connection, m.ended_at as "endedAt", m.delivered_at as "deliveredAt", m.first_opened_at as "openedAt", m.first_clicked_at as "clickedAt",
  m.bounced_at as "bouncedAt", m.complained_at as "complainedAt", m.unsubscribed_at as "unsubscribedAt"
from message m left join connection n on n.no = m.connection_no where m.customer_id = $1 and m.enrollment_id = $2`;

export interface WebhookRow {
  readonly visit: number; readonly state: 'pending' | 'succeeded' | 'failed'; readonly attempts: number; readonly status: number | null; readonly response: string | null; readonly firstAt: Date; readonly nextAt: Date;
}

export const WEBHOOKS_OF = /* sql */ `
select visit, state, attempt as attempts, status, response, first_at as "firstAt", next_at as "nextAt" from journey_webhook where enrollment_id = $1`;

/** The row decides: a step that is acting on her finds that she has gone. $4: it is an exit. $7: of this version the step is. */
export const MOVE = /* sql */ `
with held as (select id, visit, node_id, arrived_at from enrollment where journey_id = $1 and id = $2 and version_no = $7 and state = 'active' for update),
path as (
  insert into enrollment_step (enrollment_id, visit, node_id, port, arrived_at, left_at, detail) select id, visit, node_id, 'moved', arrived_at, $5::timestamptz, $6::jsonb from held on conflict do nothing)
update enrollment e set node_id = $3, visit = e.visit + 1, arrived_at = $5::timestamptz, due_at = case when not $4 then $5::timestamptz end, wake_event = null, woken_by = null, woken_at = null,
  state = case when $4 then 'completed' else 'active' end, ended_at = case when $4 then $5::timestamptz end
 from held h where e.id = h.id returning e.cohort_id as "cohortId"`;

export const REMOVE = /* sql */ `
update enrollment set state = 'exited', reason = 'removed', ended_at = $3::timestamptz, due_at = null, wake_event = null, woken_by = null, woken_at = null
 where journey_id = $1 and id = $2 and state = 'active' returning id`;
