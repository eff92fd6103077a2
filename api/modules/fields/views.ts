import { z } from 'zod';
import type { CustomField, FieldType } from '#domain/customer/fields.ts';
import type { FieldNumbers } from '../../../search/field-numbers.ts';
import type { Use } from '../segments/uses.ts';
import { UseView } from '../segments/views.ts';

const type = z.enum(['text', 'number', 'date', 'boolean']);

export const FieldView = z.object({
  key: z.string(), label: z.string(),
  /** As conditions and merge tags read it now. */
  type,
  /** As it will be when the running re-index is done; the same as `type` when none is needed. */
  wantedType: type,
  no: z.number().int(),
  /** Another field whose key differs by case only. */
  twin: z.string().nullable(),
}).meta({ id: 'Field' });

/** A field with what is behind it; numbers are null while the search index cannot say them. */
export const FieldDetailView = FieldView.extend({
  /** Customers who have a value. */
  filled: z.number().int().nullable(),
  /** Of these, whose value does not fit the type: readable as text, missing to conditions. */
  misfits: z.number().int().nullable(),
  usedBy: z.array(UseView),
}).meta({ id: 'FieldDetail' });

export interface FieldRecord extends CustomField {
  readonly wantedType: FieldType;
}

/** The catalogue, those being taken away left out. */
export const FIELDS = 'select field_no as no, key, label, type, slot, wanted_type as "wantedType" from custom_field where not removing';

export function toFieldView(field: FieldRecord, catalogue: readonly Pick<CustomField, 'key'>[]): z.input<typeof FieldView> {
  const twin = catalogue.find((other) => other.key !== field.key && other.key.toLowerCase() === field.key.toLowerCase());
  return { key: field.key, label: field.label, type: field.type, wantedType: field.wantedType, no: field.no, twin: twin?.key ?? null };
}

export function toFieldDetail(field: FieldRecord, catalogue: readonly Pick<CustomField, 'key'>[], numbers: FieldNumbers | null, uses: readonly Use[]): z.input<typeof FieldDetailView> {
  const known = numbers?.byField.get(field.no) ?? null;
  return {
    ...toFieldView(field, catalogue),
    filled: numbers === null ? null : known?.filled ?? 0, misfits: numbers === null ? null : known?.misfits ?? 0,
    usedBy: uses.map(({ kind, id, name }) => ({ kind, id, name })),
  };
}
