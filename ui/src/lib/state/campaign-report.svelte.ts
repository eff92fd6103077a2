import { get } from '$lib/api/client.ts';
import type { CampaignRow, Certificate, Comparison, Recipient, Report, ReportClients, ReportDomains, ReportGeography, ReportLinks, ReportTimeline, Query } from '$lib/api/types.ts';
import type { Option } from '$lib/components/table/column.ts';
import { Resource } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

/** The parts of a campaign's report, each read by itself: what is slow or missing holds nothing else up. */
export class CampaignReport {
  timeline: Resource<ReportTimeline>;
  links: Resource<ReportLinks>;
  geography: Resource<ReportGeography>;
  clients: Resource<ReportClients>;
  domains: Resource<ReportDomains>;
  comparison: Resource<Comparison>;
  /** Whose clickers are shown; null: those of all links. */
  link = $state<number | null>(null);
  /** Campaigns beside this one. */
  others = $state.raw<readonly string[]>([]);

  constructor(readonly id: string, readonly report: Resource<Report>) {
    const path = { id };
    this.timeline = new Resource(() => get('/campaigns/{id}/report/timeline', { path }));
    this.links = new Resource(() => get('/campaigns/{id}/report/links', { path, query: this.link === null ? {} : { link: this.link } }));
    this.geography = new Resource(() => get('/campaigns/{id}/report/geography', { path }));
    this.clients = new Resource(() => get('/campaigns/{id}/report/clients', { path }));
    this.domains = new Resource(() => get('/campaigns/{id}/report/domains', { path }));
    this.comparison = new Resource(() => get('/campaigns/{id}/compare', { path, query: { with: this.others.join(',') } }));
  }

  load = () => { for (const part of [this.report, this.timeline, this.links, this.geography, this.clients, this.domains]) void part.load(); };

  showClickers(link: number | null) {
    this.link = link;
    void this.links.load();
  }
  compareWith(others: readonly string[]) {
    this.others = others;
    void this.comparison.load();
  }
}

const wasSent = ({ state, progress }: CampaignRow) => state !== 'draft' && state !== 'scheduled' && progress.recipients > 0;

/** Campaigns that were sent, newest first, by name. */
export const findSent = (except: readonly string[]) => async (text: string): Promise<Option[]> => {
  const page = await get('/campaigns', { query: { limit: 50, state: 'running,paused,completed,failed,cancelled', ...(text ? { search: text } : {}) } });
  return page.data.filter((row) => wasSent(row) && !except.includes(row.id)).map(({ id, name, subject }) => ({ value: id, label: name, note: subject }));
};

export class Recipients extends Pages<Recipient, Query<'/campaigns/{id}/recipients'>> {
  constructor(id: string) {
    super((query) => get('/campaigns/{id}/recipients', { path: { id }, query }));
  }
}

export const certificateOf = (id: string) => new Resource<Certificate>(() => get('/campaigns/{id}/certificate', { path: { id } }));
