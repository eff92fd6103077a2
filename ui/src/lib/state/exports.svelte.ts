import { address, get, post } from '$lib/api/client.ts';
import type { Body, ExportJob, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { running } from './running.svelte.ts';
import { Pages } from './table.svelte.ts';

export type ExportRequest = Body<'/exports', 'post'>;

export const isOver = (job: { endedAt: string | null }): boolean => job.endedAt !== null;
export const fileHref = (job: Pick<ExportJob, 'id'>) => address('/exports/{id}/file', { path: { id: job.id } });

export const startExport = () => new Action(async (request: ExportRequest) => {
  const job = await post('/exports', { body: request, idempotencyKey: crypto.randomUUID() });
  running.follow('export', job.id);
  return job;
});

export class Exports extends Pages<ExportJob, Query<'/exports'>> {
  constructor() {
    super((query) => get('/exports', { query }));
  }

  cancel = new Action(async (job: ExportJob) => {
    const ended = await post('/exports/{id}/cancel', { path: { id: job.id } });
    this.replace((row) => row.id === job.id, ended);
    return ended;
  });
}
