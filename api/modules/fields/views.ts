import { z } from 'zod';

export const FieldView = z.object({ key: z.string(), label: z.string(), type: z.enum(['text', 'number', 'date', 'boolean']), no: z.number().int() });

export function toFieldView(field: z.input<typeof FieldView>): z.input<typeof FieldView> {
  return { key: field.key, label: field.label, type: field.type, no: field.no };
}
