import { notFound } from '#domain/shared/errors.ts';
import type { z } from 'zod';
import type { Container } from '../../../infra/container.ts';
import type { Sql } from '../../../infra/db/sql.ts';
import type { HistoryView, StandstillView, WavesView } from './course-views.ts';

export type CampaignCourseService = ReturnType<typeof createCampaignCourseService>;
type Cause = z.input<typeof StandstillView>['causes'][number];

/** Answers of services that are away are not waited for longer than this. */
const PATIENCE_MS = 2_000;
/** A server that has had a mail for longer is slow. */
const SLOW_SECONDS = 60;

/** The course of a campaign beyond its counters: what happened to it, what leaves when, what holds it up. */
export function createCampaignCourseService({ tenants, gateway, elasticsearch }: Pick<Container, 'tenants' | 'gateway' | 'elasticsearch'>) {
  return {
    history: (orgId: string, id: string): Promise<z.input<typeof HistoryView>> => tenants.use(orgId, async ({ sql }) => {
      await findStanding(sql, id);
      const moves = await sql.rows<{ at: Date; state: z.input<typeof HistoryView>['data'][number]['state']; reason: string | null; detail: string | null; by: string | null }>(
        'select at, state, reason, detail, by from campaign_move where campaign_id = $1 order by id limit 500', [id]);
      return { data: moves.map(({ at, ...move }) => ({ at: at.toISOString(), ...move })) };
    }),

    /** By earliest time: of a campaign by the recipients' own clocks one wave per time zone. */
    waves: (orgId: string, id: string): Promise<z.input<typeof WavesView>> => tenants.use(orgId, async ({ sql }) => {
      const { mailNo } = await findStanding(sql, id);
      const waves = await sql.rows<{ at: Date | null; recipients: number; isDone: boolean; isDue: boolean }>(
        `select not_before as at, sum(last_ordinal - first_ordinal + 1)::int as recipients, bool_and(next_ordinal > last_ordinal) as "isDone", coalesce(not_before <= now(), true) as "isDue"
           from slice where mail_no = $1 group by not_before order by not_before nulls first`, [mailNo]);
      return { data: waves.map(({ at, recipients, isDone, isDue }) => ({ at: at?.toISOString() ?? null, recipients, state: isDone ? 'done' : isDue ? 'sending' : 'waiting' })) };
    }),

    /** Since when nothing moved, and what may be the cause. Reads the ledger through: screens ask only when the counters stand still. */
    standstill: (orgId: string, id: string): Promise<z.input<typeof StandstillView>> => tenants.use(orgId, async ({ sql }) => {
      const campaign = await findStanding(sql, id);
      if (campaign.state !== 'running') return { since: null, causes: [] };
      // The ledger is read in order; of a million rows in 0.1 s, which an index kept up to date with every mail would cost many times over.
      const moved = await sql.first<{ at: Date }>(
        `select greatest(max(m.started_at), max(m.ended_at), $2, (select max(at) from campaign_move where campaign_id = $3)) as at from message m where m.mail_no = $1`, [campaign.mailNo, campaign.begunAt, id]);
      const since = moved!.at.toISOString();
      // Without anybody who sends everything else stands still as well: it would only hide the cause.
      const engine = await readEngine();
      if (engine !== null) return { since, causes: [engine] };
      const isSearchAway = campaign.phase === 'resolving' && (await inTime(elasticsearch.ping())) !== true;
      const [connections, retries] = await Promise.all([readConnectionCauses(sql, campaign.mailNo), readRetries(sql, campaign.mailNo)]);
      const causes = [...(isSearchAway ? [cause('search_away')] : []), ...connections, ...retries];
      return { since, causes: causes.length > 0 ? causes : [cause('unknown')] };
    }),
  };

  async function readEngine(): Promise<Cause | null> {
    const isWorked = await inTime(gateway.isWorked());
    return isWorked === true ? null : cause(isWorked === false ? 'no_worker' : 'no_engine');
  }
}

const cause = (kind: Cause['kind'], about: Partial<Cause> = {}): Cause => ({ kind, connectionId: null, connection: null, recipients: null, until: null, detail: null, ...about });

/** @returns undefined for what failed or did not answer in time */
function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  const timer = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE_MS).unref());
  return Promise.race([asked.catch(() => undefined), timer]);
}

/** @throws AppError `not_found` */
async function findStanding(sql: Sql, id: string): Promise<{ readonly mailNo: number; readonly state: string; readonly phase: string | null; readonly begunAt: Date | null }> {
  const row = await sql.first<{ mailNo: number; state: string; phase: string | null; begunAt: Date | null }>(
    'select mail_no as "mailNo", state, phase, coalesce(frozen_at, launched_at) as "begunAt" from campaign where id = $1', [id]);
  if (row === undefined) throw notFound('campaign');
  return row;
}

/** Connections that still have mail of it to send and cannot, or that hold mail without an answer. */
async function readConnectionCauses(sql: Sql, mailNo: number): Promise<Cause[]> {
  const rows = await sql.rows<{ id: string; name: string; enabled: boolean; health: string; detail: string | null; slow: number }>(
    `with used as (select distinct connection_no as no from slice where mail_no = $1 and next_ordinal <= last_ordinal
       union select m.connection_no from retry r join message m on m.mail_no = r.mail_no and m.ordinal = r.ordinal where r.mail_no = $1),
     slow as (select connection_no as no, count(*)::int as n from message where mail_no = $1 and state = 1 and started_at < now() - interval '${SLOW_SECONDS} seconds' group by 1)
     select n.id::text, n.name, n.enabled, n.health, n.health_reason as detail, coalesce(s.n, 0) as slow from connection n left join slow s on s.no = n.no where n.no in (select no from used union select no from slow) order by n.no`, [mailNo]);
  return rows.flatMap(({ id, name, enabled, health, detail, slow }) => {
    const about = { connectionId: id, connection: name };
    if (!enabled) return [cause('connection_disabled', about)];
    if (health === 'broken') return [cause('connection_broken', { ...about, detail })];
    return slow > 0 ? [cause('slow_server', { ...about, recipients: slow })] : [];
  });
}

async function readRetries(sql: Sql, mailNo: number): Promise<Cause[]> {
  const waiting = await sql.first<{ n: number; due: Date | null }>('select count(*)::int as n, min(due_at) as due from retry where mail_no = $1', [mailNo]);
  return waiting === undefined || waiting.n === 0 ? [] : [cause('retries', { recipients: waiting.n, until: waiting.due?.toISOString() ?? null })];
}
