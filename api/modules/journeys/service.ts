import { z } from 'zod';
import type { Role } from '#domain/access.ts';
import { emptyGraph, type Graph } from '#domain/journey/graph.ts';
import { readyJourneys } from '#domain/journey/ready/index.ts';
import { AppError, refuse } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import { newId } from '../../../infra/ids.ts';
import { queueJob } from '../../../infra/journeys/jobs.ts';
import { moveSecrets } from '../../../infra/journeys/secrets.ts';
import { decodeCursor, toPage, type ListQuery } from '../../http/cursor.ts';
import { refuseInUse } from '../segments/uses.ts';
import { JOURNEY_ROWS, type JourneyRecord } from './queries.ts';
import type { JourneyReader } from './reader.ts';
import { DRAFT, JOURNEY_USES, noteUses } from './uses.ts';

export type JourneyService = ReturnType<typeof createJourneyService>;

const NAME_MAX = 150;
/** More runs than this are taken away by a job. */
const REMOVED_AT_ONCE = 1_000;

/** Journeys as people begin, name, copy, file and look at them. Their steps are the drafts' business, their state the lifecycle's. */
export function createJourneyService({ tenants, secrets, gateway }: Pick<Container, 'tenants' | 'secrets' | 'gateway'>, reader: JourneyReader) {
  async function insert(tx: Transaction, name: string, createdBy: string, draft: (id: string) => Graph): Promise<string> {
    const id = newId();
    const graph = draft(id);
    await tx.run('insert into journey (id, name, slug, draft, created_by) values ($1, $2, $3, $4, $5)', [id, name, slugOf(name), JSON.stringify(graph), createdBy]);
    await noteUses(tx, id, DRAFT, graph);
    return id;
  }

  return {
    list: (orgId: string, role: Role, query: ListQuery & { state?: string | undefined; search?: string | undefined; archived?: boolean | undefined }) =>
      tenants.use(orgId, async ({ sql }) => {
        const at = decodeCursor(query.cursor, z.tuple([z.string(), z.uuid()]));
        const where = `($1::text is null or j.state = any(string_to_array($1, ','))) and ($2::text is null or j.name ilike $2) and (j.state = 'archived') = $3`;
        const pattern = query.search === undefined || query.search === '' ? null : `%${query.search.replaceAll(/[\\%_]/g, '\\$&')}%`;
        const filter = [query.state ?? null, pattern, query.archived ?? false];
        const rows = await sql.rows<JourneyRecord & { key: string }>(
          `select q.*, q."createdAt"::text as key from (${JOURNEY_ROWS} and ${where} and ($4::text is null or (j.created_at, j.id) < ($4::timestamptz, $5::uuid))) q order by q."createdAt" desc, q.id desc limit $6`,
          [...filter, at?.[0] ?? null, at?.[1] ?? null, query.limit + 1],
        );
        const page = toPage(rows, query.limit, (row) => [row.key, row.id], (row) => row);
        const shown = { ...page, data: await reader.rows(sql, page.data, role) };
        if (query.count !== true) return shown;
        const counted = await sql.first<{ count: number }>(`select count(*)::int as count from journey j where not j.removing and ${where}`, filter);
        return { ...shown, count: counted?.count ?? 0 };
      }),

    /** Published journeys, those with most people inside first. */
    busiest: (orgId: string, role: Role, limit: number) => tenants.use(orgId, async ({ sql }) =>
      reader.rows(sql, await sql.rows<JourneyRecord>(`select * from (${JOURNEY_ROWS} and j.state = 'published') q order by q.active desc, q."createdAt" desc limit $1`, [limit]), role)),

    ready: () => Promise.resolve({ data: readyJourneys.map(({ id, name, summary }) => ({ id, name, summary })) }),

    /** A draft: blank, or with the steps of a ready journey. */
    create: (orgId: string, role: Role, actor: string, { name, ready }: { readonly name: string; readonly ready?: string | undefined }) => {
      const chosen = ready === undefined ? undefined : readyJourneys.find(({ id }) => id === ready);
      if (ready !== undefined && chosen === undefined) throw refuse('ready', `There is no ready journey of this name. Choose ${readyJourneys.map(({ id }) => id).join(', ')}, or none.`);
      return tenants.use(orgId, async ({ sql }) => {
        const id = await sql.transaction((tx) => insert(tx, name, actor, () => chosen?.graph ?? emptyGraph()));
        return reader.view(sql, await reader.find(sql, id), role);
      });
    },

    get: (orgId: string, role: Role, id: string) => tenants.use(orgId, async ({ sql }) => reader.view(sql, await reader.find(sql, id), role)),

    /** Mail that was published keeps saying what it said: the slug in its links stays once there is a version. @throws AppError `conflict` when somebody else saved in between */
    rename: (orgId: string, role: Role, id: string, { name, version }: { readonly name: string; readonly version: number }) =>
      tenants.use(orgId, async ({ sql }) => {
        const touched = await sql.run(
          `update journey j set name = $3, slug = case when exists (select from journey_version v where v.journey_id = j.id) then slug else $4 end, version = version + 1, updated_at = now() where id = $1 and version = $2`,
          [id, version, name, slugOf(name)]);
        const journey = await reader.find(sql, id);
        if (touched === 0) throw new AppError('conflict', 'Somebody else changed this journey meanwhile. Load it again.');
        return reader.view(sql, journey, role);
      }),

    /** It is gone from every screen at once; the runs of many people follow in the background. @throws AppError `conflict` while it is published or paused, its people are still being taken out, or segments and other journeys mention it */
    async remove(orgId: string, id: string, actor: string): Promise<void> {
      const hasWork = await tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
        // Whoever begins to mention it waits for this lock, and finds it gone.
        await tx.run('select 1 from journey where id = $1 for update', [id]);
        const journey = await reader.find(tx, id);
        if (journey.wasPublished && journey.state !== 'archived') throw new AppError('conflict', 'This journey was published. Archive it first; archived journeys can be deleted.');
        if (journey.active > 0) throw new AppError('conflict', 'The people in this journey are still being taken out. Try again in a moment.');
        refuseInUse('journey', await usesOf(tx, id));
        await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'journey.deleted', $2, $3)`, [actor, journey.name, JSON.stringify({ id })]);
        if (journey.enrolled <= REMOVED_AT_ONCE) {
          await tx.run('delete from journey where id = $1', [id]);
          return false;
        }
        await tx.run('update journey set removing = true where id = $1', [id]);
        await queueJob(tx, { journeyId: id, action: 'remove', options: {}, by: actor });
        return true;
      }));
      // The row says what is to be done: should this nudge be lost, the sweep begins it within a minute.
      if (hasWork) gateway.nudgeJourney({ orgId, journeyId: id });
    },

    /** A draft with the steps of the draft, else of the newest version. */
    duplicate: (orgId: string, role: Role, actor: string, id: string) =>
      tenants.use(orgId, async ({ sql }) => {
        const { name } = await reader.find(sql, id);
        const row = await sql.first<{ graph: Graph | null }>('select coalesce(draft, (select graph from journey_version v where v.journey_id = j.id order by no desc limit 1)) as graph from journey j where id = $1', [id]);
        const copy = await sql.transaction((tx) => insert(tx, `Copy of ${name}`.slice(0, NAME_MAX), actor, (to) => moveSecrets(secrets, orgId, id, to, row?.graph ?? emptyGraph())));
        return reader.view(sql, await reader.find(sql, copy), role);
      }),
  };
}

/** Segments that ask for its mail, and other journeys that wait for it. */
async function usesOf(tx: Pick<Transaction, 'rows'>, id: string): Promise<string[]> {
  const rows = await tx.rows<{ kind: string; name: string }>(
    `select 'journey' as kind, name from (${JOURNEY_USES} and u.used = $1 and j.id::text <> $1) journeys
      union all select 'segment', s.name from segment s where exists (select from jsonb_path_query(s.rule, '$.**.journey') m where lower(m #>> '{}') = $1) order by 1, 2`, [id.toLowerCase()]);
  return rows.map(({ kind, name }) => `${kind} “${name}”`);
}

/** As links name it. */
function slugOf(name: string): string {
  return name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '');
}
