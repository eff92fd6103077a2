import type { Counters } from '#domain/campaign/metrics.ts';
import type { JourneyState } from '#domain/journey/status.ts';
import { parseDate } from '#domain/segment/windows.ts';
import { refuse } from '#domain/shared/errors.ts';
import type { Sql } from '../db/sql.ts';
import { COUNTED, COUNTERS } from './counters.ts';
import { DOMAIN_COUNTERS, type DomainRow } from './campaign.ts';

type Reader = Pick<Sql, 'rows' | 'first'>;

/** Whole days of the organization: `from` and `to` like `2026-11-25`, both included, with the instants they span. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
  /** Epoch ms; the end is not part of it. */
  readonly start: number;
  readonly end: number;
  readonly days: number;
  readonly zone: string;
}

const DAY_MS = 86_400_000;
const MAX_DAYS = 3_660;
const isDay = /^\d{4}-\d{2}-\d{2}$/;

/** @throws AppError `invalid` naming the day that is none, or a range that ends before it begins */
export function dayRange(from: string, to: string, zone: string): DayRange {
  const [first, last] = [spanOf('from', from, zone), spanOf('to', to, zone)];
  if (last.to <= first.from) throw refuse('to', 'The range ends before it begins.');
  const days = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  if (days > MAX_DAYS) throw refuse('from', 'A range of more than ten years cannot be read at once.');
  return { from, to, start: first.from, end: last.to, days, zone };
}

/** The last days up to today. @param now epoch ms */
export function lastDays(days: number, zone: string, now: number): DayRange {
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now);
  return dayRange(shifted(today, 1 - days), today, zone);
}

/** As many days right before. */
export function rangeBefore(range: DayRange): DayRange {
  return dayRange(shifted(range.from, -range.days), shifted(range.from, -1), range.zone);
}

function spanOf(field: 'from' | 'to', day: string, zone: string): { readonly from: number; readonly to: number } {
  const span = isDay.test(day) ? parseDate(day, zone) : null;
  if (span === null) throw refuse(field, `Expected a day like 2026-11-25, got "${day.slice(0, 30)}".`);
  return span;
}

function shifted(day: string, days: number): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
}

const spanned = ({ start, end }: DayRange) => [new Date(start).toISOString(), new Date(end).toISOString()];

export async function readRange(sql: Reader, range: DayRange): Promise<Counters> {
  return (await sql.first<Counters>(`select ${COUNTERS} from ${COUNTED} where n.hour >= $1 and n.hour < $2`, spanned(range)))!;
}

export type DayCounters = Counters & { readonly date: string };

/** Every day of the range, also those on which nothing happened. */
export function readDays(sql: Reader, range: DayRange): Promise<DayCounters[]> {
  return sql.rows(
    `select to_char(d, 'YYYY-MM-DD') as date, ${COUNTERS}
       from generate_series($3::date, $4::date, interval '1 day') d left join (${COUNTED}) on (n.hour at time zone $5)::date = d::date and n.hour >= $1 and n.hour < $2 group by d order by d`,
    [...spanned(range), range.from, range.to, range.zone]);
}

/** Domains of recipients' addresses with what their mail came to on the days of the range, most mail first. */
export function readDomainsInRange(sql: Reader, range: DayRange): Promise<DomainRow[]> {
  return sql.rows(`select domain, ${DOMAIN_COUNTERS} from domain_count where on_day between $1::date and $2::date group by domain order by sum(sent) desc, domain`, [range.from, range.to]);
}

export type ConnectionInRange = Counters & { readonly connectionId: string; readonly name: string; readonly vendor: string; readonly health: 'unknown' | 'healthy' | 'broken' };

/** Connections that were used in the range. */
export function readConnectionsInRange(sql: Reader, range: DayRange): Promise<ConnectionInRange[]> {
  return sql.rows(
    `select l.id::text as "connectionId", l.name, l.vendor, l.health, ${COUNTERS} from ${COUNTED} where n.hour >= $1 and n.hour < $2 and l.id is not null group by l.no, l.id, l.name, l.vendor, l.health order by sum(n.sent) desc, l.no`, spanned(range));
}

export type JourneyInRange = Counters & { readonly id: string; readonly name: string; readonly state: JourneyState; readonly enrolled: number; readonly active: number; readonly goals: number };

/** Journeys whose mail did anything in the range, most mail first; how many people they have to this day. */
export function readJourneysInRange(sql: Reader, range: DayRange): Promise<JourneyInRange[]> {
  return sql.rows(
    `select j.id::text, j.name, j.state, p.enrolled, p.active, p.goals, m.* from (
       select q.ref_id, ${COUNTERS} from mail q join (${COUNTED}) on n.mail_no = q.no where q.kind = 'journey' and n.hour >= $1 and n.hour < $2 group by q.ref_id) m
       join journey j on j.id = m.ref_id
       cross join lateral (
         select coalesce(sum(c.n) filter (where c.state <> 'goal'), 0)::int as enrolled, coalesce(sum(c.n) filter (where c.state = 'active'), 0)::int as active, coalesce(sum(c.n) filter (where c.state = 'goal'), 0)::int as goals
           from enrollment_count c where c.journey_id = j.id) p
      where not j.removing order by m.sent desc, lower(j.name), j.id`, spanned(range));
}

export type CampaignInRange = Counters & {
  readonly id: string; readonly name: string; readonly subject: string; readonly recipients: number; readonly launchedAt: Date; readonly key: string;
  readonly state: 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
};

/** Campaigns launched in the range, newest first, with all that became of them to this day. @param after instant and id of the last one shown */
export function readCampaignsInRange(sql: Reader, range: DayRange, after: readonly [string, string] | null, limit: number): Promise<CampaignInRange[]> {
  return sql.rows(
    `select c.id::text, c.name, c.subject, c.state, coalesce(c.recipients, 0) as recipients, c.launched_at as "launchedAt", c.launched_at::text as key, m.*
       from (select * from campaign where launched_at >= $1 and launched_at < $2 and ($3::timestamptz is null or (launched_at, id) < ($3::timestamptz, $4::uuid)) order by launched_at desc, id desc limit $5) c
       cross join lateral (select ${COUNTERS} from ${COUNTED} where n.mail_no = c.mail_no) m order by c.launched_at desc, c.id desc`, [...spanned(range), after?.[0] ?? null, after?.[1] ?? null, limit]);
}
