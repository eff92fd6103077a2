import { createContext, untrack } from 'svelte';
import { address, get, post, remove } from '$lib/api/client.ts';
import type { Journey, JourneyAnalytics, JourneyJob, JourneyVersionGraph } from '$lib/api/types.ts';
import type { Graph } from '#domain/journey/graph.ts';
import { Action } from './action.svelte.ts';
import { deleteJourney, moveJourney, renameJourney, type JourneyMove } from './journeys.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { running } from './running.svelte.ts';

/** While a long operation goes on it is asked for this often. */
const JOB_MS = 700;

export type People = 'stay' | 'move';
export const isOver = (job: Pick<JourneyJob, 'state'>): boolean => !['queued', 'running'].includes(job.state);

/** One journey as it lives: its picture, its numbers as they change, and what is done with it. */
export class JourneyDetail extends Resource<Journey> {
  /** Version whose numbers and picture are shown; null: all together, on the picture of the live one. */
  version = $state<number | null>(null);
  numbers: Resource<JourneyAnalytics>;
  picture: Resource<JourneyVersionGraph>;
  /** The newest long operation under way. */
  job = $state.raw<JourneyJob | null>(null);
  live = new LiveStream<unknown>(() => this.refresh());
  #asking = false;
  #again = false;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly id: string) {
    super(() => get('/journeys/{id}', { path: { id } }));
    this.numbers = new Resource(() => get('/journeys/{id}/analytics', { path: { id }, query: this.#shown() }));
    this.picture = new Resource(() => this.#readPicture());
  }

  graph: Graph | null = $derived.by(() => (this.picture.value?.graph as Graph | undefined) ?? null);
  isLive = $derived.by(() => this.value?.state === 'published' || this.value?.state === 'paused');
  /** The version the picture is of; null while it is a draft that was never published. */
  pictured = $derived.by(() => this.version ?? this.value?.activeVersion?.no ?? null);

  #shown = () => (this.version === null ? {} : { version: this.version });
  async #readPicture(): Promise<JourneyVersionGraph> {
    if (this.pictured !== null) return get('/journeys/{id}/graph', { path: { id: this.id }, query: this.#shown() });
    const draft = await get('/journeys/{id}/draft', { path: { id: this.id } });
    return { no: 0, graph: draft.graph, names: draft.names };
  }

  /** Reads the journey and follows it until the screen is left. */
  follow(): () => void {
    untrack(() => {
      void this.load().then(() => {
        if (this.value === null) return;
        void this.show(this.version);
        void this.watchJobs();
        this.live.open(address('/journeys/{id}/live', { path: { id: this.id } }));
      });
    });
    return () => {
      this.live.close();
      clearTimeout(this.#watch);
    };
  }

  async show(version: number | null): Promise<void> {
    this.version = version;
    // Which picture it is depends on the journey: `follow` shows it once that is known.
    if (untrack(() => this.value) === null) return;
    await Promise.all([this.picture.load(), this.numbers.load()]);
  }

  /** Changes that come while the numbers are being read are read once more, not once each. */
  refresh(): void {
    if (this.#asking) { this.#again = true; return; }
    this.#asking = true;
    void Promise.all([this.numbers.load(), this.load()]).finally(() => {
      this.#asking = false;
      if (!this.#again) return;
      this.#again = false;
      this.refresh();
    });
  }

  /** Follows long operations until none is under way. */
  watchJobs = async (): Promise<void> => {
    clearTimeout(this.#watch);
    const jobs = await get('/journeys/{id}/jobs', { path: { id: this.id } }).then(({ data }) => data, () => null);
    const going = jobs?.find((job) => !isOver(job)) ?? null;
    if (jobs !== null) {
      if (this.job !== null && going?.id !== this.job.id) this.refresh();
      this.job = going;
      if (going !== null && this.value !== null) running.followJourney(this.value, going);
    }
    if (going !== null || jobs === null) this.#watch = setTimeout(() => void this.watchJobs(), JOB_MS);
  };

  #take(journey: Journey): Journey {
    this.set(journey);
    this.refresh();
    void this.watchJobs();
    return journey;
  }

  move = new Action(async (move: JourneyMove) => {
    const moved = await moveJourney(this.id, move);
    return move === 'duplicate' ? moved : this.#take(moved);
  });
  rename = new Action(async (name: string) => {
    if (this.value === null) return null;
    const renamed = await renameJourney(this.value, name);
    this.set(renamed);
    return renamed;
  });
  publish = new Action(async (note: string, people: People) => {
    const draftVersion = this.value?.draft?.version ?? 1;
    const published = await post('/journeys/{id}/publish', { path: { id: this.id }, body: { draftVersion, note: note.trim(), people } });
    this.#take(published);
    void this.picture.load();
    return published;
  });
  /** What stands against publishing, with the names of the draft's steps, and where the people inside stand. */
  validate = new Action(async () => {
    const [validation, draft] = await Promise.all([post('/journeys/{id}/validate', { path: { id: this.id } }), get('/journeys/{id}/draft', { path: { id: this.id } })]);
    return { validation, names: new Map(draft.graph.nodes.map(({ id, name }) => [id, name])) };
  });
  createDraft = new Action(() => post('/journeys/{id}/draft', { path: { id: this.id } }));
  discard = new Action(async () => {
    await remove('/journeys/{id}/draft', { path: { id: this.id } });
    await this.load();
    return true;
  });
  delete = new Action(async () => {
    await deleteJourney(this.id);
    return true;
  });
}

/** The journey of the screen, for its parts. */
export const [useJourney, provideJourney] = createContext<() => JourneyDetail>();
