import { findField, isEventCondition, isListCondition, isRule, isSegmentCondition, type AttributeCondition, type EventCondition, type Node, type Rule, type RuleContext } from './ast.ts';
import { operators, type OperatorRow } from './operators.ts';
import type { Window } from './windows.ts';

/** The rule in words, for people: `City is “London” and (score is greater than 50 or phone is set)`. */
export function describe(rule: Rule, context: RuleContext): string {
  if (rule.parts.length === 0) return rule.op === 'or' ? 'Nobody' : 'Everyone';
  return capital(say(rule, context, true));
}

/** One condition or group in words. */
export function describeNode(node: Node, context: RuleContext): string {
  return capital(say(node, context, true));
}

/** Behind an opening bracket too: `(City is …`. */
function capital(words: string): string {
  return words.replace(/^\(*./u, (start) => start.toUpperCase());
}

function say(node: Node, context: RuleContext, outermost: boolean): string {
  if (isListCondition(node)) return `is ${node.in ? '' : 'not '}in the list ${named(context.lists[node.list], 'list')}`;
  if (isSegmentCondition(node)) return `is ${node.in ? '' : 'not '}in the segment ${named(context.segments[node.segment]?.name, 'segment')}`;
  if (isEventCondition(node)) return sayEvent(node, context);
  if (!isRule(node)) return sayCondition(node, context);
  if (node.parts.length === 0) return node.op === 'or' ? 'nobody' : 'everyone';
  const parts = node.parts.map((part) => say(part, context, false));
  if (node.op === 'not') return parts.length === 1 ? `not (${parts[0]!})` : `none of (${parts.join('; ')})`;
  const joined = parts.join(` ${node.op} `);
  return outermost || parts.length === 1 ? joined : `(${joined})`;
}

function sayCondition(condition: AttributeCondition, context: RuleContext): string {
  const row: OperatorRow = operators[condition.operator];
  const field = findField(condition.field, context.catalogue)?.label.toLowerCase() ?? condition.field;
  const { value } = condition;
  if (row.takes === 'none') return `${field} ${row.words}`;
  if (row.takes === 'days') return `${field} ${row.words} ${count(value, 'day')}`;
  if (row.takes === 'two' && Array.isArray(value)) return `${field} ${row.words} ${quote(value[0])} and ${quote(value[1])}`;
  if (row.takes === 'many' && Array.isArray(value)) {
    const listed = value.slice(0, 5).map(quote).join(', ');
    return `${field} ${row.words} ${listed}${value.length > 5 ? ` and ${value.length - 5} more` : ''}`;
  }
  return `${field} ${row.words} ${quote(value)}`;
}

const deeds = {
  sent: ['was sent', 'was not sent'], delivered: ['was delivered', 'was not delivered'], opened: ['opened', 'did not open'], clicked: ['clicked', 'did not click'],
  bounced: ['bounced on', 'did not bounce on'], complained: ['complained about', 'did not complain about'], unsubscribed: ['unsubscribed from', 'did not unsubscribe from'],
  custom: ['has done', 'has not done'],
} as const;

function sayEvent(condition: EventCondition, context: RuleContext): string {
  const isDone = condition.operator !== 'has_not_done';
  const deed = deeds[condition.event][isDone ? 0 : 1];
  const machines = condition.machine === true ? ' (machines included)' : '';
  if (condition.operator === 'has_done_at_least') {
    return `${deed} ${condition.event === 'custom' ? `“${condition.name}”` : 'mail'} at least ${count(condition.times, 'time')}${machines}`;
  }
  return `${deed} ${sayMail(condition, context, isDone)}${condition.window === undefined ? '' : ` in the last ${sayWindow(condition.window)}`}${machines}`;
}

function sayMail(condition: EventCondition, context: RuleContext, isDone: boolean): string {
  if (condition.event === 'custom') return `“${condition.name}”`;
  if (condition.campaign !== undefined) return `the campaign ${named(context.sources[condition.campaign]?.name, 'campaign')}`;
  if (condition.journey !== undefined) {
    const journey = context.sources[condition.journey];
    return `${condition.step === undefined ? '' : `step “${journey?.steps?.[condition.step] ?? condition.step}” of `}the journey ${named(journey?.name, 'journey')}`;
  }
  return isDone ? 'a mail' : 'any mail';
}

function sayWindow(window: Window): string {
  const unit = window.unit.toLowerCase();
  return window.last === 1 ? unit : `${window.last} ${unit}s`;
}

function count(value: unknown, unit: string): string {
  return `${String(value)} ${unit}${value === 1 ? '' : 's'}`;
}

function named(name: string | undefined, kind: string): string {
  return `“${name ?? `deleted ${kind}`}”`;
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `“${value}”` : String(value);
}
