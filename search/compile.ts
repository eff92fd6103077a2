import type { estypes } from '@elastic/elasticsearch';
import { anniversaryBase, encodeOverflow } from '#domain/customer/document.ts';
import { findField, isEventCondition, isListCondition, isRule, isSegmentCondition, readOperand, type AttributeCondition, type FieldTarget, type Node, type Rule, type RuleContext } from '#domain/segment/ast.ts';
import { eventTest, type EventTest } from '#domain/segment/events.ts';
import { positiveOf, type Operand, type PositiveOperator } from '#domain/segment/operators.ts';

type Query = estypes.QueryDslQueryContainer;

const nobody: Query = { match_none: {} };

/** Values of one query: the index is set up for these many (`index.max_terms_count`). */
export const MAX_TERMS = 65_536;

/**
 * A rule as a query: the index gives the same people `evaluate()` says yes to.
 * Erased customers are not left out here; `population.ts` adds that to every search.
 */
export function compile(rule: Rule, context: RuleContext): Query {
  return ask(rule, context);
}

function ask(node: Node, context: RuleContext): Query {
  if (isRule(node)) {
    if (node.op !== 'not' && node.parts.length === 1) return ask(node.parts[0]!, context);
    const parts = askParts(flatten(node), node.op === 'and', context);
    if (node.op === 'and') return { bool: { filter: parts } };
    if (node.op === 'not') return { bool: { must_not: parts } };
    return parts.length === 0 ? nobody : { bool: { should: parts, minimum_should_match: 1 } };
  }
  if (isListCondition(node)) return turned({ term: { lists: node.list } }, !node.in);
  if (isSegmentCondition(node)) {
    const segment = Object.hasOwn(context.segments, node.segment) ? context.segments[node.segment] : undefined;
    return turned(segment === undefined ? nobody : ask(segment.rule, context), !node.in);
  }
  if (isEventCondition(node)) return askEvent(eventTest(node, context));
  return askCondition(node, context);
}

/**
 * The parts of a group as queries. Values of one field that any of may be met, or none of, are one query: a rule of
 * thousands of values stays below what the server takes.
 * @param isAnd whether all parts must hold: then it is the negated ones that go together
 */
function askParts(parts: readonly Node[], isAnd: boolean, context: RuleContext): Query[] {
  const queries: Query[] = [];
  const values = new Map<string, Set<string | number>>();
  for (const part of parts) {
    const found = isRule(part) || !('field' in part) ? null : valuesOf(part, context);
    if (found === null || found.negated !== isAnd) queries.push(ask(part, context));
    else for (const value of found.values) values.set(found.field, (values.get(found.field) ?? new Set()).add(value));
  }
  for (const [field, each] of values) {
    const all = [...each];
    for (let i = 0; i < all.length; i += MAX_TERMS) queries.push(turned(all.length === 1 ? { term: { [field]: all[0]! } } : { terms: { [field]: all.slice(i, i + MAX_TERMS) } }, isAnd));
  }
  return queries;
}

/** The values a condition compares for equality, if that is what it does. */
function valuesOf(condition: AttributeCondition, context: RuleContext): { field: string; values: readonly (string | number)[]; negated: boolean } | null {
  const { positive, negated } = positiveOf(condition.operator);
  const target = findField(condition.field, context.catalogue);
  if (target === null || (positive !== 'equals' && positive !== 'is_one_of')) return null;
  const operand = readOperand(target.type, condition.operator, condition.value, context);
  if ('problem' in operand) return null;
  const { field, encode } = placeOf(target);
  switch (operand.kind) {
    case 'text': return { field, values: [operand.text], negated };
    case 'texts': return { field, values: operand.texts, negated };
    case 'number': return { field, values: [encode(operand.number)], negated };
    case 'numbers': return { field, values: operand.numbers.map(encode), negated };
    default: return null;
  }
}

/**
 * Parts of a group with those of groups of its own kind in it (none of "any of" is none of them): a query gets only
 * the levels it needs, as servers take 30 unless told otherwise.
 */
function flatten(rule: Rule): readonly Node[] {
  const kind = rule.op === 'not' ? 'or' : rule.op;
  return rule.parts.flatMap((part) => (isRule(part) && part.op === kind ? flatten(part) : [part]));
}

function askEvent({ field, ranges, negated }: EventTest): Query {
  const queries = ranges.map((range): Query => ({ range: { [field]: range } }));
  return turned(queries.length === 0 ? nobody : queries.length === 1 ? queries[0]! : { bool: { should: queries, minimum_should_match: 1 } }, negated);
}

function askCondition(condition: AttributeCondition, context: RuleContext): Query {
  const { positive, negated } = positiveOf(condition.operator);
  const target = findField(condition.field, context.catalogue);
  if (target === null) return turned(nobody, negated);
  const operand = readOperand(target.type, condition.operator, condition.value, context);
  return turned('problem' in operand ? nobody : positiveQuery(target, positive, operand), negated);
}

function turned(query: Query, negated: boolean): Query {
  return negated ? { bool: { must_not: [query] } } : query;
}

function positiveQuery(target: FieldTarget, operator: PositiveOperator, operand: Operand): Query {
  const place = placeOf(target);
  if (operator === 'is_set') return target.at.kind === 'own' ? { exists: { field: target.at.name } } : { term: { set: String(target.at.no) } };
  switch (operand.kind) {
    case 'none': return place.is(operator === 'is_true');
    case 'boolean': return place.is(operand.boolean);
    case 'text': return textQuery(place, operator, operand.text);
    case 'texts': return { terms: { [place.field]: [...operand.texts] } };
    case 'numbers': return { terms: { [place.field]: operand.numbers.map(place.encode) } };
    case 'number': return numberQuery(place, operator, operand.number);
    case 'month_days': return anniversaryQuery(target, operand.ranges);
    case 'range': return place.range({ gte: operand.low, lte: operand.high });
    case 'span':
      if (operator === 'before') return place.range({ lt: operand.from });
      if (operator === 'after') return place.range({ gte: operand.to });
      return place.range({ gte: operand.from, lt: operand.to });
  }
}

function anniversaryQuery(target: FieldTarget, ranges: readonly { readonly gte: number; readonly lte: number }[]): Query {
  const base = anniversaryBase(target.at.kind === 'custom' ? target.at.no : (target.at.name as 'created_at' | 'updated_at'));
  return { bool: { should: ranges.map(({ gte, lte }) => ({ range: { anniversary: { gte: base + gte, lte: base + lte } } })), minimum_should_match: 1 } };
}

function numberQuery(place: Place, operator: PositiveOperator, number: number): Query {
  if (operator === 'greater_than') return place.range({ gt: number });
  if (operator === 'less_than') return place.range({ lt: number });
  if (operator === 'at_least') return place.range({ gte: number });
  if (operator === 'at_most') return place.range({ lte: number });
  return { term: { [place.field]: place.encode(number) } };
}

function textQuery(place: Place, operator: PositiveOperator, text: string): Query {
  if (operator === 'equals') return { term: { [place.field]: text } };
  if (place.field === 'email') return emailQuery(operator, text);
  // The overflow has its texts a second time with the field's number in front: `flattened` knows no wildcards.
  const { field, lead } = place.parts;
  if (operator === 'starts_with') return { prefix: { [field]: { value: lead + text } } };
  const pattern = operator === 'contains' ? `*${escapeWildcard(text)}*` : `*${escapeWildcard(text)}`;
  return { wildcard: { [field]: { value: lead + pattern } } };
}

/**
 * Parts of addresses by trigrams as a phrase: exact, and 129 ms cold at 4 million where a
 * leading wildcard took 967. One or two characters are a prefix on the grams.
 */
function emailQuery(operator: PositiveOperator, text: string): Query {
  if (operator === 'starts_with') return { prefix: { email: { value: text } } };
  if (/[\s>]/.test(text)) return nobody;  // no address holds these; `>` marks the end
  const wanted = operator === 'ends_with' ? text + END : text;
  if ([...wanted].length < 3) return { prefix: { email_grams: { value: wanted } } };
  return { match_phrase: { email_grams: { query: trigrams(wanted).join(' '), analyzer: 'whitespace' } } };
}

const END = '>>';

/** What `email_grams` holds for an address: overlapping trigrams up to two end marks. */
export function emailGrams(foldedEmail: string): string {
  return trigrams(foldedEmail + END).join(' ');
}

function trigrams(text: string): string[] {
  const characters = [...text];
  const grams: string[] = [];
  for (let i = 0; i + 3 <= characters.length; i++) grams.push(characters.slice(i, i + 3).join(''));
  return grams;
}

interface Place {
  readonly field: string;
  readonly encode: (number: number) => number | string;
  is(value: boolean): Query;
  range(bounds: { gt?: number; gte?: number; lt?: number; lte?: number }): Query;
  /** Where parts of texts are looked for, and what stands before the text there. */
  readonly parts: { readonly field: string; readonly lead: string };
}

function placeOf(target: FieldTarget): Place {
  const mapped = target.at.kind === 'own' ? target.at.name : target.at.slot;
  if (mapped !== null) {
    return {
      field: mapped,
      encode: (number) => number,
      is: (value) => ({ term: { [mapped]: value } }),
      range: (bounds) => ({ range: { [mapped]: bounds } }),
      parts: { field: mapped, lead: '' },
    };
  }
  const no = (target.at as { no: number }).no;
  const field = `more.${no}`;
  return {
    field,
    encode: encodeOverflow,
    is: (value) => ({ term: { [field]: encodeOverflow(value) } }),
    // `flattened` wants both bounds; the missing one is the end of the encoding.
    range: (bounds) => ({
      range: {
        [field]: {
          ...(bounds.gt === undefined && bounds.gte === undefined ? { gte: '0'.repeat(16) } : {}),
          ...(bounds.lt === undefined && bounds.lte === undefined ? { lte: 'f'.repeat(16) } : {}),
          ...Object.fromEntries(Object.entries(bounds).map(([side, bound]) => [side, encodeOverflow(bound)])),
        },
      },
    }),
    parts: { field: 'more_text', lead: `${no}|` },
  };
}

function escapeWildcard(text: string): string {
  return text.replace(/[*?\\]/g, '\\$&');
}
