import { address, get, post } from '$lib/api/client.ts';
import type { Campaign, Connection, Drift, History, Progress, Report, Standstill, Waves } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { moveCampaign, type Move } from './campaigns.svelte.ts';
import { loadConnections } from './forms.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** After so long without a change the server is asked what holds the campaign up. */
const STILL_MS = 20_000;
/** From then on it is told. */
const STUCK_MS = 5 * 60_000;

const endings = ['completed', 'failed', 'cancelled'];
/** What must change while a campaign gets on. */
const movesOf = ({ state, phase, recipients, sent, failed, skipped, inDoubt }: Progress) => [state, phase, recipients, sent, failed, skipped, inDoubt].join();

/** One launched or scheduled campaign: its numbers as they happen, and what is done with it. */
export class CampaignDetail extends Resource<Campaign> {
  progress = $state.raw<Progress | null>(null);
  report: Resource<Report>;
  history: Resource<History>;
  waves: Resource<Waves>;
  drift: Resource<Drift>;
  standstill: Resource<Standstill>;
  connections = new Resource<Connection[]>(loadConnections);
  live = new LiveStream<Progress>((progress) => this.#take(progress));
  #movedAt = Date.now();
  #after: ReturnType<typeof setInterval> | undefined;

  constructor(readonly id: string) {
    super(() => get('/campaigns/{id}', { path: { id } }));
    this.report = new Resource(() => get('/campaigns/{id}/report', { path: { id } }));
    this.history = new Resource(() => get('/campaigns/{id}/history', { path: { id } }));
    this.waves = new Resource(() => get('/campaigns/{id}/waves', { path: { id } }));
    this.drift = new Resource(() => get('/campaigns/{id}/drift', { path: { id } }));
    this.standstill = new Resource(() => get('/campaigns/{id}/standstill', { path: { id } }));
  }

  state = $derived.by(() => this.progress?.state ?? this.value?.state ?? null);
  isOver = $derived.by(() => this.state !== null && endings.includes(this.state));
  /** The connections it is sent over, as they are now. */
  used = $derived.by(() => {
    const ids = this.value?.delivery.connections.map(({ id }) => id) ?? [];
    return (this.connections.value ?? []).filter(({ id }) => ids.includes(id));
  });
  /** Since when nothing moved, once that is long enough to be told. */
  stuckSince = $derived.by(() => {
    const since = this.standstill.value?.since ?? null;
    return this.state === 'running' && since !== null && Date.now() - Date.parse(since) >= STUCK_MS ? since : null;
  });

  /** Reads the campaign and follows its numbers; opens and clicks go on after it is over. */
  follow(): () => void {
    void this.load().then(() => {
      if (!this.value || this.value.state === 'draft') return;
      this.#take(this.value.progress);
      if (!this.isOver) this.live.open(address('/campaigns/{id}/live', { path: { id: this.id } }));
    });
    return () => { this.live.close(); clearInterval(this.#after); };
  }

  /** Call now and then while it runs: what stands still for a while is looked into. */
  watch(): void {
    const { progress } = this;
    const isWaiting = progress?.phaseUntil != null && Date.parse(progress.phaseUntil) > Date.now();
    if (progress?.state !== 'running' || isWaiting) { this.#movedAt = Date.now(); return; }
    if (Date.now() - this.#movedAt >= STILL_MS) void this.standstill.load();
  }

  /** The stream ends with the campaign; what comes after is asked for now and then. */
  #goOnSlowly() {
    this.live.close();
    clearInterval(this.#after);
    this.#after = setInterval(() => { if (!document.hidden) void get('/campaigns/{id}/progress', { path: { id: this.id } }).then((progress) => { this.progress = progress; }, () => {}); }, 5_000);
  }

  #take(progress: Progress) {
    const before = this.progress;
    this.progress = progress;
    if (before === null || movesOf(before) !== movesOf(progress)) {
      this.#movedAt = Date.now();
      if (this.standstill.value?.since) this.standstill.set({ since: null, causes: [] });
    }
    if (endings.includes(progress.state)) this.#goOnSlowly();
    if (!this.value || (progress.state === this.value.state && progress.phase === this.value.phase)) return;
    // What may be done next depends on state and phase: a change of them is read whole.
    void this.load();
    void this.history.load();
  }

  move = new Action(async (move: Move) => {
    const moved = await moveCampaign(this.id, move);
    this.set(moved);
    this.#take(moved.progress);
    void this.history.load();
    return moved;
  });
  pickWinner = new Action(async (variant: string) => {
    const picked = await post('/campaigns/{id}/winner', { path: { id: this.id }, body: { variant } });
    this.set(picked);
    void this.report.load();
    return picked;
  });
  changeThrottle = new Action(async (perMinute: number | null) => {
    const changed = await post('/campaigns/{id}/throttle', { path: { id: this.id }, body: { perMinute } });
    this.set(changed);
    return changed;
  });
}
