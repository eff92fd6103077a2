import { createHash } from 'node:crypto';
import { parseEmailAddress } from '#domain/customer/email-address.ts';
import { readText, readValue, TEXT_MAX_LENGTH, VALUE_MAX_LENGTH } from '#domain/customer/fields.ts';
import type { FormField } from '../modules/forms/views.ts';
import type { Widgets } from './widgets.ts';

/** Names of inputs that are no fields: the tick under the words of consent, and what only a machine fills. */
export const CONSENT = 'consent';
export const TRAP = 'contact_me_by_fax_only';

/** What the tick under these words sends: of other words it is another, so nobody is kept as having agreed to what she did not see. */
export function agreementTo(words: string): string {
  return createHash('sha256').update(words).digest('base64url').slice(0, 16);
}

export interface Submission {
  readonly email: { readonly shown: string; readonly key: string };
  /** By the names of the form's fields; those left empty are not in it. */
  readonly answers: Readonly<Record<string, string>>;
}

/** What was typed, to be shown again beside what is wrong with it. */
export interface Refusal {
  readonly typed: Typed;
  readonly errors: ReadonlyMap<string, string>;
}

export type Typed = ReadonlyMap<string, string>;

/** The body of a form as texts: of a name given twice the first counts. */
export function readTyped(body: unknown): Typed {
  const entries = typeof body === 'object' && body !== null ? Object.entries(body as Record<string, unknown>) : [];
  return new Map(entries.flatMap(([name, value]): [string, string][] => {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' ? [[name, first]] : [];
  }));
}

/** Whether a machine filled what people do not see. */
export function isTrapped(typed: Typed): boolean {
  return (typed.get(TRAP) ?? '').trim() !== '';
}

/** Reads a submission by the form as it stands; names it does not ask for are left out. @returns everything that is wrong at once */
export function readSubmission(form: { readonly fields: readonly FormField[]; readonly consentText: string }, widgets: Widgets, typed: Typed, zone: string): Submission | Refusal {
  const errors = new Map<string, string>();
  const answers: Record<string, string> = {};
  const email = parseEmailAddress(typed.get('email') ?? '');
  if ('problem' in email) errors.set('email', (typed.get('email') ?? '').trim() === '' ? 'Please enter your email address.' : email.problem);
  for (const { field, label, required } of form.fields) {
    const widget = widgets.get(field);
    if (widget === undefined) continue;
    const read = readText(label, typed.get(field) ?? '', field.startsWith('custom.') ? VALUE_MAX_LENGTH : TEXT_MAX_LENGTH);
    if ('problem' in read) errors.set(field, read.problem);
    else if (read.value === null) {
      if (required) errors.set(field, widget.type === 'boolean' ? 'Please tick this box.' : 'Please fill this in.');
    } else if (readValue(widget.type, read.value, zone) === null) errors.set(field, misfits[widget.type]);
    else answers[field] = read.value;
  }
  const agreed = typed.get(CONSENT) ?? '';
  if (form.consentText !== '' && agreed !== agreementTo(form.consentText)) {
    errors.set(CONSENT, agreed === '' ? 'Please tick this box to go on.' : 'These words have changed. Please read them and tick the box again.');
  }
  return 'problem' in email || errors.size > 0 ? { typed, errors } : { email, answers };
}

const misfits = {
  text: 'Please fill this in.', number: 'Please enter a number, like 12 or 3.5.', date: 'Please enter a date, like 2026-01-31.', boolean: 'Please answer yes or no.',
} as const;
