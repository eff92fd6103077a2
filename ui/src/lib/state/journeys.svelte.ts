import { get, patch, post, remove } from '$lib/api/client.ts';
import type { Journey, JourneyAction, JourneyRow, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

export type JourneyMove = Extract<JourneyAction, 'pause' | 'resume' | 'archive' | 'unarchive' | 'duplicate'>;

export const moveJourney = (id: string, move: JourneyMove): Promise<Journey> => post(`/journeys/{id}/${move}`, { path: { id } });
export const renameJourney = (journey: Pick<Journey, 'id' | 'version'>, name: string): Promise<Journey> => patch('/journeys/{id}', { path: { id: journey.id }, body: { name: name.trim(), version: journey.version } });
export const deleteJourney = (id: string): Promise<void> => remove('/journeys/{id}', { path: { id } });

export class Journeys extends Pages<JourneyRow, Query<'/journeys'>> {
  /** The ready ones a new journey may start from. */
  ready = new Resource(() => get('/journeys/ready').then(({ data }) => data));

  constructor() {
    super((query) => get('/journeys', { query }));
  }

  /** @param ready id of a ready journey, or null for a blank one */
  create = new Action((name: string, ready: string | null) => post('/journeys', { body: { name: name.trim(), ...(ready === null ? {} : { ready }) } }));
  move = new Action(async (journey: JourneyRow, move: JourneyMove) => {
    const moved = await moveJourney(journey.id, move);
    await this.reload();
    return moved;
  });
  delete = new Action(async (journey: JourneyRow) => {
    await deleteJourney(journey.id);
    this.drop((row) => row.id === journey.id);
    return true;
  });
}
