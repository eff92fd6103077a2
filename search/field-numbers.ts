import type { estypes } from '@elastic/elasticsearch';
import { ask, translating, type Query } from './ask.ts';
import { readFresh, waitUntilSearchable } from './freshness.ts';
import type { SearchScope } from './scope.ts';
import { liveIndex } from './versions.ts';

export interface FieldNumbers {
  readonly customers: number;
  /** By field number; fields nobody has are not in it. */
  readonly byField: ReadonlyMap<number, { readonly filled: number; readonly misfits: number }>;
}

/** More fields than an organization can hold. */
const ALL_FIELDS = 60_000;
/** The screen shows fields without numbers sooner than it keeps a person waiting. */
const PATIENCE_MS = 3_000;

/**
 * How many customers have a value in each custom field, and in how many the value does not fit its type; every
 * acknowledged write included. `set` names the fields of a customer, a slot or overflow key is there only for what fits:
 * the difference are the misfits. Texts always fit.
 * @throws AppError `unavailable` when the index cannot be reached or is behind by more than 3 s
 */
export async function countFields(scope: SearchScope): Promise<FieldNumbers> {
  const { index, catalogue } = await readFresh(() => liveIndex(scope), () => translating(() => waitUntilSearchable(scope, { patienceMs: PATIENCE_MS })));
  const typed = catalogue.filter((field) => field.type !== 'text');
  // Without a query of its own each count is read from the index's statistics wherever nothing was deleted; tombstones hold no field.
  const answer = await ask(scope, index, {
    size: 0, track_total_hits: false,
    aggs: {
      set: { terms: { field: 'set', size: ALL_FIELDS } },
      alive: { filter: { bool: { must_not: [{ term: { deleted: true } }] } } },
      ...(typed.length === 0 ? {} : { lines: { filters: { filters: Object.fromEntries(typed.map((field) => [String(field.no), { exists: { field: field.slot ?? `more.${field.no}` } } satisfies Query])) } } }),
    },
  });
  const { buckets } = answer.aggregations?.['set'] as estypes.AggregationsStringTermsAggregate;
  const fits = (answer.aggregations?.['lines'] as { buckets: Record<string, { doc_count: number }> } | undefined)?.buckets ?? {};
  const byField = new Map((buckets as readonly estypes.AggregationsStringTermsBucket[]).map(({ key, doc_count: filled }) => {
    const no = String(key);
    return [Number(no), { filled, misfits: no in fits ? filled - fits[no]!.doc_count : 0 }];
  }));
  return { customers: (answer.aggregations?.['alive'] as { doc_count: number }).doc_count, byField };
}
