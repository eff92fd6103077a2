import { z } from 'zod';
import { allows, type Role } from '#domain/access.ts';
import { sayBecause } from '#domain/journey/because.ts';
import type { GraphNode } from '#domain/journey/graph.ts';
import { kindOf } from '#domain/journey/nodes/index.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { createVersions, type Version } from '../../../infra/journeys/versions.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { workflowIds } from '../../../workflows/contracts.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { customersWith } from '../../../infra/reports/recipients.ts';
import { MESSAGES_OF, MOVE, PATH_OF, REMOVE, RUNS, RUNS_OF_CUSTOMER, WEBHOOKS_OF, type MessageRow, type PathRow, type Run, type WebhookRow } from './people-queries.ts';
import type { CustomerRunView, EnrollmentRowView, enrollmentStates, EnrollmentView, exitReasons } from './people-views.ts';
import type { JourneyReader } from './reader.ts';

export interface PeopleQuery extends ListQuery {
  readonly step?: string | undefined;
  readonly state?: (typeof enrollmentStates)[number] | undefined;
  readonly reason?: (typeof exitReasons)[number] | undefined;
  readonly version?: number | undefined;
  readonly search?: string | undefined;
}

export type JourneyPeople = ReturnType<typeof createJourneyPeople>;

const messageStates = ['pending', 'sending', 'sent', 'failed', 'skipped', 'in_doubt'] as const;
const OVERDUE_MS = 60_000;

/** Who is in a journey, where, and by which way; moved or taken out by hand. */
export function createJourneyPeople({ tenants, gateway, clock, logger }: Pick<Container, 'tenants' | 'gateway' | 'clock' | 'logger'>, reader: JourneyReader) {
  const versions = createVersions();

  async function find(sql: Pick<Sql, 'first'>, journeyId: string, id: number): Promise<Run> {
    const run = await sql.first<Run>(`${RUNS} where e.journey_id = $1 and e.id = $2`, [journeyId, id]);
    if (run === undefined) throw notFound('person in this journey');
    return run;
  }

  async function show(tenant: Tenant, role: Role, journeyId: string, id: number): Promise<z.input<typeof EnrollmentView>> {
    const { sql, org } = tenant;
    const journey = await reader.find(sql, journeyId);
    const run = await find(sql, journeyId, id);
    const version = await versions.get(tenant, journeyId, run.version);
    const [path, messages, webhooks, entry] = await Promise.all([
      sql.rows<PathRow>(PATH_OF, [id]), sql.rows<MessageRow>(MESSAGES_OF, [run.customer, id]), sql.rows<WebhookRow>(WEBHOOKS_OF, [id]),
      run.entryEventId === null ? undefined : sql.first<{ type: string; name: string | null; at: Date }>(`select type, detail->>'name' as name, occurred_at as at from event where id = $1`, [run.entryEventId]),
    ]);
    const mailBy = new Map(messages.map((row) => [row.visit, toMail(row)]));
    const webhookBy = new Map(webhooks.map((row) => [row.visit, toWebhook(row)]));
    const outsideOf = (visit: number) => ({ mail: mailBy.get(visit) ?? null, webhook: webhookBy.get(visit) ?? null });
    const mayChange = run.state === 'active' && allows(role, 'journeys.publish') && journey.state !== 'archived';
    return {
      ...toRow(run, version),
      path: path.map(({ visit, node, port, arrivedAt, leftAt, detail }) => ({
        visit, step: stepOf(version, node), arrivedAt: arrivedAt.toISOString(), leftAt: leftAt.toISOString(), port, portLabel: labelOf(version.node(node), port), detail, because: sayBecause(detail ?? undefined), ...outsideOf(visit),
      })),
      now: run.state !== 'active' ? null : {
        visit: run.visit, step: stepOf(version, run.node), arrivedAt: run.arrivedAt.toISOString(), dueAt: iso(run.dueAt), waitsFor: run.wakeEvent?.replace(/^custom:/, '') ?? null,
        isOverdue: journey.state === 'published' && run.dueAt !== null && run.dueAt.getTime() < clock.now() - OVERDUE_MS, ...outsideOf(run.visit),
      },
      entry: entry === undefined ? null : { type: entry.type, name: entry.name, at: entry.at.toISOString() },
      mayMove: mayChange, mayRemove: mayChange,
      temporalUrl: allows(role, 'operations.view') ? gateway.workflowUrl(workflowIds.cohort(org.id, journeyId, run.cohortId)) : null,
    };
  }

  return {
    list: (orgId: string, id: string, query: PeopleQuery) => tenants.use(orgId, async (tenant) => {
      const { sql } = tenant;
      await reader.find(sql, id);
      const at = decodeCursor(query.cursor, z.tuple([z.int()]));
      const text = query.search?.trim().toLowerCase() ?? '';
      const found = text === '' ? null : await customersWith(tenant, text, () => gateway.nudgeOutbox(orgId));
      const filter = [id, query.step ?? null, query.state ?? null, query.reason ?? null, query.version ?? null];
      // Few addresses are looked up by the key (journey, customer); of many, people are met soon among the newest.
      const whose = text === '' ? 'true' : found === null ? `exists (select from customer c where c.id = e.customer_id and c.email_key like $6)` : 'e.customer_id = any($6::bigint[])';
      const values = text === '' ? filter : [...filter, found ?? `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`];
      const where = `e.journey_id = $1 and ($2::text is null or e.node_id = $2) and ($3::text is null or e.state = $3) and ($4::text is null or e.reason = $4) and ($5::int is null or e.version_no = $5) and ${whose}`;
      // Counters know at once that nobody is there, whom a scan would look for among all.
      const counted = text === '' ? await sql.first<{ n: number }>(COUNTED, filter) : undefined;
      if (counted?.n === 0) return { data: [], nextCursor: null, ...(query.count === true ? { count: 0 } : {}) };
      const rows = await sql.rows<Run>(
        `${RUNS} where e.id in (select e.id from enrollment e where ${where} and e.id < $${values.length + 1} order by e.id desc limit $${values.length + 2}) order by e.id desc`, [...values, at?.[0] ?? Number.MAX_SAFE_INTEGER, query.limit + 1]);
      const known = new Map(await Promise.all([...new Set(rows.map((row) => row.version))].map(async (no) => [no, await versions.get(tenant, id, no)] as const)));
      const page = toPage(rows, query.limit, (row) => [row.id], (row) => toRow(row, known.get(row.version)!));
      if (query.count !== true) return page;
      const total = counted ?? (await sql.first<{ n: number }>(`select count(*)::int as n from enrollment e where ${where}`, values));
      return { ...page, count: total?.n ?? 0 };
    }),

    /** Runs of one customer, the newest first. @throws AppError `not_found` when there is no such customer */
    ofCustomer: (orgId: string, customerId: number, query: ListQuery) => tenants.use(orgId, async (tenant) => {
      const { sql } = tenant;
      if ((await sql.first('select 1 as found from customer where id = $1', [customerId])) === undefined) throw notFound('customer');
      const at = decodeCursor(query.cursor, z.tuple([z.int()]));
      const rows = await sql.rows<Run & { journeyId: string; journey: string }>(RUNS_OF_CUSTOMER, [customerId, at?.[0] ?? Number.MAX_SAFE_INTEGER, query.limit + 1]);
      const keyOf = (run: { readonly journeyId: string; readonly version: number }) => `${run.journeyId} ${run.version}`;
      const known = new Map<string, Version>();
      for (const row of rows) if (!known.has(keyOf(row))) known.set(keyOf(row), await versions.get(tenant, row.journeyId, row.version));
      const page = toPage(rows, query.limit, (row) => [row.id], (row): z.input<typeof CustomerRunView> => {
        const { id, version, step, state, reason, enteredAt, dueAt, endedAt, goalAt } = toRow(row, known.get(keyOf(row))!);
        return { id, journeyId: row.journeyId, journey: row.journey, version, step, state, reason, enteredAt, dueAt, endedAt, goalAt };
      });
      if (query.count !== true) return page;
      return { ...page, count: (await sql.first<{ n: number }>('select count(*)::int as n from enrollment where customer_id = $1', [customerId]))?.n ?? 0 };
    }),

    get: (orgId: string, role: Role, id: string, enrollmentId: number) => tenants.use(orgId, (tenant) => show(tenant, role, id, enrollmentId)),

    /**
     * Puts her on another step of her version, where she begins as if she had arrived there.
     * @throws AppError `invalid` for a step that is not there or an entry; `conflict` when her run is over or she stands there
     */
    move: async (orgId: string, role: Role, id: string, enrollmentId: number, step: string, actor: string) => {
      const { view, cohort } = await tenants.use(orgId, async (tenant) => {
        const journey = await reader.find(tenant.sql, id);
        const run = await find(tenant.sql, id, enrollmentId);
        const node = (await versions.get(tenant, id, run.version)).node(step);
        if (node === undefined) throw refuse('step', `Version ${run.version}, in which she is, has no such step.`);
        if (node.kind === 'entry') throw refuse('step', 'Nobody stands on the entry. Choose the step after it.');
        if (run.state === 'active' && run.node === step) throw new AppError('conflict', `She stands on “${node.name}” already.`);
        const cohortId = await tenant.sql.transaction(async (tx) => {
          const [moved] = await tx.rows<{ cohortId: number }>(MOVE, [id, enrollmentId, step, node.kind === 'exit', new Date(clock.now()).toISOString(), JSON.stringify({ by: actor, to: node.name }), run.version]);
          if (moved === undefined) throw new AppError('conflict', run.state === 'active' ? 'Her run has ended, or goes on in another version, since a moment ago. Look again.' : 'Her run is over: nobody can be moved any more.');
          await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'journey.person_moved', $2, $3)`, [actor, journey.name, JSON.stringify({ id, enrollment: enrollmentId, before: run.node, after: step })]);
          return moved.cohortId;
        });
        return { view: await show(tenant, role, id, enrollmentId), cohort: { orgId, journeyId: id, versionNo: run.version, cohortId } };
      });
      // She is due: without this nudge the sweep finds her within a minute.
      if (view.state === 'active') {
        await gateway.wakeCohort(cohort, [step])
          .catch((error: unknown) => logger.warn({ err: error, orgId, journeyId: id }, 'somebody moved by hand waits for the sweep'));
      }
      return view;
    },

    /** Ends her run. @throws AppError `conflict` when it is over */
    remove: (orgId: string, role: Role, id: string, enrollmentId: number, actor: string) => tenants.use(orgId, async (tenant) => {
      const journey = await reader.find(tenant.sql, id);
      await find(tenant.sql, id, enrollmentId);
      await tenant.sql.transaction(async (tx) => {
        const ended = await tx.rows(REMOVE, [id, enrollmentId, new Date(clock.now()).toISOString()]);
        if (ended.length === 0) throw new AppError('conflict', 'Her run is over already.');
        await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'journey.person_removed', $2, $3)`, [actor, journey.name, JSON.stringify({ id, enrollment: enrollmentId })]);
      });
      return show(tenant, role, id, enrollmentId);
    }),
  };
}

const COUNTED = /* sql */ `
select coalesce(sum(n), 0)::int as n from enrollment_count
 where journey_id = $1 and state <> 'goal' and ($2::text is null or node_id = $2) and ($3::text is null or state = $3) and ($4::text is null or reason = $4) and ($5::int is null or version_no = $5)`;

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

function stepOf(version: Version, id: string): z.input<typeof EnrollmentRowView>['step'] {
  const node = version.node(id);
  return { id, name: node?.name ?? id, kind: node?.kind ?? null };
}

function labelOf(node: GraphNode | undefined, port: string): string {
  if (port === 'moved') return 'Moved by hand';
  return (node === undefined ? undefined : kindOf(node).ports(node.config).find((each) => each.id === port)?.label) ?? port;
}

function toRow(run: Run, version: Version): z.input<typeof EnrollmentRowView> {
  return {
    id: run.id, customerId: run.customerId, email: run.email, firstName: run.firstName, lastName: run.lastName, version: run.version, step: stepOf(version, run.node), state: run.state, reason: run.reason,
    enteredAt: run.enteredAt.toISOString(), arrivedAt: run.arrivedAt.toISOString(), dueAt: iso(run.dueAt), endedAt: iso(run.endedAt), goalAt: iso(run.goalAt),
  };
}

function toMail(row: MessageRow): NonNullable<z.input<typeof EnrollmentView>['path'][number]['mail']> {
  return {
    state: messageStates[row.state] ?? 'pending', reason: row.reason, reply: row.reply, connection: row.connection, sentAt: row.state === 2 ? iso(row.endedAt) : null,
    deliveredAt: iso(row.deliveredAt), openedAt: iso(row.openedAt), clickedAt: iso(row.clickedAt), bouncedAt: iso(row.bouncedAt), complainedAt: iso(row.complainedAt), unsubscribedAt: iso(row.unsubscribedAt),
  };
}

function toWebhook({ state, attempts, status, response, firstAt, nextAt }: WebhookRow): NonNullable<z.input<typeof EnrollmentView>['path'][number]['webhook']> {
  return { state, attempts, status, response, firstAt: firstAt.toISOString(), nextAt: state === 'pending' ? nextAt.toISOString() : null };
}
