import { z } from 'zod';
import { eventNames, eventOperators } from '#domain/segment/events.ts';
import type { Explanation } from '#domain/segment/explain.ts';
import { operators, type Operator } from '#domain/segment/operators.ts';
import { windowUnits } from '#domain/segment/windows.ts';
import type { Segment } from '../../../infra/db/organization/entities/segment.ts';
import { CustomerView } from '../customers/views.ts';
import type { Use } from './uses.ts';

const ConditionView = z.object({ field: z.string(), operator: z.enum(Object.keys(operators) as [Operator, ...Operator[]]), value: z.unknown().optional() }).meta({ id: 'Condition' });
const ListConditionView = z.object({ list: z.string(), in: z.boolean() }).meta({ id: 'ListCondition' });
const SegmentConditionView = z.object({ segment: z.string(), in: z.boolean() }).meta({ id: 'SegmentCondition' });
const EventConditionView = z.object({
  event: z.enum(eventNames), name: z.string().optional(), operator: z.enum(eventOperators), times: z.number().int().optional(),
  window: z.object({ last: z.number().int(), unit: z.enum(windowUnits) }).optional(),
  campaign: z.string().optional(), journey: z.string().optional(), step: z.string().optional(), machine: z.boolean().optional(),
}).meta({ id: 'EventCondition' });
const RuleView = z.object({
  op: z.enum(['and', 'or', 'not']),
  get parts() { return z.array(z.union([RuleView, ConditionView, ListConditionView, SegmentConditionView, EventConditionView])); },
}).meta({ id: 'Rule' });

export const UseView = z.object({ kind: z.enum(['campaign', 'journey', 'segment', 'import', 'export', 'bulk', 'form', 'template']), id: z.string(), name: z.string() }).meta({ id: 'Use' });

/** A segment in a list: its rule in words, cut where a row ends anyway, without the tree. */
export const SegmentRowView = z.object({
  id: z.string(), name: z.string(), description: z.string(), sentence: z.string(), usedBy: z.array(UseView), version: z.number().int(), createdAt: z.string(), updatedAt: z.string(),
});
export const SegmentView = SegmentRowView.extend({ rule: RuleView });

const Mark = z.object({ field: z.string(), message: z.string() });
export const CountView = z.object({
  mailable: z.number().int(), total: z.number().int(),
  /** Conditions that can be asked and yet match nobody, each with its path and the reason. */
  warnings: z.array(Mark),
  /** Why nobody matches or can be mailed; empty when somebody can. */
  causes: z.array(z.string()),
});
export const SampleView = z.object({ data: z.array(CustomerView) });

export const PartView = z.object({
  path: z.string(), holds: z.boolean(), says: z.string(), value: z.string().nullable(),
  get parts() { return z.array(PartView); },
}).meta({ id: 'ExplainedPart' });
export const ExplanationView = z.object({ customer: z.object({ id: z.number().int(), email: z.string(), mailable: z.boolean() }), matches: z.boolean(), tree: PartView });

/** What conditions can be about beside fields, lists and segments. */
export const ChoicesView = z.object({
  customEvents: z.array(z.string()),
  /** Journeys that were published, with the steps of all their versions that send mail. */
  journeys: z.array(z.object({ id: z.string(), name: z.string(), steps: z.array(z.object({ id: z.string(), name: z.string() })) })),
});

const ROW_SENTENCE = 400;

export function toSegmentRow(segment: Segment, sentence: string, usedBy: readonly Use[]): z.input<typeof SegmentRowView> {
  return {
    id: segment.id, name: segment.name, description: segment.description, version: segment.version,
    sentence: sentence.length > ROW_SENTENCE ? `${sentence.slice(0, ROW_SENTENCE)}…` : sentence,
    usedBy: usedBy.map(({ kind, id, name }) => ({ kind, id, name })),
    createdAt: segment.createdAt.toISOString(), updatedAt: segment.updatedAt.toISOString(),
  };
}

export function toSegmentView(segment: Segment, sentence: string, usedBy: readonly Use[]): z.input<typeof SegmentView> {
  return { ...toSegmentRow(segment, sentence, usedBy), sentence, rule: segment.rule as z.input<typeof RuleView> };
}

export function toPartView({ path, holds, says, value, parts }: Explanation): z.input<typeof PartView> {
  return { path, holds, says, value, parts: parts.map(toPartView) };
}
