import { get } from '$lib/api/client.ts';
import type { CampaignInRange, ConnectionInRange, JourneyInRange, Overview, Query, ReportDomains } from '$lib/api/types.ts';
import type { DayRange } from '$lib/report/ranges.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';

const PAGE = 200;

/** All mail of the organization over a range of its days. */
export class RangeReport {
  range = $state.raw<DayRange>({ from: '', to: '' });
  overview = new Resource<Overview>(() => get('/reports/overview', { query: { ...this.range } }));
  domains = new Resource<ReportDomains>(() => get('/reports/domains', { query: { ...this.range } }));
  connections = new Resource<ConnectionInRange[]>(() => get('/reports/connections', { query: { ...this.range } }).then(({ data }) => data));
  journeys = new Resource<JourneyInRange[]>(() => get('/reports/journeys', { query: { ...this.range } }).then(({ data }) => data));
  campaigns = new Rows<CampaignInRange, Query<'/reports/campaigns'>>((query) => get('/reports/campaigns', { query: { limit: 20, ...query } }));

  show(range: DayRange) {
    this.range = range;
    for (const part of [this.overview, this.domains, this.connections, this.journeys]) void part.load();
    void this.campaigns.load({ from: range.from, to: range.to });
  }

  /** Every campaign of the range, for a file. */
  allCampaigns = new Action(async () => {
    const rows: CampaignInRange[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { data: CampaignInRange[]; nextCursor: string | null } = await get('/reports/campaigns', { query: { ...this.range, limit: PAGE, ...(cursor === '' ? {} : { cursor }) } });
      rows.push(...page.data);
      cursor = page.nextCursor;
    }
    return rows;
  });
}
