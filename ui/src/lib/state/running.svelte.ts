import { ApiError, get, post } from '$lib/api/client.ts';
import type { BulkJob, CampaignRow, ExportJob, Import, JourneyJob, SearchIndex } from '$lib/api/types.ts';
import { session } from './session.svelte.ts';

/** Work under way is asked for this often, and often enough to watch it while something is followed. */
const RESTING_MS = 8_000;
const FOLLOWING_MS = 1_000;

const isGoing = ({ endedAt }: { endedAt: string | null }) => endedAt === null;
type Ended = (job: BulkJob) => void;
/** Long work on a journey. */
export interface JourneyWork { readonly journey: { readonly id: string; readonly name: string }; readonly job: JourneyJob }

/** Work that goes on whichever page is open: campaigns, imports, actions over many customers, exports, a re-index. */
class RunningWork {
  campaigns = $state.raw<CampaignRow[]>([]);
  imports = $state.raw<Import[]>([]);
  bulk = $state.raw<BulkJob[]>([]);
  exports = $state.raw<ExportJob[]>([]);
  /** Exports that were seen running and can be downloaded now, until they are put away. */
  ready = $state.raw<ExportJob[]>([]);
  index = $state.raw<SearchIndex['building'] | null>(null);
  /** Begun in this browser; each journey's own page shows all of its work. */
  journeys = $state.raw<JourneyWork[]>([]);
  total = $derived(this.campaigns.length + this.imports.length + this.bulk.length + this.exports.length + this.journeys.length + (this.index ? 1 : 0));
  #followed = new Map<string, Ended>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watchers = 0;

  async refresh(): Promise<void> {
    try {
      const [campaigns, imports, bulk, exports, index] = await Promise.all([
        get('/campaigns', { query: { state: 'running', limit: 10 } }),
        get('/imports', { query: { limit: 10 } }),
        get('/customers/bulk', { query: { limit: 10 } }),
        get('/exports', { query: { limit: 10 } }),
        get('/search-index'),
      ]);
      this.campaigns = campaigns.data;
      this.imports = imports.data.filter((one) => ['queued', 'validating', 'running'].includes(one.state));
      this.index = index.building;
      this.#settle(bulk.data, exports.data);
      const work = await Promise.all(this.journeys.map(async ({ journey, job }) => ({ journey, job: await get('/journeys/{id}/jobs/{jobId}', { path: { id: journey.id, jobId: job.id } }) })));
      this.journeys = work.filter(({ job }) => isGoing(job));
    } catch (cause) {
      // The tray is a convenience: what cannot be read now is shown as it was; the pages themselves report what is wrong.
      if (!(cause instanceof ApiError)) throw cause;
    }
  }

  #settle(bulk: readonly BulkJob[], exports: readonly ExportJob[]) {
    const wasRunning = new Set(this.exports.map(({ id }) => id));
    this.ready = [...exports.filter((job) => job.available && (wasRunning.has(job.id) || this.#followed.has(job.id)) && !this.ready.some(({ id }) => id === job.id)), ...this.ready.filter((old) => exports.find(({ id }) => id === old.id)?.available ?? true)];
    this.exports = exports.filter(isGoing);
    this.bulk = bulk.filter(isGoing);
    for (const job of exports) if (!isGoing(job)) this.#followed.delete(job.id);
    for (const job of bulk) {
      if (isGoing(job)) continue;
      this.#followed.get(job.id)?.(job);
      this.#followed.delete(job.id);
    }
  }

  /** Watches one job closely until it has ended. */
  follow(kind: 'bulk' | 'export', id: string, ended: Ended = () => {}) {
    this.#followed.set(id, ended);
    this.#again(kind === 'bulk' ? 250 : FOLLOWING_MS / 2);
  }

  followJourney(journey: JourneyWork['journey'], job: JourneyJob) {
    if (!isGoing(job)) return;
    this.journeys = [...this.journeys.filter((one) => one.job.id !== job.id), { journey: { id: journey.id, name: journey.name }, job }];
    this.#again(FOLLOWING_MS / 2);
  }

  putAway(job: Pick<ExportJob, 'id'>) { this.ready = this.ready.filter(({ id }) => id !== job.id); }

  async cancelBulk(id: string): Promise<void> { await post('/customers/bulk/{id}/cancel', { path: { id } }); await this.refresh(); }
  async cancelExport(id: string): Promise<void> { await post('/exports/{id}/cancel', { path: { id } }); await this.refresh(); }

  #again(delay: number) {
    clearTimeout(this.#timer);
    if (this.#watchers === 0) return;
    this.#timer = setTimeout(() => {
      const asked = document.hidden && this.#followed.size === 0 ? Promise.resolve() : this.refresh();
      void asked.finally(() => this.#again(this.#followed.size > 0 || this.journeys.length > 0 || this.index ? FOLLOWING_MS : RESTING_MS));
    }, delay);
  }

  watch(): () => void {
    this.#watchers += 1;
    if (session.me) this.#again(0);
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) clearTimeout(this.#timer);
    };
  }
}

export const running = new RunningWork();
