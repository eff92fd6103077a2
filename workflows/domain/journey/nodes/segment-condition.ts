import type { Rule } from '../../segment/ast.ts';
import { evaluate } from '../../segment/evaluate.ts';
import { askedOf, decide, yesNo } from './condition.ts';
import { defineKind } from './node.ts';

export const segmentCondition = defineKind<{ readonly segment: string }>({
  kind: 'segment-condition', label: 'Segment Condition', group: 'condition', activity: 'condition', reads: ['document'],
  summary: 'Yes if the person is in a segment at this moment.',
  form: [{ name: 'segment', label: 'Segment', type: 'segment', required: true }],
  ports: yesNo,
  rules: ({ segment }) => [ruleOf(segment)],
  step: ({ segment }, member, around) => {
    const { document, rules } = askedOf(member, around);
    return decide(evaluate(ruleOf(segment), document, rules), { segment: Object.hasOwn(rules.segments, segment) ? rules.segments[segment]!.name : null });
  },
  describe: ({ segment }, names) => (segment === undefined ? 'No segment chosen' : `In “${names.segment(segment) ?? 'deleted segment'}”`),
});

function ruleOf(segment: string): Rule {
  return { op: 'and', parts: [{ segment, in: true }] };
}
