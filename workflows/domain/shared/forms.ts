/** Descriptions of form fields: the side panel, validation by the API and the documentation are made from them. */
export type Field = FieldBase & FieldType;

interface FieldBase {
  /** Key in the config. */
  readonly name: string;
  readonly label: string;
  readonly help?: string;
  readonly required?: boolean;
  /** Used where the config has none. */
  readonly default?: unknown;
  /** Shown and wanted only while another field has one of these values. */
  readonly when?: { readonly field: string; readonly is: readonly unknown[] };
}

export type FieldType =
  | { readonly type: 'text'; readonly max: number; readonly mergeTags?: boolean; readonly placeholder?: string }
  /** Text of many lines: JSON, a template. */
  | { readonly type: 'long-text'; readonly max: number; readonly mergeTags?: boolean }
  /** HTML or MJML of a mail. */
  | { readonly type: 'html'; readonly max: number }
  | { readonly type: 'email' }
  | { readonly type: 'url' }
  | { readonly type: 'secret' }
  | { readonly type: 'number'; readonly min?: number; readonly max?: number; readonly integer?: boolean }
  | { readonly type: 'boolean' }
  | { readonly type: 'choice'; readonly options: readonly { readonly value: string; readonly label: string }[] }
  /** `{ amount, unit }`; bounds in ms. */
  | { readonly type: 'duration'; readonly min: number; readonly max: number; readonly units: readonly DurationUnit[] }
  /** `HH:MM`. */
  | { readonly type: 'time' }
  /** Numbers from 1, Monday. */
  | { readonly type: 'weekdays' }
  | { readonly type: 'list' | 'segment' | 'campaign' | 'journey' | 'connection' }
  /** A send step: `own` of this journey before the step, `any` of the journey named by another field. */
  | { readonly type: 'send-step'; readonly of: 'own' | 'any' }
  /** A customer field; `types` limits which. */
  | { readonly type: 'customer-field'; readonly types?: readonly ('text' | 'number' | 'date' | 'boolean')[]; readonly writable?: boolean }
  /** Operator and value of a condition on the field named by `of`. */
  | { readonly type: 'comparison'; readonly of: string }
  /** `[{ key, value }]`. */
  | { readonly type: 'pairs'; readonly keyLabel: string; readonly valueLabel: string; readonly max: number }
  /** `[{ label, percent }]`, sum 100. */
  | { readonly type: 'shares'; readonly min: number; readonly max: number }
  /** Filters on event properties: `[{ property, operator, value }]`. */
  | { readonly type: 'property-filters' }
  /** `{ type: opened | … | custom, name? }`. */
  | { readonly type: 'event'; readonly events: readonly string[] }
  /** Goal of a journey: an event with filters, or a segment, or null. */
  | { readonly type: 'goal' };

export type DurationUnit = 'minutes' | 'hours' | 'days' | 'weeks';

export const unitMs: Readonly<Record<DurationUnit, number>> = { minutes: 60_000, hours: 3_600_000, days: 86_400_000, weeks: 604_800_000 };

export interface Duration {
  readonly amount: number;
  readonly unit: DurationUnit;
}

export function durationMs({ amount, unit }: Duration): number {
  return amount * unitMs[unit];
}
