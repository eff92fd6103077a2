import type { FieldError } from '../shared/errors.ts';
import { findField, isEventCondition, isListCondition, isRule, isSegmentCondition, type Node, type Rule, type RuleContext } from './ast.ts';
import { positiveOf } from './operators.ts';

/** How many customers hold anything in the fields a rule names, by the name it uses. */
export type FilledFields = Readonly<Record<string, number>>;

/** What a person should know about a rule that can be asked: conditions that match nobody, or everybody, as things are. Paths as `checkRule`'s. */
export function adviseRule(rule: Rule, context: RuleContext, filled: FilledFields, path = 'rule'): FieldError[] {
  const advice: FieldError[] = [];
  const look = (node: Node, at: string): void => {
    if (isRule(node)) return node.parts.forEach((part, i) => look(part, `${at}.parts[${i}]`));
    if (isListCondition(node) || isSegmentCondition(node)) return;
    if (isEventCondition(node)) {
      const source = node.campaign ?? node.journey;
      if (source !== undefined && context.sources[source]?.mails.length === 0) advice.push({ field: at, message: 'Nothing was ever sent by this.' });
      return;
    }
    const target = findField(node.field, context.catalogue);
    if (target === null || filled[node.field] !== 0) return;
    advice.push({ field: `${at}.field`, message: `No customer has a value for ${target.label} yet: ${positiveOf(node.operator).negated ? 'everybody' : 'nobody'} matches.` });
  };
  look(rule, path);
  return advice;
}
