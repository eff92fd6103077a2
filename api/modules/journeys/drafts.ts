import type { z } from 'zod';
import { parseGraph, type Graph } from '#domain/journey/graph.ts';
import { idsOf, mentionsOfGraph } from '#domain/journey/mentions.ts';
import { AppError, notFound } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import { hideSecrets, sealSecrets } from '../../../infra/journeys/secrets.ts';
import type { Tenant } from '../../../infra/tenancy/registry.ts';
import { checkJourney } from './checks.ts';
import { movingTo } from './moving.ts';
import { readVersionGraph } from './queries.ts';
import type { JourneyReader } from './reader.ts';
import { DRAFT, namesOfMentions, noteUses } from './uses.ts';
import type { DraftView, GraphView, SavedDraftView, ValidationView } from './views.ts';

export type JourneyDraftService = ReturnType<typeof createJourneyDraftService>;

interface DraftRow {
  readonly version: number;
  readonly changedAt: Date;
  readonly graph: Graph;
}

/** The one draft of a journey: saved as it is drawn, unfinished too; what stands against publishing is said on its steps. */
export function createJourneyDraftService({ tenants, secrets, clock }: Pick<Container, 'tenants' | 'secrets' | 'clock'>, reader: JourneyReader) {
  async function read(sql: Pick<Sql, 'first'>, id: string): Promise<DraftRow> {
    const row = await sql.first<Omit<DraftRow, 'graph'> & { graph: Graph | null }>('select draft_version as version, draft_changed_at as "changedAt", draft as graph from journey where id = $1', [id]);
    if (row === undefined) throw notFound('journey');
    if (row.graph === null) throw new AppError('not_found', 'This journey has no draft. Create one to change it.');
    return { ...row, graph: row.graph };
  }

  async function show(tenant: Tenant, id: string): Promise<z.input<typeof DraftView>> {
    const { version, changedAt, graph } = await read(tenant.sql, id);
    return { version, changedAt: changedAt.toISOString(), ...(await shownGraph(tenant.sql, graph)), problems: await checkJourney(tenant, secrets, id, graph, clock.now()) };
  }

  return {
    get: (orgId: string, id: string) => tenants.use(orgId, (tenant) => show(tenant, id)),

    /**
     * Keeps what was drawn, however unfinished.
     * @returns its new version and what stands against publishing it
     * @throws AppError `invalid` for what is no graph, naming each place; `conflict` when somebody else saved meanwhile, or it is a draft no more
     */
    save: (orgId: string, id: string, { version, graph: json }: { readonly version: number; readonly graph?: unknown }) => tenants.use(orgId, async (tenant): Promise<z.input<typeof SavedDraftView>> => {
      const parsed = parseGraph(json);
      if ('problems' in parsed) {
        await reader.find(tenant.sql, id);
        throw new AppError('invalid', parsed.problems[0]!.message, parsed.problems.map(({ field, message }) => ({ field: field === 'graph' ? field : `graph.${field}`, message })));
      }
      const saved = await tenant.sql.transaction(async (tx) => {
        const before = await tx.first<{ state: string; version: number; draft: Graph | null; live: Graph | null }>(
          'select j.state, j.draft_version as version, j.draft, (select graph from journey_version v where v.journey_id = j.id and v.no = j.active_version) as live from journey j where j.id = $1 for no key update of j', [id]);
        if (before === undefined) throw notFound('journey');
        if (before.state === 'archived') throw new AppError('conflict', 'This journey is archived. Unarchive it to change it.');
        if (before.draft === null) throw new AppError('conflict', 'This draft was published or discarded meanwhile. Create a new one.');
        if (before.version !== version) throw new AppError('conflict', 'Somebody else saved this draft meanwhile. Load it again.');
        const graph = sealSecrets(secrets, orgId, id, parsed.graph, [before.draft, before.live]);
        await noteUses(tx, id, DRAFT, graph);
        const row = await tx.first<{ version: number; changedAt: Date }>(
          'update journey set draft = $2, draft_version = draft_version + 1, draft_changed_at = now(), updated_at = now() where id = $1 returning draft_version as version, draft_changed_at as "changedAt"', [id, JSON.stringify(graph)]);
        return { ...row!, graph };
      });
      return { version: saved.version, changedAt: saved.changedAt.toISOString(), problems: await checkJourney(tenant, secrets, id, saved.graph, clock.now()) };
    }),

    /**
     * Copies the live version, or an earlier one, into a draft.
     * @throws AppError `conflict` when there is a draft that is not to be replaced, or nothing to copy
     */
    create: (orgId: string, id: string, { fromVersion, replace }: { readonly fromVersion?: number; readonly replace: boolean }) => tenants.use(orgId, async (tenant) => {
      await tenant.sql.transaction(async (tx) => {
        await tx.run('select 1 from journey where id = $1 for no key update', [id]);
        const journey = await reader.find(tx, id);
        const no = fromVersion ?? journey.activeVersion;
        if (journey.state === 'archived') throw new AppError('conflict', 'This journey is archived. Unarchive it to change it.');
        if (journey.hasDraft && !replace) throw new AppError('conflict', 'There is a draft already. Publish or discard it, or let it be replaced.');
        if (no === null) throw new AppError('conflict', 'This journey has no live version to make a draft of.');
        const graph = await readVersionGraph(tx, id, no);
        if (graph === undefined) throw notFound('version');
        await noteUses(tx, id, DRAFT, graph);
        await tx.run('update journey set draft = $2, draft_version = draft_version + 1, draft_changed_at = now(), updated_at = now() where id = $1', [id, JSON.stringify(graph)]);
      });
      return show(tenant, id);
    }),

    /** @throws AppError `conflict` when the journey is nothing but its draft */
    discard: (orgId: string, id: string): Promise<void> => tenants.use(orgId, ({ sql }) => sql.transaction(async (tx) => {
      await tx.run('select 1 from journey where id = $1 for no key update', [id]);
      const journey = await reader.find(tx, id);
      if (!journey.hasDraft) throw new AppError('not_found', 'This journey has no draft.');
      if (journey.activeVersion === null) throw new AppError('conflict', 'This journey has no live version: its draft is all there is. Delete the journey instead.');
      await tx.run('update journey set draft = null, draft_version = draft_version + 1, updated_at = now() where id = $1', [id]);
      await tx.run('delete from journey_use where journey_id = $1 and version_no = $2', [id, DRAFT]);
    })),

    /** What stands against publishing the draft, and what moving the people inside would come to. */
    validate: (orgId: string, id: string) => tenants.use(orgId, async (tenant): Promise<z.input<typeof ValidationView>> => {
      const { graph } = await read(tenant.sql, id);
      return { problems: await checkJourney(tenant, secrets, id, graph, clock.now()), people: await movingTo(tenant.sql, id, graph, null) };
    }),
  };
}

/** A graph as it leaves the server, with the names of what it refers to. */
export async function shownGraph(sql: Pick<Sql, 'rows'>, graph: Graph): Promise<{ graph: z.input<typeof GraphView>; names: Record<string, string> }> {
  const { nodes, edges } = hideSecrets(graph);
  return {
    graph: { nodes: nodes.map(({ id, kind, name, config, x, y }) => ({ id, kind, name, config: { ...config }, x, y })), edges: edges.map(({ from, port, to }) => ({ from, port, to })) },
    names: await namesOfMentions(sql, idsOf(mentionsOfGraph(graph))),
  };
}
