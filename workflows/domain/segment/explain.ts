import type { CustomerDocument } from '../customer/document.ts';
import { isEventCondition, isListCondition, isRule, isSegmentCondition, findField, type Node, type Rule, type RuleContext } from './ast.ts';
import { describeNode } from './describe.ts';
import { holds, valueAt } from './evaluate.ts';
import { eventTest } from './events.ts';

/** A part of a rule with its answer for one customer. */
export interface Explanation {
  /** Where it stands: `rule.parts[0]`. */
  readonly path: string;
  readonly holds: boolean;
  /** The part in words. */
  readonly says: string;
  /** Of a condition: what she has there, in words. */
  readonly value: string | null;
  /** Of a group, and of a condition on a segment: its parts. */
  readonly parts: readonly Explanation[];
}

/** What she has as people read it: values as she gave them, times as the organization reads them. */
export interface Shown {
  /** Value of a field as given, or null. */
  field(name: string): string | null;
  /** An instant (epoch ms) in the organization's zone. */
  time(ms: number): string;
}

/** Which conditions of a rule hold for a customer and which fail, with her values. The answer is `evaluate`'s. */
export function explain(rule: Rule, document: CustomerDocument, context: RuleContext, shown: Shown, path = 'rule'): Explanation {
  const look = (node: Node, at: string): Explanation => {
    const parts = isRule(node) ? node.parts.map((part, i) => look(part, `${at}.parts[${i}]`))
      : isSegmentCondition(node) && Object.hasOwn(context.segments, node.segment) ? [look(context.segments[node.segment]!.rule, `${at}.segment`)]
      : [];
    return { path: at, holds: holds(node, document, context), says: describeNode(node, context), value: isRule(node) ? null : valueInWords(node, document, context, shown), parts };
  };
  return look(rule, path);
}

function valueInWords(node: Exclude<Node, Rule>, document: CustomerDocument, context: RuleContext, shown: Shown): string {
  if (isListCondition(node)) return document.lists.includes(node.list) ? 'is on the list' : 'is not on the list';
  if (isSegmentCondition(node)) return holds({ ...node, in: true }, document, context) ? 'is in the segment' : 'is not in the segment';
  if (isEventCondition(node)) return deedInWords(eventTest(node, context), document, shown);
  const given = shown.field(node.field);
  if (given === null) return 'not set';
  const target = findField(node.field, context.catalogue);
  const isMisfit = target !== null && target.at.kind === 'custom' && valueAt(target, document) === undefined;
  return isMisfit ? `“${given}”, which is no ${target.type}: treated as missing` : `“${given}”`;
}

function deedInWords({ field, ranges }: ReturnType<typeof eventTest>, document: CustomerDocument, shown: Shown): string {
  const held = document[field];
  if (held === undefined) return 'never';
  if (field.endsWith('_count')) return `${String(held)} in all`;
  if (field.endsWith('_last')) return `last on ${shown.time(held as number)}`;
  const step = 2 ** 32;
  const numbers = new Set(ranges.map(({ gte }) => Math.floor(gte / step)));
  const lows = (held as number[]).filter((value) => numbers.has(Math.floor(value / step))).map((value) => value % step);
  if (lows.length === 0) return 'never';
  return field === 'custom_event_counts' ? `${Math.max(...lows)} in all` : `last on ${shown.time(Math.max(...lows) * 1_000)}`;
}
