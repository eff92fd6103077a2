import { metricsOf, percent, type Counters, type Metrics } from '#domain/campaign/metrics.ts';
import { offsetAt } from '#domain/shared/time.ts';
import type { Tenant } from '../tenancy/registry.ts';
import {
  readCities, readClients, readConnections, readCountries, readDomains, readLinks, readMachines, readReasons, readTimeline, readTotals, readVariants, type DomainRow,
} from '../reports/campaign.ts';
import { countersOf } from '../reports/counters.ts';
import { dayRange, readCampaignsInRange, readConnectionsInRange, readDays, readDomainsInRange, readRange, type DayRange } from '../reports/organization.ts';
import type { ExportRow, ReportKind } from './columns.ts';
import type { ExportOptions } from './export-job.ts';

/** Whom a file of a campaign's report is about. */
interface ReportedMail {
  readonly mailNo: number;
  readonly name: string;
}

/** Rows of a report as its screen shows them, all of them. @param mail of a campaign's report; null of the organization's */
export async function reportRows(tenant: Tenant, kind: ReportKind, options: ExportOptions, mail: ReportedMail | null): Promise<ExportRow[]> {
  const { sql, org } = tenant;
  if (mail === null) return organizationRows(tenant, kind, dayRange(options.from ?? '', options.to ?? '', org.timezone));
  const { mailNo, name } = mail;
  switch (kind) {
    case 'campaign_summary': {
      const [totals, connections, variants] = await Promise.all([readTotals(sql, mailNo), readConnections(sql, mailNo), readVariants(sql, mailNo)]);
      const row = (part: string, of: string, counters: Counters) => ({ part, name: of, ...flat(metricsOf(counters)) });
      return [row('campaign', name, totals), ...connections.map((each) => row('connection', each.name, each)), ...variants.map((each) => row('variant', String.fromCharCode(64 + each.variant), each))];
    }
    case 'campaign_reasons': return [
      ...(await readReasons(sql, mailNo)).map(({ state, reason, count }) => ({ what: state, reason, count })),
      ...(await readMachines(sql, mailNo)).flatMap(({ reason, opened, clicked }) => [{ what: 'machine_opened', reason, count: opened }, { what: 'machine_clicked', reason, count: clicked }]).filter(({ count }) => count > 0),
    ];
    case 'campaign_timeline': return (await readTimeline(sql, mailNo)).map(({ at, ...counts }) => ({ hour: at, local_hour: new Date(at.getTime() + offsetAt(at.getTime(), org.timezone)).toISOString().slice(0, 16), ...snake(counts) }));
    case 'campaign_links': {
      const links = await readLinks(sql, mailNo);
      const total = links.reduce((sum, each) => sum + each.clicks, 0);
      return links.map(({ url, variant, clicks, uniqueClicks, machineClicks }) => ({
        url, variant: variant === null ? null : String.fromCharCode(64 + variant), clicks, unique_clicks: uniqueClicks, machine_clicks: machineClicks, share: percent(clicks, total),
      }));
    }
    case 'campaign_geography': return [...(await readCountries(sql, mailNo)).map((row) => ({ city: '', ...snake(row) })), ...(await readCities(sql, mailNo, 1_000_000)).map(snake)];
    case 'campaign_clients': {
      const of = async (by: 'client' | 'device') => (await readClients(sql, mailNo, by)).map((row) => ({ by, ...snake(row) }));
      return [...(await of('client')), ...(await of('device'))];
    }
    case 'campaign_domains': return domainRows(await readDomains(sql, mailNo, null), (await readTotals(sql, mailNo)).deliverable > 0);
    case 'certificate': return certificateRows(tenant, mailNo);
    default: throw new Error(`${kind} is no report of a campaign`);
  }
}

async function organizationRows({ sql }: Tenant, kind: ReportKind, range: DayRange): Promise<ExportRow[]> {
  switch (kind) {
    case 'report_days': return (await readDays(sql, range)).map(({ date, ...counters }) => ({ date, ...flat(metricsOf(counters)) }));
    case 'report_campaigns': return (await readCampaignsInRange(sql, range, null, 1_000_000)).map(({ id, name, subject, state, recipients, launchedAt, ...counters }) => ({
      campaign_id: id, name, subject, state, recipients, launched_at: launchedAt, ...flat(metricsOf(counters)),
    }));
    case 'report_domains': return domainRows(await readDomainsInRange(sql, range), (await readRange(sql, range)).deliverable > 0);
    case 'report_connections': return (await readConnectionsInRange(sql, range)).map(({ name, vendor, connectionId: _, health: __, ...counters }) => ({ connection: name, vendor, ...flat(metricsOf(counters)) }));
    default: throw new Error(`${kind} is no report over a range of days`);
  }
}

function domainRows(rows: readonly DomainRow[], isTold: boolean): ExportRow[] {
  return rows.map(({ domain, ...row }) => ({ domain, ...flat(metricsOf(countersOf({ ...row, deliverable: isTold ? row.sent : 0 }))) }));
}

/** One line a number, so that it can be checked with a spreadsheet. */
async function certificateRows({ sql }: Tenant, mailNo: number): Promise<ExportRow[]> {
  const row = await sql.first<{ certificate: Readonly<Record<string, unknown>> | null }>('select certificate from campaign where mail_no = $1', [mailNo]);
  const lines = (value: unknown, path: string): ExportRow[] => {
    if (Array.isArray(value)) return value.flatMap((each: unknown, i) => lines(each, `${path}[${i}]`));
    if (typeof value !== 'object' || value === null) return [{ name: path, value }];
    return Object.entries(value).flatMap(([key, each]) => lines(each, path === '' ? key : `${path}.${key}`));
  };
  return lines(row?.certificate ?? {}, '');
}

/** Metrics by the names of their columns. */
function flat({ opened, clicked, ...metrics }: Metrics): ExportRow {
  return {
    ...snake(metrics), opened: opened.unique, opened_total: opened.total, opened_machine: opened.machine, clicked: clicked.unique, clicked_total: clicked.total, clicked_machine: clicked.machine,
  };
}

function snake(row: object): ExportRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]: [string, unknown]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}
