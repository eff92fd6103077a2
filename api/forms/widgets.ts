import type { FieldType } from '#domain/customer/fields.ts';
import type { Sql } from '../../infra/db/sql.ts';
import type { FormField } from '../modules/forms/views.ts';
import { escapeHtml } from '../http/page.ts';

/** What a field of a form is typed into. */
export interface Widget {
  readonly type: FieldType;
  /** Attributes of the input. */
  readonly attributes: Readonly<Record<string, string>>;
}

export type Widgets = ReadonlyMap<string, Widget>;

const standard: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  first_name: { type: 'text', autocomplete: 'given-name' }, last_name: { type: 'text', autocomplete: 'family-name' }, phone: { type: 'tel', autocomplete: 'tel' },
  city: { type: 'text', autocomplete: 'address-level2' }, country: { type: 'text', autocomplete: 'country-name' },
};
const byType: Readonly<Record<FieldType, Readonly<Record<string, string>>>> = {
  text: { type: 'text' }, number: { type: 'text', inputmode: 'decimal' }, date: { type: 'date' }, boolean: { type: 'checkbox', value: 'true' },
};

/** The address, asked on every form. */
export const emailWidget: Widget = { type: 'text', attributes: { type: 'email', autocomplete: 'email', maxlength: '254' } };

/** What the fields of forms are typed into, by their names: custom fields as their types are now. */
export async function widgetsOf(sql: Pick<Sql, 'rows'>, fields: readonly Pick<FormField, 'field'>[]): Promise<Widgets> {
  const keys = fields.flatMap(({ field }) => (field.startsWith('custom.') ? [field.slice('custom.'.length)] : []));
  const custom = keys.length === 0 ? [] : await sql.rows<{ key: string; type: FieldType }>('select key, type from custom_field where key = any($1) and not removing', [keys]);
  return new Map<string, Widget>([
    ...Object.entries(standard).map(([field, attributes]) => [field, { type: 'text', attributes }] as const),
    ...custom.map(({ key, type }) => [`custom.${key}`, { type, attributes: byType[type] }] as const),
  ]);
}

/** `name="value"` pairs; those that are `true` stand alone, those that are `false` are left out. */
export function attributesOf(values: Readonly<Record<string, string | boolean>>): string {
  return Object.entries(values).flatMap(([name, value]) => (value === false ? [] : [value === true ? name : `${name}="${escapeHtml(value)}"`])).join(' ');
}
