import { findField, readOperand, type Rule } from '../../segment/ast.ts';
import { evaluate, valueAt } from '../../segment/evaluate.ts';
import { operators, type Operator, type OperatorRow } from '../../segment/operators.ts';
import { askedOf, decide, yesNo } from './condition.ts';
import { defineKind } from './node.ts';

interface FieldConditionConfig {
  readonly field: string;
  readonly comparison: { readonly operator: Operator; readonly value?: unknown };
}

export const fieldCondition = defineKind<FieldConditionConfig>({
  kind: 'field-condition', label: 'Field Condition', group: 'condition', activity: 'condition', reads: ['document'],
  summary: 'Yes if a field of the person holds what you say, at this moment.',
  form: [
    { name: 'field', label: 'Field', type: 'customer-field', required: true },
    { name: 'comparison', label: 'Condition', type: 'comparison', of: 'field', required: true },
  ],
  ports: yesNo,
  rules: (config) => [ruleOf(config)],
  check: ({ field, comparison }, world) => {
    const target = findField(field, world.catalogue);
    if (target === null) return [];
    const operand = readOperand(target.type, comparison.operator, comparison.value, world);
    const row: OperatorRow = operators[comparison.operator];
    return 'problem' in operand ? [{ field: row.types.includes(target.type) ? 'comparison.value' : 'comparison.operator', message: operand.problem, severity: 'error' }] : [];
  },
  step: (config, member, around) => {
    const { document, rules } = askedOf(member, around);
    const target = findField(config.field, rules.catalogue);
    const seen = target === null ? undefined : valueAt(target, document);
    return decide(evaluate(ruleOf(config), document, rules), {
      field: config.field, value: seen === undefined ? null : target?.type === 'date' ? new Date(seen as number).toISOString() : seen,
    });
  },
  describe: ({ field, comparison }) => {
    if (field === undefined) return 'No field chosen';
    const name = field.replace(/^custom\./, '');
    if (comparison === undefined) return name;
    const row: OperatorRow = operators[comparison.operator];
    return row.takes === 'none' ? `${name} ${row.words}` : `${name} ${row.words} ${sayValue(comparison.value)}${row.takes === 'days' ? ' days' : ''}`;
  },
});

function ruleOf({ field, comparison }: FieldConditionConfig): Rule {
  return { op: 'and', parts: [{ field, ...comparison }] };
}

function sayValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(sayValue).join(', ');
  return typeof value === 'string' ? `“${value}”` : String(value ?? '…');
}
