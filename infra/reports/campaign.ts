import type { Counters } from '#domain/campaign/metrics.ts';
import type { Sql } from '../db/sql.ts';
import { COUNTED, COUNTERS } from './counters.ts';

/**
 * What the reports of one mail are made of. Every query reads counters, whose number does not grow with that of the
 * recipients, but for top clickers, who are read among those who clicked.
 */

type Reader = Pick<Sql, 'rows' | 'first'>;

export async function readTotals(sql: Reader, mailNo: number): Promise<Counters> {
  return (await sql.first<Counters>(`select ${COUNTERS} from ${COUNTED} where n.mail_no = $1`, [mailNo]))!;
}

export type ConnectionCounters = Counters & { readonly connectionId: string; readonly name: string };

export function readConnections(sql: Reader, mailNo: number): Promise<ConnectionCounters[]> {
  return sql.rows(`select l.id::text as "connectionId", l.name, ${COUNTERS} from ${COUNTED} where n.mail_no = $1 and l.id is not null group by l.no, l.id, l.name order by l.no`, [mailNo]);
}

export type VariantCounters = Counters & { readonly variant: number };

export function readVariants(sql: Reader, mailNo: number): Promise<VariantCounters[]> {
  return sql.rows(`select n.variant, ${COUNTERS} from ${COUNTED} where n.mail_no = $1 and n.variant > 0 group by n.variant order by n.variant`, [mailNo]);
}

export interface ReasonRow {
  readonly state: 'failed' | 'skipped' | 'in_doubt';
  readonly reason: string;
  readonly count: number;
}

export function readReasons(sql: Reader, mailNo: number): Promise<ReasonRow[]> {
  return sql.rows(
    `select case state when 3 then 'failed' when 4 then 'skipped' else 'in_doubt' end as state, reason, sum(count)::int as count from reason_count
      where mail_no = $1 and state in (3, 4, 5) group by 1, 2 having sum(count) > 0 order by 3 desc, 1, 2`, [mailNo]);
}

export interface MachineRow {
  readonly reason: string;
  readonly opened: number;
  readonly clicked: number;
}

export function readMachines(sql: Reader, mailNo: number): Promise<MachineRow[]> {
  return sql.rows(`select reason, opened, clicked from machine_count where mail_no = $1 and opened + clicked > 0 order by opened + clicked desc, reason`, [mailNo]);
}

export interface HourRow {
  readonly at: Date;
  readonly sent: number;
  readonly opened: number;
  readonly clicked: number;
  readonly uniqueOpened: number;
  readonly uniqueClicked: number;
  readonly machineOpened: number;
  readonly machineClicked: number;
  readonly unsubscribed: number;
  readonly bounced: number;
}

/** Hours in which anything happened, in order. */
export function readTimeline(sql: Reader, mailNo: number): Promise<HourRow[]> {
  return sql.rows(
    `select hour as at, sum(sent)::int as sent, sum(opened)::int as opened, sum(clicked)::int as clicked, sum(unique_opened)::int as "uniqueOpened", sum(unique_clicked)::int as "uniqueClicked",
            sum(machine_opened)::int as "machineOpened", sum(machine_clicked)::int as "machineClicked", sum(unsubscribed)::int as unsubscribed, sum(bounced)::int as bounced
       from mail_count where mail_no = $1 group by hour
     having sum(sent) > 0 or sum(opened + clicked + unique_opened + unique_clicked + machine_opened + machine_clicked + unsubscribed + bounced) > 0 order by hour`, [mailNo]);
}

export interface LinkRow {
  readonly no: number;
  readonly url: string;
  readonly variant: number | null;
  readonly clicks: number;
  readonly uniqueClicks: number;
  readonly machineClicks: number;
}

export function readLinks(sql: Reader, mailNo: number): Promise<LinkRow[]> {
  return sql.rows(
    `select l.no, l.url, l.variant, coalesce(c.clicks, 0) as clicks, coalesce(c.unique_clicks, 0) as "uniqueClicks", coalesce(c.machine_clicks, 0) as "machineClicks"
       from link l left join link_count c on c.mail_no = l.mail_no and c.link_no = l.no where l.mail_no = $1 order by clicks desc, l.no`, [mailNo]);
}

export interface ClickerRow {
  readonly customerId: number;
  readonly email: string;
  readonly clicks: number;
  readonly links: number;
}

/** Who clicked most, of a link or of all; erased people are left out. */
export function readTopClickers(sql: Reader, mailNo: number, link: number | null, limit: number): Promise<ClickerRow[]> {
  return sql.rows(
    `select c.id as "customerId", c.email, t.clicks, t.links from (
       select ordinal, sum(clicks)::int as clicks, count(*)::int as links from link_clicker where mail_no = $1 and ($2::int2 is null or link_no = $2) group by ordinal order by 2 desc, 3 desc, 1 limit $3) t
       join message m on m.mail_no = $1 and m.ordinal = t.ordinal join customer c on c.id = m.customer_id order by t.clicks desc, t.links desc, t.ordinal`, [mailNo, link, limit]);
}

export interface Engagement {
  readonly opened: number;
  readonly clicked: number;
  readonly uniqueOpened: number;
  readonly uniqueClicked: number;
}

const ENGAGEMENT = `sum(opened)::int as opened, sum(clicked)::int as clicked, sum(unique_opened)::int as "uniqueOpened", sum(unique_clicked)::int as "uniqueClicked"`;

/** By country; an empty one is not known. */
export function readCountries(sql: Reader, mailNo: number): Promise<(Engagement & { readonly country: string })[]> {
  return sql.rows(`select country, ${ENGAGEMENT} from place_count where mail_no = $1 group by country having sum(opened + clicked) > 0 order by sum(unique_opened) desc, sum(opened + clicked) desc, country`, [mailNo]);
}

export function readCities(sql: Reader, mailNo: number, limit: number): Promise<(Engagement & { readonly country: string; readonly city: string })[]> {
  return sql.rows(
    `select country, city, ${ENGAGEMENT} from place_count where mail_no = $1 and city <> '' group by country, city having sum(opened + clicked) > 0 order by sum(unique_opened) desc, sum(opened + clicked) desc, country, city limit $2`, [mailNo, limit]);
}

export type ClientRow = Engagement & { readonly name: string; readonly machineOpened: number; readonly machineClicked: number };

/** By mail program or browser, or by device; an empty name is not known. */
export function readClients(sql: Reader, mailNo: number, by: 'client' | 'device'): Promise<ClientRow[]> {
  return sql.rows(
    `select ${by} as name, ${ENGAGEMENT}, sum(machine_opened)::int as "machineOpened", sum(machine_clicked)::int as "machineClicked" from client_count where mail_no = $1 group by 1
     having sum(opened + clicked + machine_opened + machine_clicked) > 0 order by sum(unique_opened) desc, sum(opened + clicked) desc, sum(machine_opened) desc, 1`, [mailNo]);
}

export interface DomainRow {
  readonly domain: string;
  readonly sent: number;
  readonly delivered: number;
  readonly uniqueOpened: number;
  readonly uniqueClicked: number;
  readonly bounced: number;
  readonly complained: number;
  readonly unsubscribed: number;
}

export const DOMAIN_COUNTERS = `sum(sent)::int as sent, sum(delivered)::int as delivered, sum(opened)::int as "uniqueOpened", sum(clicked)::int as "uniqueClicked", sum(bounced)::int as bounced, sum(complained)::int as complained, sum(unsubscribed)::int as unsubscribed`;

/** By domain of the recipients' addresses, most mail first. Counted as the index learns of what was sent. */
export function readDomains(sql: Reader, mailNo: number, limit: number | null): Promise<DomainRow[]> {
  return sql.rows(`select domain, ${DOMAIN_COUNTERS} from domain_count where mail_no = $1 group by domain order by sum(sent) desc, domain limit $2`, [mailNo, limit]);
}
