import type { Rule } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { refuse } from '#domain/shared/errors.ts';
import { alive, anyOf, ask, both, linesOf, streamIds, untilFresh, without, type Query } from './ask.ts';
import { compile } from './compile.ts';
import { readRuleContext } from './context.ts';
import { asksForSent, readFresh, waitUntilSearchable, type FreshnessOptions } from './freshness.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex } from './versions.ts';

/** A list or segment that a campaign includes or excludes. */
export interface AudienceTarget {
  readonly kind: 'list' | 'segment';
  readonly id: string;
  readonly mode: 'include' | 'exclude';
}

/** Each person in the first line that fits; `included` counts her once per target, `duplicates` takes the surplus off. */
export interface AudienceEstimate {
  readonly included: number;
  readonly duplicates: number;
  readonly excluded: number;
  readonly suppressed: number;
  readonly unsubscribed: number;
  readonly bounced: number;
  readonly final: number;
}

/**
 * Ids of everyone who is included, not excluded and mailable, each once, as the index stands at one
 * moment after all writes acknowledged before the call. Waits for the index as long as it takes.
 * @yields pages of up to 10,000 ids in no order that means anything
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked
 */
export async function* streamCustomerIds(scope: SearchScope, targets: readonly AudienceTarget[], options: Pick<FreshnessOptions, 'onWait'> = {}): AsyncIterable<number[]> {
  if (!targets.some((target) => target.mode === 'include')) return;
  const audience = await readFresh(() => readAudience(scope, targets), ({ sent }) => waitUntilSearchable(scope, { ...options, sent }));
  yield* streamIds(scope, audience.index, without(both(alive, { term: { mailable: true } }, anyOf(audience.included)), ...audience.excluded));
}

/**
 * The waterfall from all included to the final recipients; exact, and of the same queries `streamCustomerIds` streams.
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked, `unavailable` when the index is behind by more than 10 s
 */
export async function estimateAudience(scope: SearchScope, targets: readonly AudienceTarget[]): Promise<AudienceEstimate> {
  if (!targets.some((target) => target.mode === 'include')) return { included: 0, duplicates: 0, excluded: 0, suppressed: 0, unsubscribed: 0, bounced: 0, final: 0 };
  const { index, included, excluded } = await readFresh(() => readAudience(scope, targets), (asked) => untilFresh(scope, asked));
  const everyone = both(alive, anyOf(included));
  const kept = without(everyone, ...excluded);
  const unsubscribed: Query = { term: { is_unsubscribed: true } };
  const bounced: Query = { term: { is_bounced: true } };
  const lines: Record<string, Query> = {
    distinct: everyone,
    kept,
    unsubscribed: both(kept, unsubscribed),
    bounced: without(both(kept, bounced), unsubscribed),
    final: both(kept, { term: { mailable: true } }),
  };
  included.forEach((query, i) => (lines[`target${i}`] = both(alive, query)));
  const of = linesOf(await ask(scope, index, { size: 0, track_total_hits: false, query: alive, aggs: { lines: { filters: { filters: lines } } } }));
  const sum = included.reduce((total, _, i) => total + of(`target${i}`), 0);
  return {
    included: sum,
    duplicates: sum - of('distinct'),
    excluded: of('distinct') - of('kept'),
    suppressed: of('kept') - of('final') - of('unsubscribed') - of('bounced'),
    unsubscribed: of('unsubscribed'),
    bounced: of('bounced'),
    final: of('final'),
  };
}

interface Audience {
  readonly index: string;
  readonly included: Query[];
  readonly excluded: Query[];
  readonly sent: boolean;
}

export async function readAudience(scope: SearchScope, targets: readonly AudienceTarget[]): Promise<Audience> {
  const included: Query[] = [];
  const excluded: Query[] = [];
  const { index } = await liveIndex(scope);
  let sent = false;
  for (const [i, target] of targets.entries()) {
    const read = await targetQuery(scope, target, `targets[${i}]`);
    (target.mode === 'include' ? included : excluded).push(read.query);
    sent ||= read.sent;
  }
  return { index, included, excluded, sent };
}

async function targetQuery(scope: SearchScope, target: AudienceTarget, path: string): Promise<{ query: Query; sent: boolean }> {
  if (target.kind === 'list') {
    const list = await scope.sql.first('select 1 as found from list where id = $1', [target.id]);
    if (list === undefined) throw refuse(path, 'This list does not exist any more. Remove the target or choose another list.');
    return { query: { term: { lists: target.id } }, sent: false };
  }
  const segment = await scope.sql.first<{ name: string; rule: Rule }>('select name, rule from segment where id = $1', [target.id]);
  if (segment === undefined) throw refuse(path, 'This segment does not exist any more. Remove the target or choose another segment.');
  const context = await readRuleContext(scope, segment.rule);
  const problem = checkRule(segment.rule, context)[0];
  if (problem !== undefined) throw refuse(path, `The segment “${segment.name}” cannot be used: ${problem.message}`);
  return { query: compile(segment.rule, context), sent: asksForSent(segment.rule, context) };
}
