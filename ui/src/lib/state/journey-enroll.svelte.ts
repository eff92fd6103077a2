import { get, post } from '$lib/api/client.ts';
import type { Body, JourneyJob } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { isOver } from './journey-view.svelte.ts';

export type EnrollRequest = Body<'/journeys/{id}/enroll', 'post'>;

/** A long operation on a journey, watched until it has ended. */
export class JobWatch {
  job = $state.raw<JourneyJob | null>(null);
  isLost = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly journeyId: string, readonly ended: (job: JourneyJob) => void = () => {}) {}

  watch(job: JourneyJob) {
    this.job = job;
    clearTimeout(this.#timer);
    if (isOver(job)) return this.ended(job);
    this.#timer = setTimeout(() => void this.#ask(job), 500);
  }
  async #ask(job: JourneyJob) {
    try {
      const now = await get('/journeys/{id}/jobs/{jobId}', { path: { id: this.journeyId, jobId: job.id } });
      this.isLost = false;
      this.watch(now);
    } catch {
      // It goes on without this screen; what cannot be read now is asked for again.
      this.isLost = true;
      this.#timer = setTimeout(() => void this.#ask(job), 2_000);
    }
  }
  stop() {
    clearTimeout(this.#timer);
    this.job = null;
  }
}

export class Enrolling extends JobWatch {
  start = new Action(async (request: EnrollRequest) => {
    const job = await post('/journeys/{id}/enroll', { path: { id: this.journeyId }, body: request, idempotencyKey: crypto.randomUUID() });
    this.watch(job);
    return job;
  });
}
