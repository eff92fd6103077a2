import { conditionsOf, findField, type Rule } from '#domain/segment/ast.ts';
import type { FilledFields } from '#domain/segment/advise.ts';
import { alive, ask, linesOf, type Query } from './ask.ts';
import type { LiveContext } from './context.ts';
import type { SearchScope } from './scope.ts';

/** How many customers hold anything in the fields a rule names, as the index stands. @throws AppError `unavailable` when it cannot be reached */
export async function filledFields(scope: SearchScope, rule: Rule, context: LiveContext): Promise<FilledFields> {
  const lines: Record<string, Query> = {};
  for (const condition of conditionsOf(rule)) {
    if (!('field' in condition)) continue;
    const target = findField(condition.field, context.catalogue);
    if (target !== null) lines[condition.field] = target.at.kind === 'own' ? { exists: { field: target.at.name } } : { term: { set: String(target.at.no) } };
  }
  const names = Object.keys(lines);
  if (names.length === 0) return {};
  const of = linesOf(await ask(scope, context.index.index, { size: 0, track_total_hits: false, query: alive, aggs: { lines: { filters: { filters: lines } } } }));
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}
