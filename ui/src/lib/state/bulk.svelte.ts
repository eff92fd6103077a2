import { post } from '$lib/api/client.ts';
import type { Body, BulkJob } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { running } from './running.svelte.ts';

export type BulkRequest = Body<'/customers/bulk', 'post'>;

/** Starts an action over many customers; the tray follows it. @param ended called with the job when it has ended */
export const startBulk = (ended: (job: BulkJob) => void) => new Action(async (request: BulkRequest) => {
  const job = await post('/customers/bulk', { body: request, idempotencyKey: crypto.randomUUID() });
  running.follow('bulk', job.id, ended);
  return job;
});
