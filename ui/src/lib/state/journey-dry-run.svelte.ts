import { get, post } from '$lib/api/client.ts';
import type { components } from '$lib/api/schema.d.ts';
import type { ApiError } from '$lib/api/client.ts';
import { toApiError } from './resource.svelte.ts';

type Job = components['schemas']['JourneyJob'];
export type Population = 'days' | 'list' | 'segment';

const ASK_MS = 500;
const isOver = ({ state }: Job) => state === 'completed' || state === 'failed' || state === 'cancelled';

/** Who would have gone where: a draft over real people, without sending or changing anything. */
export class JourneyDryRun {
  who = $state<Population>('days');
  days = $state(30);
  listId = $state('');
  segmentId = $state('');
  /** Percent; null: the organization's own rates of the last 90 days. */
  rates = $state<{ opened: number; clicked: number } | null>(null);
  job = $state.raw<Job | null>(null);
  error = $state.raw<ApiError | null>(null);
  busy = $state(false);
  /** The draft's version that the result is of. */
  of = $state<number | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  constructor(readonly journeyId: string) {}

  result = $derived.by(() => (this.job?.state === 'completed' ? this.job.dryRun : null));
  #steps = $derived.by(() => new Map(this.result?.steps.map((step) => [step.node, step])));
  isAsked = $derived.by(() => (this.who === 'days' ? this.days >= 1 && this.days <= 90 : this.who === 'list' ? this.listId !== '' : this.segmentId !== ''));
  stepOf = (id: string) => this.#steps.get(id) ?? null;
  peopleAt = (id: string): number | null => (this.result ? (this.#steps.get(id)?.people ?? 0) : null);
  /** People who would leave a step by a port, and of how many that is only assumed; null without a result. */
  by(id: string, port: string): { people: number; assumed: number; share: number } | null {
    const step = this.#steps.get(id);
    if (!this.result) return null;
    const way = step?.ports.find((each) => each.port === port);
    const all = step?.ports.reduce((sum, { people }) => sum + people, 0) ?? 0;
    return { people: way?.people ?? 0, assumed: way?.assumed ?? 0, share: all === 0 ? 0 : (way?.people ?? 0) / all };
  }

  /** @param draftVersion as saved: it is what runs */
  async start(draftVersion: number): Promise<void> {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    this.busy = true;
    this.error = null;
    const of = this.who === 'days' ? { days: this.days } : this.who === 'list' ? { listId: this.listId } : { segmentId: this.segmentId };
    try {
      const job = await post('/journeys/{id}/dry-run', { path: { id: this.journeyId }, body: { ...of, ...(this.rates ? { rates: { ...this.rates } } : {}) } });
      if (turn !== this.#turn) return;
      this.of = draftVersion;
      this.#take(job, turn);
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.error = toApiError(cause);
      this.busy = false;
    }
  }
  #take(job: Job, turn: number) {
    this.job = job;
    this.busy = !isOver(job);
    if (!isOver(job)) this.#timer = setTimeout(() => void this.#ask(job.id, turn), ASK_MS);
  }
  async #ask(jobId: string, turn: number) {
    try {
      const job = await get('/journeys/{id}/jobs/{jobId}', { path: { id: this.journeyId, jobId } });
      if (turn === this.#turn) this.#take(job, turn);
    } catch {
      // It goes on at the server: whoever cannot be reached now is asked again.
      if (turn === this.#turn) this.#timer = setTimeout(() => void this.#ask(jobId, turn), ASK_MS * 4);
    }
  }
  /** Takes the numbers off the canvas. */
  clear = (): void => {
    this.#turn++;
    clearTimeout(this.#timer);
    this.job = null;
    this.busy = false;
    this.error = null;
  };
  stop = (): void => clearTimeout(this.#timer);
}
