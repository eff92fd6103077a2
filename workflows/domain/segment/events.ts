import { packedRange, type MailEvent } from '../customer/activity.ts';
import type { EventCondition, RuleContext } from './ast.ts';
import { windowStart } from './windows.ts';

/** Event conditions, read once for both readers: what is looked at in the document, and where it must lie. */

export const eventNames = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'unsubscribed', 'custom'] as const;
export type EventName = (typeof eventNames)[number];

export const eventOperators = ['has_done', 'has_not_done', 'has_done_at_least'] as const;
export type EventOperator = (typeof eventOperators)[number];

/** What people did by machines as well. */
const withMachines: ReadonlySet<EventName> = new Set(['opened', 'clicked']);

/** She did it if one of the document's values of `field` lies in one of the ranges, both ends included. */
export interface EventTest {
  readonly field: string;
  readonly ranges: readonly { readonly gte: number; readonly lte?: number }[];
  readonly negated: boolean;
}

/** @returns the test; no ranges for what cannot have happened: a mail or an event there is none of */
export function eventTest(condition: EventCondition, context: RuleContext): EventTest {
  const negated = condition.operator === 'has_not_done';
  const from = condition.window === undefined ? null : windowStart(condition.window, context.now, context.zone);
  if (condition.event === 'custom') {
    const no = Object.hasOwn(context.customEvents, condition.name ?? '') ? context.customEvents[condition.name!]! : null;
    if (no === null) return { field: 'custom_events', ranges: [], negated };
    if (condition.operator === 'has_done_at_least') return { field: 'custom_event_counts', ranges: [packedRange(no, condition.times ?? 1)], negated };
    return { field: 'custom_events', ranges: [packedRange(no, from === null ? 0 : secondsFrom(from))], negated };
  }
  const event: MailEvent = condition.machine === true && withMachines.has(condition.event) ? `${condition.event as 'opened' | 'clicked'}_any` : condition.event;
  if (condition.operator === 'has_done_at_least') return { field: `${event}_count`, ranges: [{ gte: condition.times ?? 1 }], negated };
  const mails = mailNumbers(condition, context);
  if (mails === null) return { field: `${event}_last`, ranges: [{ gte: from ?? 0 }], negated };
  return { field: `${event}_in`, ranges: mails.map((no) => packedRange(no, from === null ? 0 : secondsFrom(from))), negated };
}

/** Packed values know seconds: the first whole one in the window. */
function secondsFrom(ms: number): number {
  return Math.max(0, Math.ceil(ms / 1_000));
}

/** Numbers of the mails a filter means, or null for any mail. */
function mailNumbers(condition: EventCondition, context: RuleContext): number[] | null {
  const id = condition.campaign ?? condition.journey;
  if (id === undefined) return null;
  const source = Object.hasOwn(context.sources, id) ? context.sources[id] : undefined;
  if (source === undefined || source.kind !== (condition.campaign === undefined ? 'journey' : 'campaign')) return [];
  return source.mails.filter((mail) => condition.step === undefined || mail.step === condition.step).map((mail) => mail.no);
}
