import type { Role } from '#domain/access.ts';
import type { Graph } from '#domain/journey/graph.ts';
import { afterMove, refuseMove, type JourneyMove } from '#domain/journey/status.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Container } from '../../../infra/container.ts';
import type { Transaction } from '../../../infra/db/sql.ts';
import { queueJob } from '../../../infra/journeys/jobs.ts';
import { setJourneyMailsOpen } from '../../../infra/journeys/mails.ts';
import { armTrigger, disarm } from '../../../infra/journeys/triggers.ts';
import type { JourneyReader } from './reader.ts';
import { DRAFT, noteUses } from './uses.ts';

export type JourneyCommand = Exclude<JourneyMove, 'publish'>;
export type JourneyLifecycle = ReturnType<typeof createJourneyLifecycle>;

/** Pause, resume, archive and back. The row's state rules at once: whoever moves, enters or sends asks it; what takes longer is a job. */
export function createJourneyLifecycle({ tenants, gateway }: Pick<Container, 'tenants' | 'gateway'>, reader: JourneyReader) {
  return {
    /** @throws AppError `conflict` where the lifecycle does not allow it */
    async command(orgId: string, role: Role, id: string, move: JourneyCommand, actor: string) {
      const { view, hasWork } = await tenants.use(orgId, async ({ sql }) => {
        const hasWork = await sql.transaction(async (tx) => {
          await tx.run('select 1 from journey where id = $1 for no key update', [id]);
          const { state, name } = await reader.find(tx, id);
          const next = afterMove(state, move);
          if (next === undefined) throw new AppError('conflict', refuseMove(state, move));
          await tx.run(`update journey set state = $2, archived_at = case when $2 = 'archived' then now() end, version = version + 1, updated_at = now() where id = $1`, [id, next]);
          const job = await effects[move](tx, id, actor);
          await tx.run('insert into audit (actor, action, subject, detail) values ($1, $2, $3, $4)', [actor, `journey.${past[move]}`, name, JSON.stringify({ id, before: state, after: next })]);
          return job !== null;
        });
        return { view: await reader.view(sql, await reader.find(sql, id), role), hasWork };
      });
      // The row says what is to be done: should this nudge be lost, the sweep begins it within a minute.
      if (hasWork) gateway.nudgeJourney({ orgId, journeyId: id });
      return view;
    },
  };
}

const past: Record<JourneyCommand, string> = { pause: 'paused', resume: 'resumed', archive: 'archived', unarchive: 'unarchived' };

/** What goes with the new state, in its transaction. @returns the job that does the rest, if there is one */
const effects: Record<JourneyCommand, (tx: Transaction, id: string, by: string) => Promise<string | null>> = {
  async pause(tx, id) {
    await setJourneyMailsOpen(tx, id, false);
    await disarm(tx, id);
    return null;
  },
  async resume(tx, id, by) {
    await setJourneyMailsOpen(tx, id, true);
    await armTrigger(tx, id);
    return queueJob(tx, { journeyId: id, action: 'resume', options: {}, by });
  },
  async archive(tx, id, by) {
    await setJourneyMailsOpen(tx, id, false);
    await disarm(tx, id);
    return queueJob(tx, { journeyId: id, action: 'archive', options: {}, by });
  },
  /** A draft again: the one it had, else its last version. Earlier versions stay in the history, none is live. */
  async unarchive(tx, id) {
    const busy = await tx.first(`select 1 as found from enrollment_count where journey_id = $1 and state = 'active' having sum(n) > 0`, [id]);
    if (busy !== undefined) throw new AppError('conflict', 'The people in this journey are still being taken out. Try again in a moment.');
    const row = await tx.first<{ draft: Graph }>(
      `update journey j set active_version = null, draft_changed_at = now(), draft_version = draft_version + 1,
              draft = coalesce(draft, (select graph from journey_version v where v.journey_id = j.id order by no desc limit 1)) where id = $1 returning draft`, [id]);
    await noteUses(tx, id, DRAFT, row!.draft);
    return null;
  },
};
