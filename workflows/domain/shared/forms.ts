import { shapeProblem } from './forms-shapes.ts';

/** What stands for a secret wherever it leaves the server; sent back unchanged it means the one that is kept. */
export const KEPT_SECRET = '••••••••';

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
  /** Shown and wanted only while another field has one of these values; of an event, its `type` counts. */
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
  /** `{ amount, unit }`, a whole amount; bounds in ms. */
  | { readonly type: 'duration'; readonly min: number; readonly max: number; readonly units: readonly DurationUnit[] }
  /** `HH:MM`. */
  | { readonly type: 'time' }
  /** Numbers from 1, Monday, to 7. */
  | { readonly type: 'weekdays' }
  | { readonly type: 'list' | 'segment' | 'campaign' | 'journey' | 'connection' }
  /** A send step: `own` of this journey before the step, `any` of the journey named by another field. */
  | { readonly type: 'send-step'; readonly of: 'own' | 'any' }
  /** A customer field; `types` limits which. `writable`: no values the system keeps, and not the email. */
  | { readonly type: 'customer-field'; readonly types?: readonly ('text' | 'number' | 'date' | 'boolean')[]; readonly writable?: boolean }
  /** `{ operator, value? }` of a condition on the field named by `of`, with the operators of segments. */
  | { readonly type: 'comparison'; readonly of: string }
  /** A text, number or boolean that fits the customer field named by `of`. */
  | { readonly type: 'customer-value'; readonly of: string }
  /** `{ last, unit }` as in segments; none is any time. */
  | { readonly type: 'window' }
  /** `{ utm_source: … }` as campaigns have it; `off: 'true'` adds none. */
  | { readonly type: 'utm' }
  /** `[{ key, value }]`. */
  | { readonly type: 'pairs'; readonly keyLabel: string; readonly valueLabel: string; readonly max: number; /** Values are sealed by the server and never shown again. */ readonly isSecret?: boolean }
  /** `[{ label, percent }]`, whole percents, sum 100. */
  | { readonly type: 'shares'; readonly min: number; readonly max: number }
  /** Filters on event properties: `[{ property, operator, value }]`. */
  | { readonly type: 'property-filters' }
  /** `{ type: opened | … | custom, name? }`. */
  | { readonly type: 'event'; readonly events: readonly string[] }
  /** How people enter a journey: `Trigger` of `journey/entry.ts`. */
  | { readonly type: 'trigger' }
  /** What ends runs early, beyond what always does: `Exits` of `journey/entry.ts`. */
  | { readonly type: 'exits' }
  /** Goal of a journey: `Goal` of `journey/entry.ts`, or null. */
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

/** Whether a field belongs to the form as it is filled in now. */
export function isAsked(field: Field, form: readonly Field[], config: Readonly<Record<string, unknown>>): boolean {
  const { when } = field;
  if (when === undefined) return true;
  const other = form.find((each) => each.name === when.field);
  const value = Object.hasOwn(config, when.field) ? config[when.field] : other?.default;
  return when.is.includes(typeof value === 'object' && value !== null && 'type' in value ? value.type : value);
}

/**
 * A config as the form means it: with the defaults of what it leaves out, without what is not asked now or cannot be read.
 * So whoever reads a draft finds each value in its shape or not at all.
 */
export function readConfig(form: readonly Field[], config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const field of form) {
    if (!isAsked(field, form, config)) continue;
    const own = Object.hasOwn(config, field.name) ? config[field.name] : undefined;
    const isRead = own !== undefined && own !== null && !(own === '' && isChosen(field)) && shapeProblem(field, own) === null;
    const value = isRead ? own : field.default;
    if (value !== undefined) read[field.name] = value;
  }
  return read;
}

/** Whether an empty text is a choice not made yet. */
function isChosen({ type }: Field): boolean {
  return ['list', 'segment', 'campaign', 'journey', 'connection', 'send-step', 'customer-field'].includes(type);
}
