import { isOfCampaign, notOpenedRule, type CampaignTarget } from '#domain/campaign/targets.ts';
import type { Rule } from '#domain/segment/ast.ts';
import { checkRule } from '#domain/segment/check.ts';
import { refuse } from '#domain/shared/errors.ts';
import { alive, anyOf, ask, both, idOnly, idsOf, linesOf, streamIds, totalOf, untilFresh, without, type Query } from './ask.ts';
import { compile, MAX_TERMS } from './compile.ts';
import { readRuleContext } from './context.ts';
import { asksForSent, readFresh, waitUntilSearchable, type FreshnessOptions } from './freshness.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex } from './versions.ts';

/** Lines of the waterfall from all included to the final recipients. */
export const estimateLines = ['included', 'duplicates', 'excluded', 'suppressed', 'unsubscribed', 'bounced', 'final'] as const;
export type EstimateLine = (typeof estimateLines)[number];

/** Each person in the first line that fits; `included` counts her once per target, `duplicates` takes the surplus off. */
export type AudienceEstimate = Readonly<Record<EstimateLine, number>> & {
  /** People of each target, in the order given. */
  readonly targets: number[];
};

/**
 * Ids of everyone who is included, not excluded and mailable, each once, as the index stands at one
 * moment after all writes acknowledged before the call. Waits for the index as long as it takes.
 * @yields pages of up to 10,000 ids in no order that means anything
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked
 */
export async function* streamCustomerIds(scope: SearchScope, targets: readonly CampaignTarget[], options: Pick<FreshnessOptions, 'onWait'> = {}): AsyncIterable<number[]> {
  if (!targets.some((target) => target.mode === 'include')) return;
  const audience = await readFresh(() => readAudience(scope, targets), ({ sent }) => waitUntilSearchable(scope, { ...options, sent }));
  yield* streamIds(scope, audience.index, without(both(alive, { term: { mailable: true } }, anyOf(audience.included)), ...audience.excluded));
}

/**
 * The waterfall from all included to the final recipients; exact, and of the same queries `streamCustomerIds` streams.
 * @throws AppError `invalid` when a target is gone or its rule cannot be asked, `unavailable` when the index is behind by more than 10 s
 */
export async function estimateAudience(scope: SearchScope, targets: readonly CampaignTarget[]): Promise<AudienceEstimate> {
  const audience = await readFresh(() => readAudience(scope, targets), (asked) => untilFresh(scope, asked));
  const { everyone, kept, ...queries } = lineQueries(audience);
  const lines: Record<string, Query> = { distinct: everyone, kept, unsubscribed: queries.unsubscribed, bounced: queries.bounced, final: queries.final };
  const [included, excluded] = [[...audience.included], [...audience.excluded]];
  targets.forEach(({ mode }, i) => (lines[`target${i}`] = both(alive, (mode === 'include' ? included : excluded).shift()!)));
  const of = linesOf(await ask(scope, audience.index, { size: 0, track_total_hits: false, query: alive, aggs: { lines: { filters: { filters: lines } } } }));
  const sum = targets.reduce((total, target, i) => total + (target.mode === 'include' ? of(`target${i}`) : 0), 0);
  return {
    included: sum,
    duplicates: sum - of('distinct'),
    excluded: of('distinct') - of('kept'),
    suppressed: of('kept') - of('final') - of('unsubscribed') - of('bounced'),
    unsubscribed: of('unsubscribed'),
    bounced: of('bounced'),
    final: of('final'),
    targets: targets.map((_, i) => of(`target${i}`)),
  };
}

/** Ids of some people of a line, newest first. Errors as `estimateAudience`. */
export async function sampleAudience(scope: SearchScope, targets: readonly CampaignTarget[], line: EstimateLine, limit: number): Promise<number[]> {
  const audience = await readFresh(() => readAudience(scope, targets), (asked) => untilFresh(scope, asked));
  return idsOf(await ask(scope, audience.index, { size: limit, query: lineQueries(audience)[line], sort: [{ id: 'desc' }], track_total_hits: false, ...idOnly }));
}

/** How many of these are final recipients; up to 65,536 ids. Errors as `estimateAudience`. */
export async function countFinalAmong(scope: SearchScope, targets: readonly CampaignTarget[], ids: readonly number[]): Promise<number> {
  const audience = await readFresh(() => readAudience(scope, targets), (asked) => untilFresh(scope, asked));
  return totalOf(await ask(scope, audience.index, { size: 0, track_total_hits: true, query: both(lineQueries(audience).final, { terms: { id: [...ids] } }) }));
}

/** Nobody is in a line twice. Without an included target nobody is in any. */
function lineQueries({ included, excluded }: Pick<Audience, 'included' | 'excluded'>): Record<EstimateLine | 'everyone' | 'kept', Query> {
  const everyone = included.length === 0 ? { match_none: {} } : both(alive, anyOf(included));
  const kept = without(everyone, ...excluded);
  const unsubscribed: Query = { term: { is_unsubscribed: true } };
  const bounced: Query = { term: { is_bounced: true } };
  return {
    everyone,
    kept,
    included: everyone,
    duplicates: included.length < 2 ? { match_none: {} } : both(alive, { bool: { should: [...included], minimum_should_match: 2 } }),
    excluded: excluded.length === 0 ? { match_none: {} } : both(everyone, anyOf([...excluded])),
    suppressed: without(kept, { term: { mailable: true } }, unsubscribed, bounced),
    unsubscribed: both(kept, unsubscribed),
    bounced: without(both(kept, bounced), unsubscribed),
    final: both(kept, { term: { mailable: true } }),
  };
}

interface Audience {
  readonly index: string;
  readonly included: Query[];
  readonly excluded: Query[];
  readonly sent: boolean;
}

export async function readAudience(scope: SearchScope, targets: readonly CampaignTarget[]): Promise<Audience> {
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

async function targetQuery(scope: SearchScope, target: CampaignTarget, path: string): Promise<{ query: Query; sent: boolean }> {
  if (target.kind === 'list') {
    const list = await scope.sql.first('select 1 as found from list where id = $1', [target.id]);
    if (list === undefined) throw refuse(path, 'This list does not exist any more. Remove the target or choose another list.');
    return { query: { term: { lists: target.id } }, sent: false };
  }
  if (isOfCampaign(target)) {
    const campaign = await scope.sql.first<{ no: number }>('select mail_no as no from campaign where id = $1', [target.id]);
    if (campaign === undefined) throw refuse(path, 'This campaign does not exist any more. Remove the target or choose another one.');
    if (target.kind === 'failed') return { query: await failedQuery(scope, campaign.no), sent: false };
    const rule = notOpenedRule(target.id);
    return { query: compile(rule, await readRuleContext(scope, rule)), sent: true };
  }
  const segment = await scope.sql.first<{ name: string; rule: Rule }>('select name, rule from segment where id = $1', [target.id]);
  if (segment === undefined) throw refuse(path, 'This segment does not exist any more. Remove the target or choose another segment.');
  const context = await readRuleContext(scope, segment.rule);
  const problem = checkRule(segment.rule, context)[0];
  if (problem !== undefined) throw refuse(path, `The segment “${segment.name}” cannot be used: ${problem.message}`);
  return { query: compile(segment.rule, context), sent: asksForSent(segment.rule, context) };
}

/** Who failed or is in doubt in a mail: the ledger knows, the index does not, so they are named one by one. */
async function failedQuery(scope: SearchScope, mailNo: number): Promise<Query> {
  const ids = (await scope.sql.rows<{ id: number }>('select customer_id as id from message where mail_no = $1 and state in (3, 5) order by 1', [mailNo])).map((row) => row.id);
  const parts: Query[] = [];
  for (let i = 0; i < ids.length; i += MAX_TERMS) parts.push({ terms: { id: ids.slice(i, i + MAX_TERMS) } });
  return parts.length === 0 ? { match_none: {} } : anyOf(parts);
}
