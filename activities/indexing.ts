import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Container } from '../infra/container.ts';
import { settled } from '../infra/db/contention.ts';
import type { Sql } from '../infra/db/sql.ts';
import { createJourneyEngine, silentJourneyEngine, type JourneyEngine } from '../infra/journeys/nudge.ts';
import { reactToAdditions, reactToChanges, type Addition } from '../infra/journeys/react.ts';
import { reactToSent } from '../infra/journeys/sent.ts';
import { createVersions } from '../infra/journeys/versions.ts';
import type { Tenant } from '../infra/tenancy/registry.ts';
import { indexCustomers, type IndexFailure } from '../search/indexer.ts';
import { keepSent, type SentRanges } from './customer-activity.ts';
import { translating } from './errors.ts';
import { applyEvents } from './events.ts';
import { attemptClock } from './journeys/cohort.ts';

export type IndexingActivities = ReturnType<typeof createIndexingActivities>;

const POLL_MS = 200;
const LINGER_MS = 3_000;
/** An index that failed is asked again after this. */
const AWAY_MS = 2_000;
/** Longest stay of one activity; the workflow asks again while rows are left. */
const STAY_MS = 60_000;
/** Customers of one round: three bulk requests side by side. More is faster by a tenth and takes the process past 512 MB (bench import). */
const ROUND_IDS = 10_000;

/**
 * Where so many came together and more could, the next are waited for: a round costs Elasticsearch nearly as much for a thousand
 * as for five, and cohorts of a journey that changed their people one by one took a third more of it (bench journeys).
 */
const GATHERED_FROM = 500;
const GATHER_MS = 1_000;

/**
 * Sent mail is applied in its own rounds, when nothing else waits or when it has waited this long, as opens and clicks may
 * never pause; while more keeps arriving at most this much every 2 s, so that the index follows a fast campaign without
 * taking the processors it sends with: in rounds of 500 every 0.5 s Elasticsearch took a third more of them.
 */
const SENT_WAITS_MS = 2_000;
const SENT_IDS = 1_000;
/** Shorter than the lull after which nobody follows any more. */
const SENT_PAUSE_MS = 2_000;
const SENT_IS_OVER_MS = 2_000;

interface OutboxRow {
  readonly id: number;
  readonly topic: string;
  readonly ids: number[];
  /** Of `list_added`. */
  readonly list: string | null;
}

interface SentRow extends SentRanges {
  readonly id: number;
}

const nextRows = (topics: string) => /* sql */ `
select id, topic, ids, list from (
  select id, topic, ids, list, sum(cardinality(ids)) over (order by id) - cardinality(ids) as before from
    (select id, topic, ids, payload->>'list' as list from outbox where ${topics} order by id limit 200) head
) counted where before < $1 order by id`;
const NEXT_HAPPENINGS = nextRows(`topic in ('event', 'list_added')`);
const NEXT_CHANGES = nextRows(`topic not in ('event', 'list_added', 'sent')`);

// `ids` are ranges of ordinals, `payload` is { mail }.
const NEXT_SENT = /* sql */ `
select id, ids as ranges, (payload->>'mail')::int as "mailNo" from (
  select id, ids, payload, sum(size) over (order by id) - size as before from
    (select id, ids, payload, (select sum(ids[i + 1] - ids[i] + 1) from generate_series(1, cardinality(ids), 2) i) as size from outbox where topic = 'sent' order by id limit 200) head
) counted where before < $1 order by id`;

/** @param isStopping whether the process drains: what runs then returns early and goes on elsewhere */
export function createIndexingActivities({ tenants, gateway, logger }: Pick<Container, 'tenants' | 'gateway' | 'logger'>, isStopping: () => boolean) {
  const versions = createVersions();
  return translating({
    /**
     * Applies and deletes outbox rows until none came for 3 s, or a minute is over. Rows go when what they ask for is done;
     * done twice it changes nothing, so an overlapping attempt is harmless. What happened and whose documents changed are
     * followed side by side: an index that is slow, away or busy with an import holds up no journey.
     */
    async drainOutbox(orgId: string): Promise<{ done: number; left: boolean }> {
      const context = Context.current();
      const journeys = createJourneyEngine({ gateway, logger }, attemptClock(), versions);
      const startedAt = performance.now();
      let done = 0;
      let quietSince = startedAt;
      let isIndexing = true;
      let isBroken = false;
      const isQuiet = () => performance.now() - quietSince > LINGER_MS;
      const isOver = () => isStopping() || isBroken || isQuiet() || performance.now() - startedAt > STAY_MS;
      const alive = () => {
        context.heartbeat(done);
        context.cancellationSignal.throwIfAborted();
      };
      const count = (taken: number) => {
        done += taken;
        if (taken > 0) quietSince = performance.now();
        return taken;
      };

      const followHappenings = async () => {
        try {
          while (!isOver() || (isIndexing && !isStopping())) {
            alive();
            if (count(await tenants.use(orgId, (tenant) => applyHappenings(tenant, alive, journeys))) === 0) await sleep(POLL_MS);
          }
        } catch (error) {
          isBroken = true;
          throw error;
        }
      };
      const followChanges = async () => {
        let sentAt = startedAt;
        let isFlowing = false;
        let hasFailed = false;
        while (!isOver()) {
          alive();
          try {
            const changed = await tenants.use(orgId, (tenant) => indexChanges(tenant, alive, journeys));
            let taken = count(changed.rows);
            const rested = performance.now() - sentAt;
            if (taken === 0 ? !isFlowing || rested >= SENT_PAUSE_MS : rested >= SENT_WAITS_MS) {
              const sent = await tenants.use(orgId, (tenant) => applySentRound(tenant, journeys));
              [sentAt, isFlowing] = [performance.now(), sent.isFlowing];
              taken += count(sent.taken);
            }
            if (taken === 0) await sleep(POLL_MS);
            else if (changed.customers >= GATHERED_FROM && changed.customers < ROUND_IDS / 2) await sleep(GATHER_MS);
          } catch (error) {
            context.cancellationSignal.throwIfAborted();
            if (!hasFailed) logger.warn({ err: error, orgId }, 'changes of customers wait for the index; it is asked again');
            hasFailed = true;
            quietSince = performance.now();
            await sleep(AWAY_MS);
          }
        }
      };
      const [happened, changed] = await Promise.allSettled([followHappenings(), followChanges().finally(() => (isIndexing = false))]);
      for (const followed of [happened, changed]) if (followed.status === 'rejected') throw followed.reason;
      return { done, left: !isQuiet() };
    },
  });
}

/** One round of everything but sent mail, for whoever does not follow. @returns the number of rows that are gone */
export async function drainRound(tenant: Tenant, alive: () => void, journeys: JourneyEngine = silentJourneyEngine()): Promise<number> {
  return (await applyHappenings(tenant, alive, journeys)) + (await indexChanges(tenant, alive, journeys)).rows;
}

/** What happened and who was added to lists. @returns the number of rows that are gone */
async function applyHappenings(tenant: Tenant, alive: () => void, journeys: JourneyEngine): Promise<number> {
  const rows = await tenant.sql.rows<OutboxRow>(NEXT_HAPPENINGS, [ROUND_IDS]);
  const events = rows.filter((row) => row.topic === 'event');
  if (events.length > 0) await applyEvents(tenant, events, journeys);
  for (const [list, added] of Map.groupBy(rows.filter((row) => row.topic === 'list_added'), (row) => row.list ?? '')) {
    alive();
    await applyAdditions(tenant, list, added, journeys);
  }
  return rows.length;
}

/** Whose documents changed; runs of those who get no mail any more end before that is searchable. @returns the number of rows that are gone */
async function indexChanges(tenant: Tenant, alive: () => void, journeys: JourneyEngine): Promise<{ rows: number; customers: number }> {
  const changes = await tenant.sql.rows<OutboxRow>(NEXT_CHANGES, [ROUND_IDS]);
  if (changes.length === 0) return { rows: 0, customers: 0 };
  const ids = changes.flatMap((row) => row.ids);
  await settled(tenant.sql, (tx) => reactToChanges({ tx, now: journeys.now() }, ids));
  const refusedBefore = await tenant.sql.first<{ at: string }>('select max(failed_at)::text as at from index_failure having count(*) > 0');
  const failures = await indexCustomers(tenant, ids, { onProgress: alive });
  await tenant.sql.transaction(async (tx) => {
    if (refusedBefore !== undefined) await tx.run('delete from index_failure where customer_id = any($1) and failed_at <= $2', [ids, refusedBefore.at]);
    await keepFailures(tx, failures);
    await tx.run('delete from outbox where id = any($1)', [changes.map((row) => row.id)]);
  });
  return { rows: changes.length, customers: ids.length };
}

/** Lets who was added to a list into journeys and deletes the rows that said so; those another attempt applied are gone. */
async function applyAdditions(tenant: Tenant, list: string, rows: readonly OutboxRow[], journeys: JourneyEngine): Promise<void> {
  const started = await settled(tenant.sql, async (tx) => {
    const mine = await tx.rows<Addition>('delete from outbox where id = any($1) returning ids, created_at as at', [rows.map((row) => row.id)]);
    return mine.length === 0 ? [] : reactToAdditions({ org: tenant.org, tx, versions: journeys.versions, now: journeys.now() }, list, mine);
  });
  await journeys.tell(tenant.org.id, { started, woken: [] });
}

/**
 * Documents an index refuses for good: kept with the reason, one row a customer, until she is written or a comparison of
 * everybody does not find her (`forgetFailures`). They are missing from counts, which the metrics and `search check` say.
 */
export async function keepFailures(sql: Pick<Sql, 'run'>, failures: readonly IndexFailure[]): Promise<void> {
  if (failures.length === 0) return;
  await sql.run(
    `insert into index_failure (customer_id, version, reason)
     select distinct on (id) * from unnest($1::bigint[], $2::bigint[], $3::text[]) u(id, version, reason) order by id
     on conflict (customer_id) do update set version = excluded.version, reason = excluded.reason, failed_at = now()`,
    [failures.map((f) => f.customerId), failures.map((f) => f.version), failures.map((f) => f.reason)]);
}

/**
 * Forgets whom the index refused, when everybody was compared with it since and those still refused were kept anew.
 * @param before when the comparison began, by the database's clock
 */
export async function forgetFailures(sql: Pick<Sql, 'run'>, before: string): Promise<void> {
  await sql.run('delete from index_failure where failed_at < $1', [before]);
}

/** Who was sent what since the last round; their documents follow by an outbox row of the same transaction. */
export async function applySentRound(tenant: Tenant, journeys: JourneyEngine = silentJourneyEngine()): Promise<{ taken: number; isFlowing: boolean }> {
  const newest = (await tenant.sql.first<{ age: number | null }>(`select (extract(epoch from now() - max(created_at)) * 1000)::float8 as age from outbox where topic = 'sent'`))?.age ?? null;
  if (newest === null) return { taken: 0, isFlowing: false };
  const isFlowing = newest < SENT_IS_OVER_MS;
  const rows = await tenant.sql.rows<SentRow>(NEXT_SENT, [isFlowing ? SENT_IDS : ROUND_IDS]);
  const nudges = await settled(tenant.sql, async (tx) => {
    const mine = new Set((await tx.rows<{ id: number }>('delete from outbox where id = any($1) returning id', [rows.map((row) => row.id)])).map((row) => row.id));
    const told = rows.filter((row) => mine.has(row.id));
    const changed = await keepSent(tx, told, tenant.org.timezone);
    if (changed.length > 0) await tx.run(`insert into outbox (topic, ids) values ('customer', $1)`, [changed]);
    return reactToSent({ org: tenant.org, tx, versions: journeys.versions, now: journeys.now() }, told);
  });
  await journeys.tell(tenant.org.id, nudges);
  return { taken: rows.length, isFlowing };
}
