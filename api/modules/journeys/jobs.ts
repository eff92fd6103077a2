import { z } from 'zod';
import type { EntryConfig } from '#domain/journey/entry.ts';
import type { Graph } from '#domain/journey/graph.ts';
import type { NodeProblem } from '#domain/journey/nodes/node.ts';
import { AppError, notFound, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql, Transaction } from '../../../infra/db/sql.ts';
import { queueJob, type Named } from '../../../infra/journeys/jobs.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { checkJourney, toFieldErrors } from './checks.ts';
import type { DryRun, Enroll } from './input.ts';
import { toDryRunView, toJobView, type JobRecord } from './job-record.ts';
import { movingTo } from './moving.ts';
import { readVersionGraph } from './queries.ts';
import type { JourneyReader } from './reader.ts';
import { lastMigration } from './versions.ts';

export type JourneyJobs = ReturnType<typeof createJourneyJobs>;

const JOBS = /* sql */ `
select id, action, state, problem, total, done, options, result, created_by as "createdBy", created_at as "createdAt", started_at as "startedAt", ended_at as "endedAt", created_at::text as key from journey_job`;

const DRY_RUN_DAYS = 30;

/** Long work on a journey: written down here, done by its control workflow, one after the other. */
export function createJourneyJobs({ tenants, gateway, secrets, clock }: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'clock'>, reader: JourneyReader) {
  async function find(sql: Sql, journeyId: string, jobId: string) {
    const record = await sql.first<JobRecord>(`${JOBS} where journey_id = $1 and id = $2`, [journeyId, jobId]);
    if (record === undefined) throw notFound('job');
    return toJobView(record, record.action === 'dry_run' ? await toDryRunView(sql, record.result) : null);
  }

  /** Queues work and has it begun. @returns the job as it stands */
  async function begin(orgId: string, journeyId: string, queue: (tx: Transaction) => Promise<string>) {
    const view = await tenants.use(orgId, async ({ sql }) => find(sql, journeyId, await sql.transaction(queue)));
    // The row says what is to be done: should this nudge be lost, the sweep begins it within a minute.
    gateway.nudgeJourney({ orgId, journeyId });
    return view;
  }

  return {
    list: (orgId: string, id: string, query: ListQuery) => tenants.use(orgId, async ({ sql }) => {
      await reader.find(sql, id);
      const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
      const rows = await sql.rows<JobRecord & { key: string }>(
        `${JOBS} where journey_id = $1 and ($2::text is null or (created_at, id) < ($2::timestamptz, $3::uuid)) order by created_at desc, id desc limit $4`, [id, at?.[0] ?? null, at?.[1] ?? null, query.limit + 1]);
      const page = toPage(rows, query.limit, (row) => [row.key, row.id], (row) => toJobView(row, null));
      return query.count === true ? { ...page, count: (await sql.first<{ n: number }>('select count(*)::int as n from journey_job where journey_id = $1', [id]))?.n ?? 0 } : page;
    }),

    get: (orgId: string, id: string, jobId: string) => tenants.use(orgId, async ({ sql }) => find(sql, id, jobId)),

    /**
     * Enrolls a list, a segment or typed addresses in the live version, whatever its trigger.
     * @throws AppError `invalid` unless exactly one is named and is there; `conflict` unless the journey is published
     */
    enroll: (orgId: string, id: string, { listId, segmentId, emails, createUnknown }: Enroll, actor: string) => begin(orgId, id, async (tx) => {
      const { state, name } = await reader.find(tx, id);
      if ([listId, segmentId, emails].filter((each) => each !== undefined).length !== 1) throw refuse('listId', 'Choose one: a list, a segment or typed addresses.');
      if (state !== 'published') throw new AppError('conflict', state === 'paused' ? 'This journey is paused. Resume it to enroll people.' : `Only published journeys take people in; this one is ${state === 'draft' ? 'a draft' : state}.`);
      const source = emails === undefined ? await sourceOf(tx, { listId, segmentId }) : { emails, addresses: emails.length };
      await note(tx, actor, 'journey.enrolled', name, { id, ...(listId === undefined ? {} : { listId }), ...(segmentId === undefined ? {} : { segmentId }), ...(emails === undefined ? {} : { addresses: emails.length }) });
      return queueJob(tx, { journeyId: id, action: 'enroll', options: { ...source, createUnknown }, by: actor });
    }),

    /**
     * Tries the draft, or the live version where there is none, with people; nothing is sent or changed. Mails may be unfinished.
     * @throws AppError `invalid` when it is not said whom, or steps that decide are unfinished, naming each
     */
    async dryRun(orgId: string, id: string, { listId, segmentId, days, rates }: DryRun, actor: string) {
      await tenants.use(orgId, async (tenant) => {
        const { wasPublished } = await reader.find(tenant.sql, id);
        if ([listId, segmentId, days].filter((each) => each !== undefined).length > 1) throw refuse('listId', 'Choose one: a list, a segment, or a number of days.');
        const row = await tenant.sql.first<{ graph: Graph | null }>('select coalesce(draft, (select graph from journey_version v where v.journey_id = j.id and v.no = j.active_version)) as graph from journey j where id = $1', [id]);
        const graph = row?.graph ?? null;
        if (graph === null) throw new AppError('conflict', 'There is nothing to try: this journey has no draft and no live version.');
        const { trigger } = (graph.nodes.find((node) => node.kind === 'entry')?.config ?? {}) as Partial<EntryConfig>;
        const isHidden = trigger === undefined || (trigger.kind === 'manual' && !wasPublished);
        const isNamed = listId !== undefined || segmentId !== undefined;
        if (!isNamed && isHidden) throw refuse('listId', 'Nobody has entered this journey by its trigger. Choose a list or a segment to try it with.');
        const kinds = new Map(graph.nodes.map((node) => [node.id, node.kind]));
        // Nothing is sent; who enters does not matter where people are named.
        const isIdle = ({ node, field }: NodeProblem) => ['send', 'webhook'].includes(kinds.get(node) ?? '') || (isNamed && kinds.get(node) === 'entry' && field?.startsWith('trigger') === true);
        const unfinished = (await checkJourney(tenant, secrets, id, graph, clock.now())).filter((problem) => problem.severity === 'error' && !isIdle(problem));
        if (unfinished.length > 0) throw new AppError('invalid', 'These steps must be finished before the journey can be tried.', toFieldErrors(unfinished));
      });
      return begin(orgId, id, async (tx) => {
        const source = listId !== undefined || segmentId !== undefined ? await sourceOf(tx, { listId, segmentId }) : { days: days ?? DRY_RUN_DAYS };
        return queueJob(tx, { journeyId: id, action: 'dry_run', options: { ...source, ...(rates === undefined ? {} : { rates }) }, by: actor });
      });
    },

    /** Moves people to the live version where their step still exists, or only counts them. @throws AppError `conflict` when there is no live version or nobody to move */
    migrate: async (orgId: string, id: string, { from = null, dryRun }: { readonly from?: number | undefined | null; readonly dryRun: boolean }, actor: string) => {
      const { to, people } = await tenants.use(orgId, async ({ sql }) => {
        const { activeVersion, state } = await reader.find(sql, id);
        if (activeVersion === null || (state !== 'published' && state !== 'paused')) throw new AppError('conflict', 'This journey has no live version to move people to.');
        if (from === activeVersion) throw refuse('from', 'These people are on the live version already.');
        if (from !== null && (await readVersionGraph(sql, id, from)) === undefined) throw refuse('from', 'This journey has no such version.');
        return { to: activeVersion, people: await movingTo(sql, id, (await readVersionGraph(sql, id, activeVersion))!, from, activeVersion) };
      });
      if (dryRun) return { people, job: null };
      if (people.moving === 0) throw new AppError('conflict', people.staying === 0 ? 'Nobody is inside an earlier version.' : 'Nobody can be moved: the steps people stand on are not in the live version.');
      const job = await begin(orgId, id, async (tx) => {
        const { name } = await reader.find(tx, id);
        await note(tx, actor, 'journey.migrated', name, { id, from, to });
        return queueJob(tx, { journeyId: id, action: 'migrate', options: { from, to }, by: actor });
      });
      return { people, job };
    },

    /** Takes the last move back for those who have not left the step they were on. @throws AppError `conflict` when there is none, or it is under way */
    undo: (orgId: string, id: string, actor: string) => begin(orgId, id, async (tx) => {
      // Two who ask at once: the second finds it taken back.
      await tx.run('select 1 from journey where id = $1 for no key update', [id]);
      const { name, state } = await reader.find(tx, id);
      const migration = state === 'archived' ? null : await lastMigration(tx, id);
      if (migration === null) throw new AppError('conflict', 'There is no move of people to take back.');
      if (!migration.canUndo) throw new AppError('conflict', 'The last move of people is still under way, or moved nobody.');
      await note(tx, actor, 'journey.migration_undone', name, { id, job: migration.jobId });
      return queueJob(tx, { journeyId: id, action: 'undo', options: { jobId: migration.jobId }, by: actor });
    }),
  };

  async function note(tx: Transaction, actor: string, action: string, subject: string, detail: object): Promise<void> {
    await tx.run('insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)', [actor, action, subject, JSON.stringify(detail)]);
  }
}

/** The list or segment by its id, kept until the transaction ends. */
async function sourceOf(tx: Transaction, { listId, segmentId }: { readonly listId?: string | undefined; readonly segmentId?: string | undefined }): Promise<{ list: Named } | { segment: Named }> {
  const read = async (table: 'list' | 'segment', id: string, field: string): Promise<Named> => {
    const row = await tx.first<Named>(`select id::text, name from ${table} where id = $1 for key share`, [id]);
    if (row === undefined) throw refuse(field, `This ${table} does not exist. Choose another.`);
    return { id: row.id, name: row.name };
  };
  return listId !== undefined ? { list: await read('list', listId, 'listId') } : { segment: await read('segment', segmentId!, 'segmentId') };
}
