import { standardFields, systemFields, type FieldType } from '#domain/customer/fields.ts';

export interface CustomerField {
  /** As conditions and merge tags name it: `city`, `custom.plan_type`. */
  readonly key: string;
  readonly label: string;
  readonly type: FieldType;
  readonly group: 'standard' | 'custom' | 'system';
}

/** Every field of a customer, an organization's own between the standard ones and the system's. */
export function customerFields(custom: readonly { readonly key: string; readonly label: string; readonly type: FieldType }[]): CustomerField[] {
  const of = (fields: Readonly<Record<string, { type: FieldType; label: string }>>, group: CustomerField['group']) => Object.entries(fields).map(([key, { label, type }]): CustomerField => ({ key, label, type, group }));
  return [...of(standardFields, 'standard'), ...custom.map(({ key, label, type }): CustomerField => ({ key: `custom.${key}`, label, type, group: 'custom' })), ...of(systemFields, 'system')];
}
