import { chancesOfBest, variantsOf, type Experiment, type ExperimentResult, type VariantCounts } from '#domain/campaign/experiment.ts';
import { metricsOf, percent, type Counters } from '#domain/campaign/metrics.ts';
import { notFound, refuse } from '#domain/shared/errors.ts';
import { offsetAt } from '#domain/shared/time.ts';
import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import {
  readCities, readClients, readConnections, readCountries, readDomains, readLinks, readMachines, readReasons, readTimeline, readTopClickers, readTotals, readVariants, type DomainRow,
} from '../../../infra/reports/campaign.ts';
import { countersOf } from '../../../infra/reports/counters.ts';
import type { CertificateView, ReportView } from './report-views.ts';

export type CampaignReportService = ReturnType<typeof createCampaignReportService>;

const TOP_CLICKERS = 20;
const CITIES = 200;
const DOMAINS = 50;
const COMPARED = 5;

/** What became of a campaign, from counters alone: instant with millions of recipients. */
export function createCampaignReportService({ tenants, config }: Pick<Container, 'tenants' | 'config'>) {
  const ofMail = <T>(orgId: string, id: string, work: (sql: Sql, campaign: ReportedCampaign, zone: string) => Promise<T>) =>
    tenants.use(orgId, async ({ sql, org }) => work(sql, await findReported(sql, id), org.timezone));

  return {
    report: (orgId: string, id: string) => ofMail(orgId, id, async (sql, campaign): Promise<z.input<typeof ReportView>> => {
      const { mailNo } = campaign;
      const [totals, connections, variants, failures, machines] = await Promise.all([readTotals(sql, mailNo), readConnections(sql, mailNo), readVariants(sql, mailNo), readReasons(sql, mailNo), readMachines(sql, mailNo)]);
      return {
        ...metricsOf(totals), recipients: campaign.recipients,
        connections: connections.map(({ connectionId, name, ...counters }) => ({ connectionId, name, ...metricsOf(counters) })),
        ...experimentOf(campaign, new Map(variants.map(({ variant, ...counters }) => [variant, counters]))),
        failures, machines,
      };
    }),

    timeline: (orgId: string, id: string) => ofMail(orgId, id, async (sql, { mailNo }, zone) => ({
      zone, hours: (await readTimeline(sql, mailNo)).map(({ at, ...counts }) => ({ at: at.toISOString(), local: localTime(at, zone), ...counts })),
    })),

    links: (orgId: string, id: string, link: number | null) => ofMail(orgId, id, async (sql, { mailNo }) => {
      const [links, topClickers] = await Promise.all([readLinks(sql, mailNo), readTopClickers(sql, mailNo, link, TOP_CLICKERS)]);
      const clicks = links.reduce((sum, each) => sum + each.clicks, 0);
      return { links: links.map(({ variant, ...each }) => ({ ...each, variant: labelOf(variant), share: percent(each.clicks, clicks) })), topClickers };
    }),

    geography: (orgId: string, id: string) => ofMail(orgId, id, async (sql, { mailNo }) => {
      const [countries, cities] = await Promise.all([readCountries(sql, mailNo), readCities(sql, mailNo, CITIES)]);
      return { countries, cities, knowsCities: config.FERMATA_GEO_CITY_DB !== undefined };
    }),

    clients: (orgId: string, id: string) => ofMail(orgId, id, async (sql, { mailNo }) => {
      const [clients, devices] = await Promise.all([readClients(sql, mailNo, 'client'), readClients(sql, mailNo, 'device')]);
      return { clients: clients.map(({ name, ...counts }) => ({ client: name, ...counts })), devices: devices.map(({ name, ...counts }) => ({ device: name, ...counts })) };
    }),

    domains: (orgId: string, id: string) => ofMail(orgId, id, async (sql, { mailNo }) => domainsOf(await readDomains(sql, mailNo, null), await isDeliveryTold(sql, mailNo))),

    /** This campaign and up to four others, in the order asked for. @throws AppError `invalid` naming the one that is not there */
    compare: (orgId: string, id: string, others: readonly string[]) => tenants.use(orgId, async ({ sql }) => {
      await findReported(sql, id);
      if (others.length > COMPARED - 1) throw refuse('with', `At most ${COMPARED} campaigns can be compared.`);
      const asked = [...new Set([id.toLowerCase(), ...others.map((other) => other.toLowerCase())])];
      const rows = await Promise.all(asked.map(async (each) => {
        const campaign = await findReported(sql, each).catch(() => { throw refuse('with', 'One of these campaigns does not exist. Choose another.'); });
        const { name, subject, state, recipients, launchedAt, mailNo } = campaign;
        return { id: each, name, subject, state, recipients, launchedAt: launchedAt?.toISOString() ?? null, ...metricsOf(await readTotals(sql, mailNo)) };
      }));
      return { data: rows };
    }),

    /** @throws AppError `not_found` while there is none */
    certificate: (orgId: string, id: string) => ofMail(orgId, id, async (sql) => {
      const row = await sql.first<{ certificate: (Omit<z.input<typeof CertificateView>, 'differing'> & { differing: number[] }) | null }>('select certificate from campaign where id = $1', [id]);
      if (row?.certificate == null) throw notFound('certificate');
      const known = new Map((await sql.rows<{ id: number; email: string }>('select id, email from customer where id = any($1)', [row.certificate.differing])).map((each) => [each.id, each.email]));
      return { ...row.certificate, differing: row.certificate.differing.map((customerId) => ({ customerId, email: known.get(customerId) ?? null })) };
    }),
  };
}

export interface ReportedCampaign {
  readonly id: string; readonly mailNo: number; readonly name: string; readonly subject: string; readonly fromName: string; readonly fromEmail: string;
  readonly state: 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  readonly recipients: number; readonly launchedAt: Date | null; readonly experiment: Experiment | null; readonly experimentResult: ExperimentResult | null; readonly winner: number | null;
}

/** Without its content, which may be megabytes. @throws AppError `not_found` */
export async function findReported(sql: Pick<Sql, 'first'>, id: string): Promise<ReportedCampaign> {
  const row = await sql.first<ReportedCampaign>(
    `select id::text, mail_no as "mailNo", name, subject, from_name as "fromName", from_email as "fromEmail", state, coalesce(recipients, 0) as recipients, launched_at as "launchedAt",
            experiment - 'contents' || jsonb_build_object('contents', (select coalesce(jsonb_agg('{"html": "", "text": ""}'::jsonb), '[]') from jsonb_array_elements(experiment->'contents'))) as experiment,
            experiment_result as "experimentResult", winner
       from campaign where id = $1`, [id]);
  if (row === undefined) throw notFound('campaign');
  return row;
}

/** A, B, C… of a variant's number; null for none. */
export function labelOf(variant: number | null): string | null {
  return variant === null || variant === 0 ? null : String.fromCharCode(64 + variant);
}

function experimentOf({ mailNo, subject, fromName, experiment, experimentResult, winner }: ReportedCampaign, counted: ReadonlyMap<number, Counters>): Pick<z.input<typeof ReportView>, 'variants' | 'experiment'> {
  if (experiment === null) return { variants: [], experiment: null };
  const variants = variantsOf({ subject, html: '', text: '', fromName }, experiment);
  const counters = variants.map(({ no }) => counted.get(no) ?? countersOf({}));
  const counts: VariantCounts[] = counters.map((each) => ({ sent: each.sent, opened: each.uniqueOpened, clicked: each.uniqueClicked, complained: each.complained, unsubscribed: each.unsubscribed }));
  const chances = chancesOfBest(counts, experiment.winnerBy, mailNo);
  return {
    variants: variants.map(({ no, label, ...says }, i) => ({ no, label, subject: says.subject, fromName: says.fromName, chance: chances[i]!, isWinner: winner === no, ...metricsOf(counters[i]!) })),
    experiment: { winnerBy: experiment.winnerBy, testPercent: experiment.testPercent, winner, pickedBy: experimentResult?.by ?? null, pickedAt: experimentResult?.at ?? null },
  };
}

/** Whether any of the mail's connections tells of deliveries. */
async function isDeliveryTold(sql: Sql, mailNo: number): Promise<boolean> {
  return (await readTotals(sql, mailNo)).deliverable > 0;
}

/** The domains with most mail, and the others together. */
export function domainsOf(rows: readonly DomainRow[], isTold: boolean) {
  const toMetrics = (row: Omit<DomainRow, 'domain'>) => metricsOf(countersOf({ ...row, deliverable: isTold ? row.sent : 0 }));
  const rest = rows.slice(DOMAINS);
  const sum = (column: keyof Omit<DomainRow, 'domain'>) => rest.reduce((total, row) => total + row[column], 0);
  return {
    domains: rows.slice(0, DOMAINS).map(({ domain, ...row }) => ({ domain, ...toMetrics(row) })),
    others: rest.length === 0 ? null : {
      domains: rest.length,
      ...toMetrics({ sent: sum('sent'), delivered: sum('delivered'), uniqueOpened: sum('uniqueOpened'), uniqueClicked: sum('uniqueClicked'), bounced: sum('bounced'), complained: sum('complained'), unsubscribed: sum('unsubscribed') }),
    },
  };
}

/** An instant as the zone's clocks show it: `2026-03-01T09:00`. */
export function localTime(at: Date, zone: string): string {
  return new Date(at.getTime() + offsetAt(at.getTime(), zone)).toISOString().slice(0, 16);
}
