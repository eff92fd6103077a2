import { setTimeout as sleep } from 'node:timers/promises';
import { conditionsOf, isEventCondition, isSegmentCondition, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { AppError } from '#domain/shared/errors.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex } from './versions.ts';

/** A count gives up after this and says how far the index is behind; an audience waits. */
export const COUNT_PATIENCE_MS = 10_000;

/** For questions somebody waits for: an index that is away says so in a moment, where the client's own retries take 5 s. */
export const PROMPT = { maxRetries: 1, retryBackoff: () => 0.2 } as const;

export interface Freshness {
  /** Whether mail just sent must be known too. While a campaign sends thousands a second the index follows behind, and only who asks for it waits. */
  readonly sent?: boolean;
}

/** Whether a rule asks who was sent something. */
export function asksForSent(rule: Rule, context: Pick<RuleContext, 'segments'>): boolean {
  const seen = new Set<string>();
  const asks = (of: Rule): boolean => [...conditionsOf(of)].some((condition) => {
    if (isEventCondition(condition)) return condition.event === 'sent';
    if (!isSegmentCondition(condition) || seen.has(condition.segment)) return false;
    seen.add(condition.segment);
    const inner = context.segments[condition.segment];
    return inner !== undefined && asks(inner.rule);
  });
  return asks(rule);
}

export interface FreshnessOptions extends Freshness {
  /** How long to wait before `unavailable`; without it for as long as it takes. */
  readonly patienceMs?: number;
  /** Called about once a second while waiting: heartbeats, nudges. */
  readonly onWait?: () => void;
}

/**
 * Returns when every change acknowledged before the call is searchable: no outbox row up to the highest one now is left, then
 * one refresh. Where events or sent mail are among them, the customer rows they leave behind are waited for too; only then,
 * as under 500 changes a second the second wait took as long as the first (bench segments).
 * @returns the index that has them: a question read for another one, which was live before, would miss some (`readFresh`)
 * @throws AppError `unavailable` with the lag when patience runs out
 */
export async function waitUntilSearchable(scope: SearchScope, options: FreshnessOptions = {}): Promise<string> {
  const startedAt = performance.now();
  for (let round = 0; round < 2; round++) {
    const { highest, leavesMore } = (await scope.sql.first<{ highest: number | null; leavesMore: boolean | null }>(
      `select max(id) as highest, bool_or(topic in ('event', 'sent')) as "leavesMore" from outbox where ${awaited(options)}`))!;
    if (highest === null) break;
    await untilDrained(scope, highest, startedAt, options);
    if (leavesMore !== true) break;
  }
  const { index } = await liveIndex(scope);
  await refreshOnce(scope, index);
  return index;
}

/**
 * A question to the index as it is to be asked now: read, waited for, and read anew when another version of the index
 * took over meanwhile, as changes are not written to the old one any more.
 * @param read what is asked and of which index
 * @param wait until everything acknowledged before is in the index it returns (`waitUntilSearchable`)
 */
export async function readFresh<Q extends { readonly index: string }>(read: () => Promise<Q>, wait: (question: Q) => Promise<string>): Promise<Q> {
  for (;;) {
    const question = await read();
    if ((await wait(question)) === question.index) return question;
  }
}

const awaited = ({ sent }: Freshness) => (sent === true ? 'true' : `topic <> 'sent'`);

async function untilDrained(scope: SearchScope, highest: number, startedAt: number, options: FreshnessOptions): Promise<void> {
  for (let pauseMs = 20, lastWaitAt = -1_000; ; pauseMs = Math.min(200, pauseMs * 1.3)) {
    const left = await scope.sql.first<{ lag: number }>(
      `select extract(epoch from now() - created_at)::double precision as lag from outbox where id <= $1 and ${awaited(options)} order by id limit 1`, [highest]);
    if (left === undefined) return;
    const waitedMs = performance.now() - startedAt;
    if (options.patienceMs !== undefined && waitedMs > options.patienceMs) {
      throw new AppError('unavailable', `The search index is ${Math.max(1, Math.round(left.lag))} s behind the latest changes. Try again in a few seconds.`);
    }
    if (waitedMs - lastWaitAt >= 1_000) {
      lastWaitAt = waitedMs;
      options.onWait?.();
    }
    await sleep(pauseMs);
  }
}

interface Refreshes {
  running: Promise<void>;
  next: Promise<void> | null;
}

const refreshes = new WeakMap<object, Map<string, Refreshes>>();

/** One refresh at a time per index; those who ask while one runs share the one after it. */
async function refreshOnce(scope: SearchScope, customers: string): Promise<void> {
  const { client } = scope.search;
  const byIndex = refreshes.get(client) ?? new Map<string, Refreshes>();
  refreshes.set(client, byIndex);
  const refresh = async () => void (await client.indices.refresh({ index: customers }, PROMPT));

  const state = byIndex.get(customers);
  if (state === undefined) {
    const mine: Refreshes = { running: refresh(), next: null };
    byIndex.set(customers, mine);
    try {
      await mine.running;
    } finally {
      if (mine.next === null) byIndex.delete(customers);
    }
    return;
  }
  state.next ??= state.running.catch(() => undefined).then(() => {
    state.running = refresh();
    state.next = null;
    return state.running.finally(() => {
      if (state.next === null && byIndex.get(customers) === state) byIndex.delete(customers);
    });
  });
  await state.next;
}
