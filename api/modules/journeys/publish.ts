import type { Role } from '#domain/access.ts';
import type { Graph } from '#domain/journey/graph.ts';
import { afterMove, refuseMove } from '#domain/journey/status.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import { queueJob } from '../../../infra/journeys/jobs.ts';
import { prepareJourneyMails } from '../../../infra/journeys/mails.ts';
import { armTrigger } from '../../../infra/journeys/triggers.ts';
import { checkJourney, toFieldErrors } from './checks.ts';
import type { JourneyReader } from './reader.ts';
import { DRAFT } from './uses.ts';

export interface Publishing {
  /** Of the draft that was looked at. */
  readonly draftVersion: number;
  readonly note: string;
  /** People inside earlier versions: stay on theirs, or move where their step still exists. */
  readonly people: 'stay' | 'move';
}

export type JourneyPublisher = ReturnType<typeof createJourneyPublisher>;

/** Makes drafts live: from then on the version never changes, and its people come and go by it. */
export function createJourneyPublisher({ tenants, gateway, secrets, clock }: Pick<Container, 'tenants' | 'gateway' | 'secrets' | 'clock'>, reader: JourneyReader) {
  return {
    /**
     * Validates everything together, keeps the draft as a numbered version with its mails and links, and arms its trigger; all
     * of it or nothing. Published while paused, it waits for Resume.
     * @throws AppError `invalid` with every problem on its step; `conflict` when there is no such draft any more
     */
    async publish(orgId: string, role: Role, id: string, { draftVersion, note, people }: Publishing, actor: string) {
      const { view, jobs } = await tenants.use(orgId, async (tenant) => {
        const { sql } = tenant;
        const found = await reader.find(sql, id);
        if (afterMove(found.state, 'publish') === undefined) throw new AppError('conflict', refuseMove(found.state, 'publish'));
        const { graph } = (await sql.first<{ graph: Graph | null }>('select draft as graph from journey where id = $1 and draft_version = $2', [id, draftVersion])) ?? { graph: null };
        if (graph === null) throw new AppError('conflict', found.hasDraft ? 'The draft was changed meanwhile. Look at it and publish again.' : 'There is no draft to publish. Create one first.');
        const errors = (await checkJourney(tenant, secrets, id, graph, clock.now())).filter((problem) => problem.severity === 'error');
        if (errors.length > 0) throw new AppError('invalid', 'This journey cannot be published yet.', toFieldErrors(errors));

        const jobs = await sql.transaction(async (tx) => {
          // The version makes sure that what was checked is what is published.
          const held = await tx.first<{ state: typeof found.state }>('select state from journey where id = $1 and draft is not null and draft_version = $2 for no key update', [id, draftVersion]);
          const state = held === undefined ? undefined : afterMove(held.state, 'publish');
          if (state === undefined) throw new AppError('conflict', 'The journey was changed while it was checked. Look at it and publish again.');
          const { no } = (await tx.first<{ no: number }>('select coalesce(max(no), 0) + 1 as no from journey_version where journey_id = $1', [id]))!;
          await tx.run('insert into journey_version (journey_id, no, graph, note, published_by) select id, $2, draft, $3, $4 from journey where id = $1', [id, no, note, actor]);
          await tx.run('update journey set state = $2, active_version = $3, draft = null, draft_version = draft_version + 1, version = version + 1, updated_at = now() where id = $1', [id, state, no]);
          await tx.run('update journey_use set version_no = $2 where journey_id = $1 and version_no = $3', [id, no, DRAFT]);
          await prepareJourneyMails(tenant, tx, id, no, graph);
          if (state === 'published') await armTrigger(tx, id);
          await tx.run(`insert into audit (actor, action, subject, detail) values ($1, 'journey.published', $2, $3)`, [actor, found.name, JSON.stringify({ id, version: no, note, people, before: found.activeVersion })]);
          return people === 'move' && found.active > 0 ? [await queueJob(tx, { journeyId: id, action: 'migrate', options: { to: no, from: null }, by: actor })] : [];
        });
        return { view: await reader.view(sql, await reader.find(sql, id), role), jobs };
      });
      // The row says what is to be done: should this nudge be lost, the sweep begins it within a minute.
      if (jobs.length > 0) gateway.nudgeJourney({ orgId, journeyId: id });
      return view;
    },
  };
}
