import { randomUUID } from 'node:crypto';
import type { Graph } from '#domain/journey/graph.ts';
import { enter } from '../../infra/journeys/enter.ts';
import { prepareJourneyMails } from '../../infra/journeys/mails.ts';
import { findOverdue } from '../../infra/journeys/overdue.ts';
import { armTrigger } from '../../infra/journeys/triggers.ts';
import { createVersions } from '../../infra/journeys/versions.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { JourneyInput } from '../../workflows/contracts.ts';
import { graphOf, type Piece } from './journey-dsl.ts';
import type { TestOrganization } from './organization.ts';

/** A live journey in rows, as publishing leaves it. */
export interface PublishedJourney {
  readonly organization: TestOrganization;
  readonly id: string;
  readonly graph: Graph;
  /** Numbers of its mails by step. */
  readonly mails: ReadonlyMap<string, number>;
  /** Envelope sender: no other journey has it. */
  readonly sender: string;
}

/** What the questions below need to know of one, however it was published. */
export type KnownJourney = Pick<PublishedJourney, 'organization' | 'id'>;

const inOrganization = <T>({ orgId, container }: TestOrganization, work: (sql: Sql) => Promise<T>): Promise<T> => container.tenants.use(orgId, ({ sql }) => work(sql));

/** A delay shorter than the form allows: seconds of a test. */
export const waitSeconds = (seconds: number): Piece => ({ kind: 'fixed-delay', name: `wait ${seconds} s`, config: { duration: { amount: seconds / 60, unit: 'minutes' } } });

/** @param connectionId what its mails go over */
export async function publish(organization: TestOrganization, connectionId: string | null, ...pieces: readonly Piece[]): Promise<PublishedJourney> {
  const id = randomUUID();
  const sender = `j${id.slice(0, 8)}@shop.example`;
  const drawn = graphOf(...pieces);
  const graph: Graph = { ...drawn, nodes: drawn.nodes.map((node) => (node.kind === 'send' ? { ...node, config: { ...node.config, fromEmail: sender, ...(connectionId === null ? {} : { connection: connectionId }) } } : node)) };
  const mails = await organization.container.tenants.use(organization.orgId, (tenant) => tenant.sql.transaction(async (tx) => {
    await tx.run(`insert into journey (id, name, slug, state, active_version, created_by) values ($1, 'Welcome series', 'welcome-series', 'published', 1, 'test')`, [id]);
    await tx.run(`insert into journey_version (journey_id, no, graph, published_by) values ($1, 1, $2, 'test')`, [id, JSON.stringify(graph)]);
    await prepareJourneyMails(tenant, tx, id, 1, graph);
    await armTrigger(tx, id);
    return tx.rows<{ no: number; step: string }>('select no, step_id as step from mail where ref_id = $1', [id]);
  }));
  return { organization, id, graph, sender, mails: new Map(mails.map((mail) => [mail.step, mail.no])) };
}

/** Customers by address, made where there are none. @returns their ids in order */
export function customers(organization: TestOrganization, emails: readonly string[]): Promise<number[]> {
  return inOrganization(organization, async (sql) => {
    await sql.run(`insert into customer (email, email_key, first_name, score) select e, lower(e), 'Ada', 1 from unnest($1::text[]) with ordinality u(e, n) order by n on conflict (email_key) do nothing`, [emails]);
    return (await sql.rows<{ id: number }>('select c.id from unnest($1::text[]) with ordinality u(e, n) join customer c on c.email_key = lower(u.e) order by n', [emails])).map((row) => row.id);
  });
}

/** Lets people in and begins their runs. @returns the cohorts' inputs */
export async function enrollAll({ organization, id }: PublishedJourney, customerIds: readonly number[], eventId?: number): Promise<JourneyInput[]> {
  const { orgId, container } = organization;
  const versions = createVersions();
  const cohorts = await container.tenants.use(orgId, ({ org, sql }) => sql.transaction(async (tx) => {
    const entered = await enter({ org, tx, versions, now: Date.now() }, id, customerIds.map((customerId) => ({ customerId, ...(eventId === undefined ? {} : { event: { id: eventId, type: 'custom', bounceClass: null } }) })));
    return entered?.cohorts ?? [];
  }));
  const inputs = cohorts.map((cohort) => ({ orgId, ...cohort }));
  for (const input of inputs) await container.gateway.startCohort(input);
  return inputs;
}

export const rowsOf = <R extends object>(journey: KnownJourney, text: string, values: readonly unknown[] = []): Promise<R[]> => inOrganization(journey.organization, (sql) => sql.rows<R>(text, [journey.id, ...values]));

/** How many stand at a step, or ended how: `{ 'active wait': 3, 'completed bye': 2 }`. */
export async function standings(journey: KnownJourney): Promise<Record<string, number>> {
  const rows = await rowsOf<{ what: string; n: number }>(journey, `select state || coalesce(' ' || reason, '') || ' ' || node_id as what, count(*)::int as n from enrollment where journey_id = $1 group by 1`);
  return Object.fromEntries(rows.map((row) => [row.what, row.n]));
}

export async function activeIn(journey: KnownJourney): Promise<number> {
  return (await rowsOf<{ n: number }>(journey, `select count(*)::int as n from enrollment where journey_id = $1 and state = 'active'`))[0]!.n;
}

/** Steps they left with their ports, in order, by customer. */
export async function pathsOf(journey: KnownJourney): Promise<Map<number, string[]>> {
  const rows = await rowsOf<{ id: number; path: string[] }>(journey,
    `select e.customer_id as id, array_agg(s.node_id || ':' || s.port order by s.visit) as path from enrollment e join enrollment_step s on s.enrollment_id = e.id where e.journey_id = $1 group by e.id`);
  return new Map(rows.map((row) => [row.id, row.path]));
}

/** The watchdog: cohorts whose people should have been asked a minute ago. None in a sound installation. */
export function overdue({ organization }: KnownJourney): Promise<readonly object[]> {
  return inOrganization(organization, (sql) => findOverdue(sql, Date.now()));
}

/** Whether the counters say what the rows say. */
export async function countersDiffer(journey: KnownJourney): Promise<object[]> {
  return rowsOf(journey, `
    select * from (select node_id, state, coalesce(reason, '') as reason, count(*)::int as n from enrollment where journey_id = $1 group by 1, 2, 3) a
      full join (select node_id, state, reason, sum(n)::int as n from enrollment_count where journey_id = $1 and state in ('active', 'completed', 'exited') group by 1, 2, 3 having sum(n) <> 0) b using (node_id, state, reason)
     where a.n is distinct from b.n
    union all
    select s.node_id, s.port, '', s.n, c.n from (select s.node_id, s.port, count(*)::int as n from enrollment_step s join enrollment e on e.id = s.enrollment_id where e.journey_id = $1 group by 1, 2) s
      full join (select node_id, port, sum(n)::int as n from step_count where journey_id = $1 group by 1, 2) c using (node_id, port) where s.n is distinct from c.n`);
}
