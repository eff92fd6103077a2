import { get, post, remove } from '$lib/api/client.ts';
import type { Query, SegmentRow } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Pages } from './table.svelte.ts';

export class Segments extends Pages<SegmentRow, Query<'/segments'>> {
  constructor() {
    super((query) => get('/segments', { query }));
  }

  delete = new Action(async (segment: SegmentRow) => {
    await remove('/segments/{id}', { path: { id: segment.id } });
    this.drop((row) => row.id === segment.id);
    return true;
  });
  duplicate = new Action((segment: SegmentRow) => post('/segments/{id}/duplicate', { path: { id: segment.id } }));
}
