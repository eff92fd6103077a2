import { z } from 'zod';
import { operators, type Operator } from '#domain/segment/operators.ts';

const ConditionView = z.object({ field: z.string(), operator: z.enum(Object.keys(operators) as [Operator, ...Operator[]]), value: z.unknown().optional() }).meta({ id: 'Condition' });
const ListConditionView = z.object({ list: z.string(), in: z.boolean() }).meta({ id: 'ListCondition' });
export const RuleView = z.object({
  op: z.enum(['and', 'or', 'not']),
  get parts() { return z.array(z.union([RuleView, ConditionView, ListConditionView])); },
}).meta({ id: 'Rule' });

export const SegmentView = z.object({
  id: z.string(), name: z.string(), description: z.string(), rule: RuleView, sentence: z.string(), version: z.number().int(), createdAt: z.string(), updatedAt: z.string(),
});
export const CountView = z.object({ mailable: z.number().int(), total: z.number().int() });

export interface SegmentRecord {
  readonly id: string; readonly name: string; readonly key: string; readonly description: string; readonly rule: z.infer<typeof RuleView>; readonly version: number; readonly createdAt: Date; readonly updatedAt: Date;
}

export const SEGMENT = 'select id, name, lower(name) as key, description, rule, version, created_at as "createdAt", updated_at as "updatedAt" from segment';

export function toSegmentView(row: SegmentRecord, sentence: string): z.input<typeof SegmentView> {
  return {
    id: row.id, name: row.name, description: row.description, rule: row.rule, sentence, version: row.version,
    createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString(),
  };
}
