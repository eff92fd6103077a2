import { findField, isListCondition, isRule, type AttributeCondition, type Node, type Rule, type RuleContext } from './ast.ts';
import { operators, type OperatorRow } from './operators.ts';

export interface RuleNames extends RuleContext {
  /** Names of lists by id. */
  readonly listNames: Readonly<Record<string, string>>;
}

/** The rule in words, for people: `City is "London" and (score is greater than 50 or phone is set)`. */
export function describe(rule: Rule, names: RuleNames): string {
  if (rule.parts.length === 0) return rule.op === 'or' ? 'Nobody' : 'Everyone';
  const words = say(rule, names, true);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function say(node: Node, names: RuleNames, outermost: boolean): string {
  if (isListCondition(node)) return `is ${node.in ? '' : 'not '}in the list “${names.listNames[node.list] ?? 'deleted list'}”`;
  if (!isRule(node)) return sayCondition(node, names);
  if (node.parts.length === 0) return node.op === 'or' ? 'nobody' : 'everyone';
  const parts = node.parts.map((part) => say(part, names, false));
  if (node.op === 'not') return parts.length === 1 ? `not (${parts[0]!})` : `none of (${parts.join('; ')})`;
  const joined = parts.join(` ${node.op} `);
  return outermost || parts.length === 1 ? joined : `(${joined})`;
}

function sayCondition(condition: AttributeCondition, names: RuleNames): string {
  const row: OperatorRow = operators[condition.operator];
  const field = findField(condition.field, names.catalogue)?.label.toLowerCase() ?? condition.field;
  const { value } = condition;
  if (row.takes === 'none') return `${field} ${row.words}`;
  if (row.takes === 'two' && Array.isArray(value)) return `${field} ${row.words} ${quote(value[0])} and ${quote(value[1])}`;
  if (row.takes === 'many' && Array.isArray(value)) {
    const shown = value.slice(0, 5).map(quote).join(', ');
    return `${field} ${row.words} ${shown}${value.length > 5 ? ` and ${value.length - 5} more` : ''}`;
  }
  return `${field} ${row.words} ${quote(value)}`;
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `“${value}”` : String(value);
}
