import type { z } from 'zod';
import { metricsOf, percent, type Counters } from '#domain/campaign/metrics.ts';
import { notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { COUNTED, COUNTERS } from '../../../infra/reports/counters.ts';
import type { JourneyReader } from './reader.ts';
import type { AnalyticsView } from './views.ts';

export type JourneyNumbers = ReturnType<typeof createJourneyNumbers>;

type Analytics = z.input<typeof AnalyticsView>;
type StepNumbers = Analytics['steps'][string];
interface PeopleRow { readonly no: number; readonly node: string; readonly state: string; readonly reason: string; readonly n: number }
interface Totals { enrolled: number; active: number; completed: number; exited: number; byReason: Record<string, number>; goals: number; goalRate: number | null }

/** Whoever is due for longer should have gone on. */
const OVERDUE_MS = 60_000;
/** Of all people of the organization who are overdue, so many of the latest are looked through: there should be none. */
const OVERDUE_SEEN = 20_000;

/** What became of a journey's people, from counters alone: instant with millions of runs. */
export function createJourneyNumbers({ tenants, clock }: Pick<Container, 'tenants' | 'clock'>, reader: JourneyReader) {
  return {
    /** @param version null: all together @throws AppError `not_found` */
    read: (orgId: string, id: string, version: number | undefined) => tenants.use(orgId, async ({ sql }): Promise<Analytics> => {
      const { state } = await reader.find(sql, id);
      const no = version ?? null;
      if (no !== null && (await sql.first('select 1 as found from journey_version where journey_id = $1 and no = $2', [id, no])) === undefined) throw notFound('version');
      const [people, departures, mails, overdue] = await Promise.all([
        sql.rows<PeopleRow>('select version_no as no, node_id as node, state, reason, sum(n)::int as n from enrollment_count where journey_id = $1 group by 1, 2, 3, 4 having sum(n) <> 0', [id]),
        sql.rows<{ node: string; port: string; n: number }>('select node_id as node, port, sum(n)::int as n from step_count where journey_id = $1 and ($2::int is null or version_no = $2) group by 1, 2', [id, no]),
        sql.rows<Counters & { node: string }>(`select m.step_id as node, ${COUNTERS} from mail m join (${COUNTED}) on n.mail_no = m.no where m.kind = 'journey' and m.ref_id = $1 and ($2::int is null or m.version_no = $2) group by 1`, [id, no]),
        state === 'published' ? readOverdue(sql, id, no, clock.now()) : [],
      ]);
      return {
        total: totalsOf(people.filter((row) => no === null || row.no === no)),
        steps: stepsOf(people.filter((row) => no === null || row.no === no), departures, mails, new Map(overdue.map(({ node, n }) => [node, n]))),
        versions: [...Map.groupBy(people, (row) => row.no)].sort(([a], [b]) => b - a).map(([each, rows]) => ({ no: each, ...totalsOf(rows) })),
      };
    }),

    /** Changes whenever the journey, its numbers or the work on it change: what screens wait for. @throws AppError `not_found` */
    stamp: (orgId: string, id: string) => tenants.use(orgId, async ({ sql }) => {
      const row = await sql.first<{ changed: string }>(STAMP, [id]);
      if (row === undefined) throw notFound('journey');
      return row;
    }),
  };
}

async function readOverdue(sql: Pick<Sql, 'rows'>, id: string, no: number | null, now: number): Promise<{ node: string; n: number }[]> {
  // A paused journey may have a million people whose time has come: only the latest are looked at, by the index on due times.
  return sql.rows(
    `select node_id as node, count(*)::int as n from (select journey_id, version_no, node_id, cohort_id from enrollment where state = 'active' and due_at < to_timestamp($3::float8 / 1000) order by due_at desc limit ${OVERDUE_SEEN}) e
      where journey_id = $1 and ($2::int is null or version_no = $2) and not exists (select from cohort c where c.id = e.cohort_id and c.parked) group by 1`, [id, no, now - OVERDUE_MS]);
}

const STAMP = /* sql */ `
select md5(concat_ws('|', j.name, j.state, j.version, j.active_version, j.draft is null, j.draft_version, j.problem,
  (select string_agg(c.id || ':' || c.n, ',' order by c.id) from enrollment_count c where c.journey_id = j.id),
  (select string_agg(s.id || ':' || s.n, ',' order by s.id) from step_count s where s.journey_id = j.id),
  (select sum(n.sent + n.failed + n.skipped + n.in_doubt + n.delivered + n.unique_opened + n.unique_clicked + n.bounced + n.complained + n.unsubscribed) from mail m join mail_count n on n.mail_no = m.no where m.kind = 'journey' and m.ref_id = j.id),
  (select string_agg(w.id || w.state || w.done, ',' order by w.id) from journey_job w where w.journey_id = j.id and (w.ended_at is null or w.ended_at > now() - interval '1 minute')))) as changed
from journey j where j.id = $1`;

function totalsOf(rows: readonly PeopleRow[]): Totals {
  const count = (state: string) => rows.reduce((sum, row) => (row.state === state ? sum + row.n : sum), 0);
  const [active, completed, exited, goals] = [count('active'), count('completed'), count('exited'), count('goal')];
  const enrolled = active + completed + exited;
  const byReason: Record<string, number> = {};
  for (const row of rows) if (row.state === 'exited') byReason[row.reason] = (byReason[row.reason] ?? 0) + row.n;
  return { enrolled, active, completed, exited, byReason, goals, goalRate: percent(goals, enrolled) };
}

function stepsOf(people: readonly PeopleRow[], departures: readonly { readonly node: string; readonly port: string; readonly n: number }[], mails: readonly (Counters & { readonly node: string })[], overdue: ReadonlyMap<string, number>): Record<string, StepNumbers> {
  const steps: Record<string, { waiting: number; overdue: number; processed: number; ports: Record<string, number>; ended: Record<string, number>; mail: StepNumbers['mail'] }> = {};
  const at = (node: string) => (steps[node] ??= { waiting: 0, overdue: overdue.get(node) ?? 0, processed: 0, ports: {}, ended: {}, mail: null });
  for (const { node, state, reason, n } of people) {
    if (state === 'active') at(node).waiting += n;
    else if (state !== 'goal') {
      const { ended } = at(node);
      const why = state === 'completed' ? 'completed' : reason;
      ended[why] = (ended[why] ?? 0) + n;
    }
  }
  for (const { node, port, n } of departures) {
    const step = at(node);
    step.processed += n;
    step.ports[port] = (step.ports[port] ?? 0) + n;
  }
  for (const { node, ...counters } of mails) {
    const { sent, delivered, opened, clicked, bounced, complained, unsubscribed, skipped, failed, inDoubt, openRate, clickRate } = metricsOf(counters);
    at(node).mail = { sent, delivered, opened: opened.unique, clicked: clicked.unique, bounced, complained, unsubscribed, skipped, failed, inDoubt, openRate, clickRate };
  }
  return steps;
}
