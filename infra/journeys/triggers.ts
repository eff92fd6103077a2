import type { Graph } from '#domain/journey/graph.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { Sql } from '../db/sql.ts';
import { termsOf } from './terms.ts';

/** Triggers of published journeys as rows, so that whoever applies an event or adds to a list need read no graph. */

/**
 * Arms the trigger of a journey's live version, in the transaction that publishes or resumes it. One that waits for the same
 * as before stays as it is and misses nothing; any other counts from now on. Segments the version asks are looked through
 * from now on, too.
 * @throws AppError `conflict` when the journey has no live version
 */
export async function armTrigger(tx: Pick<Sql, 'first' | 'run'>, journeyId: string): Promise<void> {
  const live = await tx.first<{ no: number; graph: Graph }>('select v.no, v.graph from journey j join journey_version v on v.journey_id = j.id and v.no = j.active_version where j.id = $1', [journeyId]);
  if (live === undefined) throw new AppError('conflict', 'This journey has no published version.');
  const { trigger, goal, exits } = termsOf(live.graph);
  if (trigger.kind === 'manual') await disarm(tx, journeyId);
  else {
    await tx.run(ARM, [
      journeyId, live.no, trigger.kind, trigger.kind === 'list' ? trigger.list : null,
      trigger.kind === 'event' ? trigger.event : trigger.kind === 'custom' ? trigger.name : null, trigger.kind === 'event' ? (trigger.campaign ?? null) : null]);
  }
  const asked = [...(goal?.kind === 'segment' ? [['goal', goal.segment]] : []), ...(exits.segment === undefined ? [] : [['exit', exits.segment]])];
  await tx.run(
    `insert into journey_segment (journey_id, version_no, purpose, segment_id) select $1, $2, p, s from unnest($3::text[], $4::uuid[]) u(p, s)
     on conflict (journey_id, version_no, purpose) do nothing`, [journeyId, live.no, asked.map(([purpose]) => purpose), asked.map(([, segment]) => segment)]);
}

/** Nobody enters by the trigger from the caller's commit on: of pause and archive. What comes meanwhile is not made up. */
export async function disarm(tx: Pick<Sql, 'run'>, journeyId: string): Promise<void> {
  await tx.run('delete from journey_trigger where journey_id = $1', [journeyId]);
}

const ARM = /* sql */ `
insert into journey_trigger as t (journey_id, version_no, kind, list_id, event, campaign_id) values ($1, $2, $3, $4, $5, $6)
on conflict (journey_id) do update set version_no = excluded.version_no, kind = excluded.kind, list_id = excluded.list_id, event = excluded.event, campaign_id = excluded.campaign_id,
  armed_at = case when (t.kind, t.list_id, t.event, t.campaign_id) is not distinct from (excluded.kind, excluded.list_id, excluded.event, excluded.campaign_id) then t.armed_at else now() end`;
