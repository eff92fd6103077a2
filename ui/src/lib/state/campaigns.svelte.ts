import { address, get, post, remove } from '$lib/api/client.ts';
import type { Campaign, CampaignAction, CampaignRow, Progress, Query, Recipient, Report, ReportLinks, ReportTimeline } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { LiveStream } from './live.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

export type Move = Exclude<CampaignAction, 'edit' | 'test' | 'schedule' | 'launch' | 'delete'>;

const act = (id: string, move: Move): Promise<Campaign> => post(`/campaigns/{id}/${move}`, { path: { id } });

export class Campaigns extends Pages<CampaignRow, Query<'/campaigns'>> {
  constructor() {
    super((query) => get('/campaigns', { query }));
  }

  create = new Action((name: string) => post('/campaigns', { body: { name: name.trim() } }));
  move = new Action(async (campaign: CampaignRow, move: Move) => {
    const moved = await act(campaign.id, move);
    await this.reload();
    return moved;
  });
  delete = new Action(async (campaign: CampaignRow) => {
    await remove('/campaigns/{id}', { path: { id: campaign.id } });
    this.drop((row) => row.id === campaign.id);
    return true;
  });
}

/** One launched campaign: its numbers as they happen, its report, its recipients. */
export class CampaignDetail extends Resource<Campaign> {
  progress = $state.raw<Progress | null>(null);
  report: Resource<Report>;
  timeline: Resource<ReportTimeline>;
  links: Resource<ReportLinks>;
  recipients: Rows<Recipient, Query<'/campaigns/{id}/recipients'>>;
  live = new LiveStream<Progress>((progress) => this.#take(progress));
  running = $derived(this.value?.state === 'running' || this.value?.state === 'paused');

  constructor(readonly id: string) {
    super(() => get('/campaigns/{id}', { path: { id } }));
    this.report = new Resource(() => get('/campaigns/{id}/report', { path: { id } }));
    this.timeline = new Resource(() => get('/campaigns/{id}/report/timeline', { path: { id } }));
    this.links = new Resource(() => get('/campaigns/{id}/report/links', { path: { id } }));
    this.recipients = new Rows((query) => get('/campaigns/{id}/recipients', { path: { id }, query }));
  }

  /** Reads the campaign and follows its numbers; opens and clicks go on after it is completed. */
  follow(): () => void {
    void this.load().then(() => {
      if (!this.value) return;
      this.progress = this.value.progress;
      if (this.value.state !== 'draft' && this.value.state !== 'scheduled') this.live.open(address('/campaigns/{id}/live', { path: { id: this.id } }));
    });
    return () => { this.live.close(); clearInterval(this.#after); };
  }

  /** The stream ends with the campaign; opens and clicks go on and are asked for now and then. */
  #after: ReturnType<typeof setInterval> | undefined;
  #goOnSlowly() {
    this.live.close();
    clearInterval(this.#after);
    this.#after = setInterval(() => { if (!document.hidden) void get('/campaigns/{id}/progress', { path: { id: this.id } }).then((progress) => { this.progress = progress; }, () => {}); }, 5000);
  }

  #take(progress: Progress) {
    this.progress = progress;
    if (progress.state !== 'running' && progress.state !== 'paused') this.#goOnSlowly();
    // What may be done next depends on the state: a change of it is read whole.
    if (this.value && progress.state !== this.value.state) void this.load();
  }

  move = new Action(async (move: Move) => {
    const moved = await act(this.id, move);
    if (move !== 'duplicate') this.set(moved);
    return moved;
  });
}
