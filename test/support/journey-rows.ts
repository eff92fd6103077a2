import { expect } from 'vitest';
import type { Graph } from '#domain/journey/graph.ts';
import { drainRound } from '../../activities/indexing.ts';
import { newId } from '../../infra/ids.ts';
import type { CohortRef } from '../../infra/journeys/enter.ts';
import { silentJourneyEngine, type JourneyEngine } from '../../infra/journeys/nudge.ts';
import { findOverdue } from '../../infra/journeys/overdue.ts';
import { armTrigger, disarm } from '../../infra/journeys/triggers.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { TestOrganization } from './organization.ts';

/** Journeys in rows, where the engine is not the point: what entries, events and jobs make of them can be seen as it is written. */
export interface JourneyRows {
  readonly sql: Sql;
  /** Published with this graph as version 1. */
  publish(graph: Graph): Promise<string>;
  /** The next version of it, live at once. */
  publishNext(journeyId: string, graph: Graph): Promise<number>;
  move(journeyId: string, state: 'published' | 'paused' | 'archived'): Promise<void>;
  /** Customers with these addresses, in order. */
  people(...emails: readonly string[]): Promise<number[]>;
  /** Stores events as whoever takes them does. @returns their ids */
  happen(...events: readonly TestEvent[]): Promise<number[]>;
  /** Applies what arrived until nothing is left. @returns what runs were told */
  drain(): Promise<Told>;
  runs(journeyId: string): Promise<Run[]>;
  /** Nobody is due or woken for too long. */
  expectNobodyOverdue(): Promise<void>;
}

export interface TestEvent {
  readonly customerId: number | null;
  readonly type: string;
  readonly name?: string;
  readonly properties?: object;
  readonly mailNo?: number;
  readonly machine?: boolean;
  readonly bounceClass?: string;
  /** Epoch ms; now by default. */
  readonly at?: number;
}

export interface Told {
  readonly started: CohortRef[];
  readonly woken: (CohortRef & { nodes: readonly string[] })[];
}

export interface Run {
  readonly id: number;
  readonly customerId: number;
  readonly cohortId: number;
  readonly version: number;
  readonly node: string;
  readonly visit: number;
  readonly state: string;
  readonly reason: string | null;
  readonly wokenBy: number | null;
  readonly flags: number;
  readonly hasGoal: boolean;
  readonly isDue: boolean;
}

export async function journeyRows({ container, orgId }: Pick<TestOrganization, 'container' | 'orgId'>): Promise<JourneyRows> {
  const tenant = await container.tenants.use(orgId, (found) => Promise.resolve(found));
  const { sql } = tenant;
  const addVersion = (journeyId: string, no: number, graph: Graph) => sql.run(`insert into journey_version (journey_id, no, graph, published_by) values ($1, $2, $3, 'Ada')`, [journeyId, no, JSON.stringify(graph)]);
  return {
    sql,
    async publish(graph) {
      const id = newId();
      await sql.run(`insert into journey (id, name, slug, state, active_version, created_by) values ($1, 'Test', 'test', 'published', 1, 'Ada')`, [id]);
      await addVersion(id, 1, graph);
      await sql.transaction((tx) => armTrigger(tx, id));
      return id;
    },
    async publishNext(journeyId, graph) {
      const { no } = (await sql.first<{ no: number }>('select active_version + 1 as no from journey where id = $1', [journeyId]))!;
      await addVersion(journeyId, no, graph);
      await sql.transaction(async (tx) => {
        await tx.run('update journey set active_version = $2 where id = $1', [journeyId, no]);
        await armTrigger(tx, journeyId);
      });
      return no;
    },
    move: (journeyId, state) => sql.transaction(async (tx) => {
      await tx.run('update journey set state = $2 where id = $1', [journeyId, state]);
      await (state === 'published' ? armTrigger(tx, journeyId) : disarm(tx, journeyId));
    }),
    async people(...emails) {
      const rows = await sql.rows<{ id: number }>(`insert into customer (email, email_key) select e, lower(e) from unnest($1::text[]) with ordinality u(e, n) order by n returning id`, [emails]);
      return rows.map((row) => row.id).sort((a, b) => a - b);
    },
    async happen(...events) {
      const rows = await sql.rows<{ id: number }>(
        `with stored as (
           insert into event (type, customer_id, mail_no, occurred_at, source, machine, detail)
           select * from unnest($1::text[], $2::bigint[], $3::int[], $4::timestamptz[], $5::text[], $6::boolean[], $7::jsonb[]) returning id
         ), told as (insert into outbox (topic, ids) select 'event', array_agg(id order by id) from stored)
         select id from stored order by id`, [
          events.map((event) => event.type), events.map((event) => event.customerId), events.map((event) => event.mailNo ?? null), events.map((event) => new Date(event.at ?? Date.now()).toISOString()),
          events.map(() => 'test'), events.map((event) => event.machine ?? false),
          events.map((event) => (event.type === 'custom' ? JSON.stringify({ name: event.name, properties: event.properties ?? {} }) : event.bounceClass === undefined ? null : JSON.stringify({ class: event.bounceClass }))),
        ]);
      return rows.map((row) => row.id);
    },
    async drain() {
      const told: Told = { started: [], woken: [] };
      const engine: JourneyEngine = {
        ...silentJourneyEngine(),
        tell: (_org, { started, woken }) => { told.started.push(...started); told.woken.push(...woken); return Promise.resolve(); },
      };
      while ((await drainRound(tenant, () => undefined, engine)) > 0);
      return told;
    },
    runs: (journeyId) => sql.rows<Run>(
      `select id, customer_id as "customerId", cohort_id as "cohortId", version_no as version, node_id as node, visit, state, reason, woken_by as "wokenBy", flags_at_entry as flags, goal_at is not null as "hasGoal", due_at is not null as "isDue"
         from enrollment where journey_id = $1 order by id`, [journeyId]),
    async expectNobodyOverdue() {
      expect(await findOverdue(sql, Date.now())).toEqual([]);
    },
  };
}

/** Puts somebody on a list as the API does: a membership, a version, an outbox row. */
export async function addToList(sql: Sql, listId: string, customerIds: readonly number[]): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.run('insert into list_member (list_id, customer_id) select $1, u from unnest($2::bigint[]) u on conflict do nothing', [listId, customerIds]);
    await tx.run('update customer set version = version + 1 where id = any($1)', [customerIds]);
    await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [customerIds]);
  });
}

export async function newList(sql: Sql): Promise<string> {
  const id = newId();
  await sql.run('insert into list (id, name) values ($1, $2)', [id, `List ${id}`]);
  return id;
}
